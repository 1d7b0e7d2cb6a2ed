/** The attacker crafts a callback URL that makes the site do or show something else. */

import { aReturn, aStage, changed, comeBack, open, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

describe('repeated and nested parameters of an otherwise valid response', () => {
  it.each([
    'code=other',
    'code[a][b]=other',
    'code%5Ba%5D=other',
    'error[]=access_denied',
    'iss=a&iss=a',
    'state[__proto__]=x',
  ])('%s', async (more) => {
    const { instance, visitor, callback } = await aReturn();
    const page = await open(visitor, `${callback.href}&${more}`);
    expect([page.status, page.json().code]).toEqual([403, 'login_mismatch']);
    expect(instance.requests).toEqual([]);
  });

  it('unknown parameters have no effect', async () => {
    const { instance, site, visitor } = await aStage();
    const callback = await comeBack(visitor, site, instance.host);
    const more =
      'instance=evil.example&client_id=x&redirect_uri=https://evil.example&__proto__[x]=1&code_verifier=x&a=1&a=2';
    expect((await open(visitor, `${callback.href}&${more}`)).status).toBe(200);
  });
});

describe('the text of an error is not shown', () => {
  const text = 'Please-call-0800-EVIL<script>alert(1)</script>';
  const query = new URLSearchParams({ error_description: text, error_uri: `https://evil.example/${text}` });

  it.each([
    ['access_denied', 'access_denied'],
    [text, 'token_refused'],
    ['invalid_scope', 'token_refused'],
  ])('of a server whose response is valid: error=%s', async (error, code) => {
    for (const failureRedirect of [false, true]) {
      const { instance, site, visitor, callback } = await aReturn('mastodon45', { failureRedirect });
      const denied = changed(callback, { code: undefined, error });
      const page = await open(visitor, `${denied.href}&${query.toString()}`);
      if (!failureRedirect) expect(page.json().code).toBe(code);
      expect(page.text).not.toMatch(/EVIL|script|evil/);
      expect(page.text).toContain(instance.host);
      expect(instance.requests).toEqual([]);
      expect(site.errors).toEqual([]);
    }
  });

  it.each(['', `&state=${'A'.repeat(43)}`, '&state=x', '&state=a&state=b'])(
    'of a stranger, with %j',
    async (state) => {
      const { instance, site, visitor } = await aStage();
      const page = await open(
        visitor,
        `${site.callbackURL}/${encodeURIComponent(text)}?error=${text}${state}&${query.toString()}`,
      );
      expect(page.status).toBe(403);
      expect(page.json().code).toMatch(/^login_(expired|mismatch)$/);
      expect(page.text).not.toMatch(/EVIL|script|evil/);
      expect(instance.requests).toEqual([]);
    },
  );
});

it.each([
  ['two addresses', 'instance=HOST&instance=HOST'],
  ['a list', 'instance[]=HOST'],
  ['an object', 'instance[toString]=HOST'],
  ['a line break', 'instance=HOST%0d%0aX-Evil:1'],
])('the address typed as %s is refused', async (_what, query) => {
  const { instance, site } = await aStage();
  const typed = query.replaceAll('HOST', encodeURIComponent(instance.host));
  const page = await new Visitor().get(`${site.origin}/auth/mastodon?${typed}`);
  expect([page.status, page.json().code]).toEqual([
    400,
    expect.stringMatching(/^instance_(invalid|missing)$/),
  ]);
  expect(instance.requests).toEqual([]);
});

it('the message about a refused address does not repeat the typed text', async () => {
  const { site, visitor } = await aStage();
  const page = await start(visitor, site, '<script>alert(1)</script>');
  expect(page.json()).toMatchObject({ code: 'instance_invalid' });
  expect(page.text).not.toContain('script');
});
