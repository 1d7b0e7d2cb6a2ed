/** `loginForm`: the HTML of the form. */

import { languageFor, loginForm } from '../../lib/button/form';

const hostile = `"><script>alert('&\`')</script>`;

it('escapes every value', () => {
  const html = loginForm({
    action: `/x${hostile}`,
    lang: hostile,
    id: `i${hostile}`,
    field: `f${hostile}`,
    value: hostile,
    servers: [hostile],
    hidden: { [`h${hostile}`]: hostile },
    failure: { code: hostile, message: hostile, instance: hostile },
    join: `/j${hostile}`,
  });
  expect(html).not.toMatch(/<script|"">|[^=]"[^ >]*<|`|'/);
  expect(html.match(/&lt;script&gt;/g)?.length).toBeGreaterThanOrEqual(10);
});

it('connects label, hint and error with the field', () => {
  const html = loginForm({ action: '/a', id: 'server', failure: { message: 'No.' }, value: 'x' });
  expect(html).toContain('<label for="server">');
  expect(html).toMatch(
    /<input id="server"[^>]* aria-invalid="true" aria-describedby="server-error server-hint" autofocus>/,
  );
  expect(html).toContain('<p class="mastodon-login-error" role="alert" id="server-error">No.</p>');
  expect(html).toContain('id="server-hint"');
  const plain = loginForm({ action: '/a', id: 'server' });
  expect(plain).toContain('aria-describedby="server-hint">');
  expect(plain).not.toMatch(/aria-invalid|autofocus|role="alert"/);
});

it('shows the message of a code in the language of the page, otherwise the failure’s own', () => {
  const of = (failure: object, lang: string) =>
    />([^<]*)<\/p><p class="mastodon-login-hint/.exec(loginForm({ action: '/a', lang, failure }))?.[1];
  expect(of({ code: 'login_mismatch', message: 'x' }, 'nl')).toMatch(/^Het antwoord hoort niet/);
  expect(of({ code: 'of_tomorrow', message: 'Our own words' }, 'nl')).toBe('Our own words');
});

it('writes in the direction of the language', () => {
  expect(loginForm({ action: '/a', lang: 'ar-EG' })).toMatch(/^<mastodon-login lang="ar" dir="rtl"/);
  expect(loginForm({ action: '/a' })).toMatch(/^<mastodon-login lang="en" dir="ltr"/);
});

it.each([
  ['javascript:alert(1)', false],
  [' \tjava\nscript:alert(1)', false],
  ['data:text/html,x', false],
  ['/join', true],
  ['https://join.example/', true],
  ['', false],
  [false, false],
] as const)('a newcomer is sent to %j: %s', (join, isThere) => {
  expect(loginForm({ action: '/a', join }).includes('mastodon-login-join')).toBe(isThere);
});

it('includes the site’s additional fields', () => {
  expect(loginForm({ action: '/a', hidden: { _csrf: 't' } })).toContain(
    '<input type="hidden" name="_csrf" value="t">',
  );
});

it('requires an action', () => {
  expect(() => loginForm({} as { action: string })).toThrow(/"action"/);
});

it.each([
  ['de', 'de'],
  ['de-CH,de;q=0.9,en;q=0.8', 'de'],
  ['tlh, fr;q=0.3, pt-BR;q=0.7', 'pt'],
  ['fr;q=0, es;q=0.1', 'es'],
  ['*', 'en'],
  ['', 'en'],
  [undefined, 'en'],
  [',;q=,;;=', 'en'],
  ['de;q=x', 'en'],
])('a browser with Accept-Language %j gets %s', (header, code) => {
  expect(languageFor(header)).toBe(code);
});

it('is submitted by the browser itself, without Turbo or htmx', () => {
  expect(loginForm({ action: '/a' })).toContain(
    '<form method="post" action="/a" data-turbo="false" hx-boost="false">',
  );
  expect(loginForm({ action: '/a', target: '_top' })).toMatch(/<form [^>]*target="_top"/);
});

it('keeps Cloudflare from replacing what looks like an e-mail address', () => {
  const html = loginForm({ action: '/a', value: '@ada@mastodon.social' });
  const [, inside] = /<!--email_off-->(.*)<!--\/email_off-->/s.exec(html) ?? [];
  expect(inside).toContain('@ada@mastodon.social');
  expect(html.replace(String(inside), '')).not.toMatch(/@\w+@/);
});
