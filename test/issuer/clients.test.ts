/** Settings of one client: placeholder address, user name, origins. Refusals name the setting to change. */

import type { IssuerClient } from '../../lib/issuer';
import { Visitor } from '../support/visitor';
import { aStage, app, ask, discover, logIn, openPage, shop, television } from './stage';

const started = (client: object, more: object = {}) => aStage({ clients: [client as IssuerClient], ...more });

describe('a client that requires an e-mail address', () => {
  it('gets one below the domain of the operator, which is never verified', async () => {
    const { stage, instance } = await aStage({
      clients: [
        { ...shop, placeholder_email: { domain: 'users.example.com' } },
        { ...app, placeholder_email: { domain: 'other.example' } },
      ],
    });
    const { claims } = await logIn(stage, instance);
    expect(claims).toMatchObject({ email_verified: false });
    expect(claims?.email).toMatch(/^[\da-f]{32}@users\.example\.com$/);
    const other = await logIn(stage, instance, { client: app });
    expect(other.claims?.email).toMatch(/@other\.example$/);
    expect(other.claims?.sub).toBe(claims?.sub);
  });

  it('gets the domain that is set for all clients, unless its own setting differs', async () => {
    const { stage, instance } = await aStage({
      placeholderEmail: { domain: 'users.example.com' },
      clients: [
        shop,
        { ...app, placeholder_email: false },
        { ...app, client_id: 'b', placeholder_email: true },
      ],
    });
    expect((await logIn(stage, instance)).claims?.email).toMatch(/@users\.example\.com$/);
    const without = await logIn(stage, instance, { client: app });
    expect(without.claims).not.toHaveProperty('email');
    const other = await logIn(stage, instance, { client: { ...app, client_id: 'b' } });
    expect(other.claims?.email).toMatch(/@users\.example\.com$/);
  });

  it.each([['gmail.com'], ['no domain'], ['localhost'], ['a@b.example'], ['-.example'], [7]])(
    'does not get one at %s',
    async (domain) => {
      const setting = { placeholder_email: { domain } };
      await expect(started({ ...shop, ...setting })).rejects.toThrow(
        /clients\[0\]\.placeholder_email\.domain/,
      );
    },
  );
});

it('a client may get the name without the server as preferred_username', async () => {
  const { stage, instance } = await aStage({ clients: [{ ...shop, preferred_username: 'nickname' }, app] });
  expect((await logIn(stage, instance)).claims?.preferred_username).toBe('alice');
  const other = await logIn(stage, instance, { client: app });
  expect(other.claims?.preferred_username).toBe(`alice@${instance.host}`);
  await expect(started({ ...shop, preferred_username: 'name' })).rejects.toThrow(/be handle or nickname/);
});

describe('a page of another origin', () => {
  const paths = ['/token', '/device/code', '/revoke'];
  const call = async (issuerURL: string, path: string, client: IssuerClient, origin: string) => {
    const headers: Record<string, string> = { Origin: origin };
    const body = new URLSearchParams({ client_id: client.client_id, token: 'x', grant_type: 'x' });
    if (client.client_secret !== undefined) body.set('client_secret', client.client_secret);
    const response = await fetch(issuerURL + path, { method: 'POST', headers, body });
    return response.headers.get('access-control-allow-origin');
  };
  const page = 'https://tv.example.com';

  it('reads the answers for a client that lists the origin, and for no other', async () => {
    const listed = { ...app, origins: [page] };
    const { stage } = await aStage({
      clients: [listed, { ...shop, token_endpoint_auth_method: 'client_secret_post' }],
    });
    for (const path of paths.filter((one) => one !== '/device/code')) {
      expect(await call(stage.issuerURL, path, listed, page)).toBe(page);
      expect(await call(stage.issuerURL, path, listed, 'https://evil.example')).toBeNull();
      expect(await call(stage.issuerURL, path, shop, page)).toBeNull();
    }
    expect(stage.events).toContainEqual([
      'client_refused',
      expect.objectContaining({ reason: expect.stringMatching(/add it to origins of the client/) as string }),
    ]);
  });

  it('reads what userinfo says to a listed origin', async () => {
    const { stage, instance } = await aStage({ clients: [{ ...shop, origins: [page] }] });
    const { tokens } = await logIn(stage, instance);
    for (const [origin, allowed] of [
      [page, page],
      ['https://evil.example', null],
    ] as const) {
      const headers = { Authorization: `Bearer ${tokens.access_token}`, Origin: origin };
      const response = await fetch(`${stage.issuerURL}/userinfo`, { headers });
      expect(response.headers.get('access-control-allow-origin')).toBe(allowed);
    }
  });

  it('reads the answers for a public device, wherever the page is from', async () => {
    const { stage } = await aStage();
    for (const path of paths) expect(await call(stage.issuerURL, path, television, page)).toBe(page);
  });

  it.each(['https://tv.example.com/', 'tv.example.com', '*', 'null', 'app://x'])(
    'is not listed as %s',
    async (origin) => {
      await expect(started({ ...app, origins: [origin] })).rejects.toThrow(/origins must hold web origins/);
    },
  );
});

describe('the issuer tells the operator which setting to change', () => {
  it.each([
    [{ ...app, redirect_uris: ['com.example.app:/callback'] }, /application_type to native/],
    [{ ...shop, client_secret: undefined }, /set client_secret, or token_endpoint_auth_method to none/],
    [{ ...shop, redirect_uris: undefined }, /set redirect_uris/],
    [{ ...shop, response_types: ['id_token'] }, /response_type=code/],
    [{ ...app, application_type: 'native', redirect_uris: ['http://a.example/'] }, /use https/],
  ])('where a client cannot work: %#', async (client, advice) => {
    await expect(started(client)).rejects.toThrow(advice);
  });

  it('if a client sends something that was not agreed', async () => {
    const { stage } = await aStage();
    const config = await discover(stage);
    const opened = async (params: Record<string, string>) => {
      const { url } = await ask(config, params);
      if ('code_challenge' in params) url.searchParams.delete('code_challenge_method');
      if ('scope' in params) url.searchParams.delete('nonce');
      await openPage(new Visitor(), url);
      return stage.events.filter(([event]) => event === 'client_refused').at(-1)?.[1];
    };
    expect(await opened({ redirect_uri: 'https://a.example/' })).toMatchObject({
      client: 'shop',
      reason: expect.stringMatching(/add the redirect_uri to redirect_uris/) as string,
    });
    for (const scope of ['profile email', 'user:email']) {
      expect(await opened({ scope })).toMatchObject({
        code: 'invalid_scope',
        reason: expect.stringMatching(/set the scopes of the program to openid/) as string,
      });
    }
    expect(await opened({ client_id: 'shopp' })).toMatchObject({
      reason: expect.stringMatching(/add the client_id to clients/) as string,
    });
  });

  it.each(['with+plus and more', 'with%percent and more', 'with:colon and more'])(
    'that programs encode the secret %s in different ways',
    async (secret) => {
      const { stage } = await started({ ...shop, client_secret: secret });
      const hints = stage.events.filter(([event]) => event === 'warning').map(([, { hint }]) => String(hint));
      expect(hints.join()).toMatch(
        /the client_secret of the client shop contains [+%:], .*openssl rand -hex 32/,
      );
      expect(hints.join()).not.toContain(secret);
    },
  );

  it('and no warning about a secret of hexadecimal digits', async () => {
    const { stage } = await started({ ...shop, client_secret: 'c0ffee'.repeat(8) });
    expect(stage.events).toEqual([]);
  });
});
