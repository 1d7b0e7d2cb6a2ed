/** Each of the ten languages has every text. */

import { ErrorCode, MastodonError, type MastodonErrorCode } from '../../lib/errors';
import { languageCodeOf, languageCodes, languageOf, messageFor } from '../../lib/button/texts';

const codes = Object.keys(ErrorCode) as MastodonErrorCode[];
const english = languageOf('en').words;
const translated = languageCodes.filter((lang) => lang !== 'en');

it('there are ten languages', () => {
  expect(languageCodes).toHaveLength(10);
});

describe.each(translated)('%s', (lang) => {
  const { words, messages, reasons } = languageOf(lang);

  it('has a sentence for every error code', () => {
    const inEnglish = codes.filter((code) => messageFor(code, { lang }) === messageFor(code));
    expect(inEnglish).toEqual([]);
    expect(new Set(Object.values(messages)).size).toBe(codes.length - 2);
  });

  it('names the instance if English does, and reads well without one', () => {
    for (const code of codes) {
      const named = new MastodonError(code, { instance: 'a.example' }).message.includes('a.example');
      expect([code, messageFor(code, { lang, instance: 'a.example' })?.includes('a.example')]).toEqual([
        code,
        named,
      ]);
      expect(messageFor(code, { lang })).not.toMatch(/%s| {2}| [.,:]|undefined/);
    }
  });

  it('has a message for the reasons that the button gives, and for those that do not fit the message of the code', () => {
    const codes = {
      name_without_dot: 'instance_invalid',
      user_without_server: 'instance_invalid',
      email_address: 'instance_invalid',
      certificate: 'instance_unreachable',
      server_error: 'instance_unreachable',
    };
    expect(Object.keys(reasons)).toEqual(Object.keys(codes));
    for (const [reason, code] of Object.entries(codes)) {
      const text = messageFor(code, { lang, instance: 'a.example', reason });
      expect(text).not.toBe(messageFor(code, { instance: 'a.example', reason }));
      expect(text?.includes('a.example')).toBe(code === 'instance_unreachable');
    }
  });

  it('has all texts, with a host if English has one', () => {
    for (const [name, text] of Object.entries(words)) {
      expect([name, text.includes('%s')]).toEqual([
        name,
        english[name as keyof typeof english].includes('%s'),
      ]);
      expect(text.trim()).not.toBe('');
    }
  });
});

it('the English messages are those of the errors', () => {
  for (const code of codes) expect(messageFor(code)).toBe(new MastodonError(code).message);
});

it('English has a message for every reason; other languages fall back to the code’s message', () => {
  const reason = 'server_busy';
  expect(messageFor('instance_unreachable', { reason })).toBe(
    new MastodonError('instance_unreachable', { reason }).message,
  );
  expect(messageFor('instance_unreachable', { lang: 'de', reason })).toBe(
    messageFor('instance_unreachable', { lang: 'de' }),
  );
  expect(messageFor('timeout', { reason: '__proto__' })).toBe(messageFor('timeout'));
});

it.each([
  ['pt-BR', 'pt'],
  ['zh-Hant-TW', 'zh'],
  ['DE_at', 'de'],
  ['tlh', 'en'],
  ['constructor', 'en'],
  ['', 'en'],
  [undefined, 'en'],
])('%s means %s', (tag, code) => {
  expect(languageCodeOf(tag)).toBe(code);
});

it('an unknown code has no message', () => {
  for (const code of ['', 'nonsense', '__proto__', 'toString']) expect(messageFor(code)).toBeUndefined();
});

it('a host is inserted unchanged, whatever characters it has', () => {
  expect(messageFor('timeout', { lang: 'de', instance: "$&$'%s" })).toContain("Server $&$'%s hat");
});

it.each(['Call 555 now', '電話してください', 'evil.example/call', '<b>evil.example', 'a'.repeat(261)])(
  'leaves out an instance that is not a host, as it may come from the address of a page: %s',
  (instance) => {
    for (const lang of ['en', 'de']) {
      expect(messageFor('timeout', { lang, instance })).toBe(messageFor('timeout', { lang }));
    }
  },
);

it('a Latin host stays in one piece in text from right to left', () => {
  expect(messageFor('timeout', { lang: 'ar', instance: 'a.example' })).toContain('\u2068a.example\u2069');
});
