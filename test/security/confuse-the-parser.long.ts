/** The attacker sends an answer in the wrong form: a form for JSON, an array for an object, a key for a prototype. */

import { anInstance, aSite, comeBack, start } from '../support/stage.js';
import { refusal, until } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { Visitor, type Page } from '../support/visitor.js';

interface Bad {
  readonly type?: string;
  readonly body: string | Buffer;
}

const json = 'application/json';
const token = '"access_token":"EVIL-ONE-OF-THE-PARSER","token_type":"Bearer"';
const account = '"id":"1","username":"admin","acct":"admin"';
const app = '"client_id":"EVIL-ONE-OF-THE-PARSER","client_secret":"EVIL-ONE-OF-THE-PARSER"';
const about = '"uri":"evil.example","version":"4.5.0"';
/** Every member that any of the endpoints reads. */
const all = `${token},${account},${app},${about}`;
const form =
  'access_token=EVIL-ONE-OF-THE-PARSER&token_type=Bearer&id=1&username=admin&client_id=EVIL-ONE-OF-THE-PARSER&client_secret=EVIL-ONE-OF-THE-PARSER&uri=x';
const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);

const bytes = (...codes: number[]): Bad => ({
  body: Buffer.concat([Buffer.from(`{${all},"x":"`), Buffer.from(codes), Buffer.from('"}')]),
});

/** Answers that no endpoint may accept as a document. More types and texts: test/http/json. */
const bad: Record<string, Bad> = {
  'a form': { type: 'application/x-www-form-urlencoded', body: form },
  'a form that is called JSON': { body: form },
  'JSON called HTML': { type: 'text/html', body: `{${all}}` },
  'JSON called text': { type: 'text/plain', body: `{${all}}` },
  'JSON in a list of types': { type: 'text/html, application/json', body: `{${all}}` },
  'JSON without a type': { type: '', body: `{${all}}` },
  'two documents': { body: `{${all}}{${all}}` },
  nothing: { body: '' },
  null: { body: 'null' },
  'a huge number': { body: '1e999999' },
  'a string with JSON in it': { body: JSON.stringify(`{${all}}`) },
  'an array with the object': { body: `[{${all}}]` },
  'an empty object': { body: '{}' },
  'an object that is cut off': { body: `{${all}` },
  'broken UTF-8': bytes(0xc3, 0x28),
  'overlong UTF-8': bytes(0xc0, 0xaf),
  'half a surrogate pair': bytes(0xed, 0xa0, 0x80),
  'UTF-16': { type: `${json}; charset=utf-16`, body: Buffer.from(`\ufeff{${all}}`, 'utf16le') },
  'a NUL': { body: `{${all}}\0` },
  'ten thousand brackets': { body: `{${all},"x":${deep('[', ']', 10_000)}}` },
  'thirty thousand brackets that never close': { body: '['.repeat(30_000) },
  'two byte order marks': { body: `\ufeff\ufeff{${all}}` },
};

/** Values that are wrong wherever they are. */
const values: Record<string, string> = {
  null: 'null',
  true: 'true',
  'a number': '-1.5',
  'a huge number': '123456789012345678901234567890',
  infinity: '1e999',
  'an array': '["EVIL-ONE-OF-THE-PARSER"]',
  'an array in an array': '[["EVIL-ONE-OF-THE-PARSER"]]',
  'an object': '{"EVIL-ONE-OF-THE-PARSER":"EVIL-ONE-OF-THE-PARSER"}',
  'an object that is no string': '{"toString":null,"valueOf":null}',
  'an object with a length': '{"length":3,"0":"a"}',
  'an object with then': '{"then":"EVIL-ONE-OF-THE-PARSER"}',
  'a prototype': '{"__proto__":{"toString":"EVIL-ONE-OF-THE-PARSER"}}',
  'an empty string': '""',
  'a string with a line break': '"EVIL-ONE-OF-THE-PARSER\\r\\nX-Header: EVIL-ONE-OF-THE-PARSER"',
  'a string with a NUL': '"EVIL-ONE-OF-THE-PARSER\\u0000"',
  'half a surrogate pair': '"\\ud800"',
  'a very long string': JSON.stringify('x'.repeat(8_500)),
};

/** All members of the documents that a login can do without. */
function everyMember(value: string): string {
  const members = [
    ...['issuer', 'authorization_endpoint', 'token_endpoint', 'scopes_supported'],
    ...['software', 'subject', 'links'],
  ];
  return `{${members.map((name) => `"${name}":${value}`).join(',')}}`;
}

/** The endpoints that a login needs, and those that it can do without. */
const needed = {
  instance: 'GET /api/v1/instance',
  registration: 'POST /api/v1/apps',
  token: 'POST /oauth/token',
  account: 'GET /api/v1/accounts/verify_credentials',
};
const optional = [
  'GET /.well-known/oauth-authorization-server',
  'GET /nodeinfo/2.0',
  'GET /.well-known/webfinger',
  'GET /.well-known/host-meta',
];

function answer(instance: StandIn, route: string, { type = json, body }: Bad): void {
  instance.answer(route, (_req, res) => {
    if (type !== '') res.setHeader('Content-Type', type);
    res.end(body);
  });
}

async function loginWith(route: string, answered: Bad, persona: 'mastodon42' | 'mastodon45' = 'mastodon42') {
  const instance = await anInstance(persona);
  const site = await aSite({ instances: [instance] });
  const visitor = new Visitor();
  const isStart = route === needed.instance || route === needed.registration || optional.includes(route);
  let page: Page;
  if (isStart) {
    answer(instance, route, answered);
    page = await start(visitor, site, `@alice@${instance.host}`);
  } else {
    const callback = await comeBack(visitor, site, instance.host);
    // The invalid-code check runs meanwhile, and its code must be refused as usual.
    await until(() => instance.requestsTo(needed.token).length > 0);
    answer(instance, route, answered);
    page = await visitor.get(callback.href);
  }
  expect(site.errors).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  return { instance, site, page };
}

describe.each(Object.entries(needed))('the answer about the %s', (_what, route) => {
  const codes =
    route === needed.instance ? /^(response_invalid|instance_unsupported)$/ : /^response_invalid$/;

  it.each(Object.entries(bad))('is %s', async (_name, answered) => {
    const { site, page, instance } = await loginWith(route, answered);
    expect(refusal(page).code).toMatch(codes);
    expect(site.verified).toEqual([]);
    expect(JSON.stringify(page)).not.toContain('EVIL-ONE-OF-THE-PARSER');
    if (route === needed.token) expect(instance.requestsTo(needed.account)).toEqual([]);
  });
});

describe('a single member', () => {
  const good = {
    token: ['access_token', 'token_type', 'refresh_token', 'expires_in', 'scope', 'created_at', 'me'],
    account: ['id', 'username', 'acct', 'display_name', 'url', 'uri', 'avatar', 'pleroma', 'moved'],
    registration: ['client_id', 'client_secret', 'redirect_uris', 'scopes', 'client_secret_expires_at'],
    instance: ['uri', 'version', 'account_domain', 'domain', 'title'],
  };
  const documents = { token, account, registration: app, instance: about };

  it.each(
    Object.entries(good).flatMap(([what, members]) => members.map((member) => [member, what] as const)),
  )('%s of the answer about the %s is odd', async (member, what) => {
    const document = JSON.parse(`{${documents[what as keyof typeof documents]}}`) as Record<string, unknown>;
    for (const value of Object.values(values)) {
      const body = JSON.stringify({ ...document, [member]: 'HERE' }).replace('"HERE"', value);
      const { page } = await loginWith(needed[what as keyof typeof needed], { body });
      if (page.status !== 302) expect(refusal(page).code).toMatch(/^(response_invalid|account_unusable)$/);
      const isKey = ['access_token', 'token_type', 'id', 'username', 'client_id', 'client_secret'].includes(
        member,
      );
      if (isKey) expect([value.slice(0, 40), page.status]).toEqual([value.slice(0, 40), 502]);
    }
  });
});

describe.each(optional)('the answer to %s', (route) => {
  it.each([
    ...Object.entries(bad),
    ...Object.entries(values).map(([name, value]) => [name, { body: everyMember(value) }] as const),
  ])('is %s', async (_name, answered) => {
    for (const persona of ['mastodon45', 'mastodon42'] as const) {
      const { page } = await loginWith(route, answered, persona);
      // The login works without it, or fails with a known code.
      if (page.status !== 302) expect(refusal(page).code).toMatch(/^(response_invalid|instance_insecure)$/);
    }
  });

  it('leads to another host, if no API answers', async () => {
    const instance = await anInstance('mastodon42');
    instance.answerWith(needed.instance, 404, {});
    instance.answerWith('GET /api/v2/instance', 404, {});
    for (const answered of [
      ...Object.values(bad),
      ...Object.values(values).map((value) => ({ body: everyMember(value) })),
    ]) {
      answer(instance, route, answered);
      const site = await aSite({ instances: [instance] });
      expect(refusal(await start(new Visitor(), site, `@alice@${instance.host}`)).code).toMatch(
        /^(instance_unsupported|response_invalid|instance_insecure)$/,
      );
      expect(site.errors).toEqual([]);
    }
  });
});

it('a prototype in the account is not what verify receives', async () => {
  const poison = '"__proto__":{"polluted":"EVIL"},"constructor":{"prototype":{"polluted":"EVIL"}}';
  const body = `{${poison},${account},"pleroma":{${poison}},"emojis":[{${poison}}]}`;
  const { site, page } = await loginWith(needed.account, { body });
  expect(page.location).toContain('/me');
  const [{ _json: seen }] = site.verified as [{ _json: Record<string, unknown> }];
  expect(Object.getPrototypeOf(seen)).toBe(Object.prototype);
  expect(JSON.stringify(seen)).not.toContain('__proto__');
});

it.each([
  ['token', token, 'response_invalid'],
  ['account', account, 'response_invalid'],
  ['registration', app, 'response_invalid'],
  ['instance', about, 'instance_unsupported'],
] as const)(
  'a required member of the answer about the %s cannot be in a prototype',
  async (what, members, code) => {
    const { page } = await loginWith(needed[what], { body: `{"__proto__":{${members}}}` });
    expect(refusal(page).code).toBe(code);
  },
);

describe('odd answers that are accepted', () => {
  it.each([
    ['a byte order mark', { body: `\ufeff{${account}}` }],
    ['a type with parameters', { type: 'application/json;charset=utf-8;odd="a;b"', body: `{${account}}` }],
    ['a type with a suffix', { type: 'application/jrd+json', body: `{${account}}` }],
    ['a type in capitals', { type: 'APPLICATION/JSON', body: `{${account}}` }],
    ['depth that real servers have', { body: `{${account},"x":${deep('[', ']', 50)}}` }],
    ['brackets in a string', { body: `{${account},"note":"${'['.repeat(10_000)}\\"${'{'.repeat(10_000)}"}` }],
    ['a key that comes twice: the last one counts', { body: `{"id":"7","username":"bob",${account}}` }],
  ])('has %s', async (_name, answered) => {
    const { site, page } = await loginWith(needed.account, answered);
    expect(page.status).toBe(302);
    expect(site.verified[0]).toMatchObject({ username: 'admin' });
  });
});

it('a server cannot have its text shown, logged or thrown', async () => {
  const marker = 'EVIL-TEXT';
  for (const route of Object.values(needed)) {
    for (const status of [200, 400, 401, 403, 404, 422, 429, 500, 503]) {
      const instance = await anInstance('mastodon42');
      const site = await aSite({ instances: [instance] });
      const visitor = new Visitor();
      const isStart = route === needed.instance || route === needed.registration;
      const callback = isStart ? undefined : await comeBack(visitor, site, instance.host);
      instance.answerWith(route, status, { error: marker, error_description: marker, message: marker });
      const page = callback ? await visitor.get(callback.href) : await start(visitor, site, instance.host);
      expect(page.text + JSON.stringify(page.headers)).not.toContain(marker);
      expect(site.verified).toEqual([]);
      expect(site.errors).toEqual([]);
    }
  }
});
