/** The option `clients`: refused values, the values for oidc-provider, and warnings for the operator. */

import { createIssuer, type IssuerClient } from '../../lib/issuer';
import { readClients, readPlaceholder, warningsAbout, withAdvice } from '../../lib/issuer/client-options';

const device = 'urn:ietf:params:oauth:grant-type:device_code';
const shop: IssuerClient = {
  client_id: 'shop',
  client_secret: 'twelve chars',
  redirect_uris: ['https://shop.example/callback'],
};
const read = (client: object) => readClients([{ ...shop, ...client }], undefined)[0];

describe('createIssuer refuses', () => {
  const refusal = (clients: unknown) =>
    createIssuer({ issuerURL: 'http://localhost:1', clientName: 'A', clients: clients as IssuerClient[] });

  it.each<[string, unknown, string]>([
    ['no list of clients', 'shop', 'clients must be an array'],
    ['nothing in place of a client', [undefined], 'requires a clients[0].client_id option'],
    ['null in place of a client', [null], 'requires a clients[0].client_id option'],
    ['a client without an ID', [{}], 'requires a clients[0].client_id option'],
    ['an ID twice', [shop, { ...shop }], 'clients[1]: there is another client shop'],
    [
      'a secret that can be guessed',
      [{ ...shop, client_secret: 'eleven char' }],
      'clients[0] (shop): client_secret has fewer than 12 characters: use the output of openssl rand -hex 32',
    ],
    [
      'no boolean for PKCE',
      [{ ...shop, require_pkce: 'no' }],
      'clients[0].require_pkce must be true or false',
    ],
    [
      'a public client without PKCE',
      [{ ...shop, token_endpoint_auth_method: 'none', require_pkce: false }],
      'clients[0] (shop): a client without a secret cannot do without PKCE: leave out require_pkce',
    ],
    [
      'another user name',
      [{ ...shop, preferred_username: 'name' }],
      'clients[0].preferred_username must be handle or nickname, and is "name"',
    ],
    [
      'no list of origins',
      [{ ...shop, origins: 'https://a.example' }],
      'clients[0].origins must be an array',
    ],
    [
      'an origin with a path',
      [{ ...shop, origins: ['https://a.example', 'https://a.example/b'] }],
      'clients[0].origins must hold web origins, such as https://app.example.com, and is "https://a.example/b"',
    ],
    ['an origin of an app', [{ ...shop, origins: ['app://x'] }], 'clients[0].origins must hold web origins'],
    ['a number as origin', [{ ...shop, origins: [7] }], 'clients[0].origins must hold web origins'],
    [
      'text for the placeholder address',
      [{ ...shop, placeholder_email: 'a.example' }],
      'clients[0].placeholder_email must be true, false or { domain }',
    ],
    [
      'null for the placeholder address',
      [{ ...shop, placeholder_email: null }],
      'clients[0].placeholder_email must be true, false or { domain }',
    ],
    [
      'another member beside the domain',
      [{ ...shop, placeholder_email: { domain: 'a.example', name: 'b' } }],
      'there is no clients[0].placeholder_email.name',
    ],
    [
      'an empty domain',
      [{ ...shop, placeholder_email: { domain: ' ' } }],
      'clients[0].placeholder_email.domain must be text',
    ],
    [
      'a domain that is too long for an address',
      [{ ...shop, placeholder_email: { domain: `${'a.'.repeat(92)}example` } }],
      'clients[0].placeholder_email.domain must be a domain, such as users.example.com',
    ],
    [
      'the domain of an e-mail provider',
      [{ ...shop, placeholder_email: { domain: 'GMail.com' } }],
      'clients[0].placeholder_email.domain must be your own: at an e-mail provider, other people have the addresses',
    ],
  ])('%s', async (_what, clients, message) => {
    await expect(refusal(clients)).rejects.toThrow(message);
  });
});

it.each([
  ['begins', 'a.b.example', 'x a.b.example'],
  ['ends', 'a.example', 'a.example x'],
  ['has a part that ends with a hyphen', 'a-b.example', 'a-.example'],
  ['ends with a hyphen', 'a.example', 'a.example-'],
])('a placeholder domain that %s in a wrong way is refused', (_what, right, wrong) => {
  expect(readPlaceholder('x', { domain: right }, undefined)).toBe(right);
  expect(() => readPlaceholder('x', { domain: wrong }, undefined)).toThrow('must be a domain');
});

it('a placeholder domain has at most 190 characters', () => {
  const longest = `${'a.'.repeat(91)}example1`;
  expect(longest).toHaveLength(190);
  expect(readPlaceholder('x', { domain: longest }, undefined)).toBe(longest);
});

it.each<[string, IssuerClient['placeholder_email'], string | undefined, string | undefined]>([
  ['none by default', undefined, undefined, undefined],
  ['the one that is set for all clients', undefined, 'all.example', 'all.example'],
  ['none, although one is set for all clients', false, 'all.example', undefined],
  ['the one for all clients, as it wants one', true, 'all.example', 'all.example'],
  ['one below mastodon.invalid', true, undefined, 'mastodon.invalid'],
  ['its own, in lower case', { domain: 'Own.Example' }, 'all.example', 'own.example'],
])('the placeholder domain of a client is %s', (_what, setting, forAll, domain) => {
  expect(readClients([{ ...shop, placeholder_email: setting }], forAll)[0]?.own.emailDomain).toBe(domain);
});

describe('a client', () => {
  it('needs PKCE, has its handle as user name, no origins and no refresh tokens by default', () => {
    expect(read({})?.own).toEqual({
      emailDomain: undefined,
      usesNickname: false,
      origins: new Set(),
      needsPKCE: true,
      mayRefresh: false,
    });
    const set = {
      require_pkce: false,
      preferred_username: 'nickname',
      origins: ['https://a.example', 'http://localhost:3000'],
      grant_types: ['authorization_code', 'refresh_token'],
    };
    expect(read(set)?.own).toMatchObject({
      usesNickname: true,
      origins: new Set(set.origins),
      needsPKCE: false,
      mayRefresh: true,
    });
  });

  it('is passed on to oidc-provider without the settings of the issuer', () => {
    const own = {
      placeholder_email: true,
      preferred_username: 'handle',
      origins: [],
      require_pkce: true,
    };
    expect(read({ ...own, client_uri: 'https://shop.example' })?.metadata).toEqual({
      ...shop,
      client_uri: 'https://shop.example',
    });
  });

  it.each<[readonly string[], boolean]>([
    [[device], true],
    [[device, 'refresh_token'], true],
    [[device, 'authorization_code'], false],
    [['refresh_token'], false],
  ])('with the grants %j has no redirect URIs and response types: %s', (grants, isDevice) => {
    const { metadata } = readClients([{ client_id: 'tv', grant_types: grants }], undefined)[0] ?? {};
    const without = { redirect_uris: [], response_types: [] };
    expect(metadata).toEqual({ client_id: 'tv', grant_types: grants, ...(isDevice && without) });
  });
});

describe('a warning about a secret', () => {
  const warnings = (client: object) =>
    readClients([{ ...shop, ...client }], undefined).flatMap(warningsAbout);

  it.each([
    ['a long+secret', '+'],
    ['a long+secret%', '+ and %'],
    [':a long secret', ':'],
  ])('%s names what programs encode in different ways, and not the secret', (secret, named) => {
    const [warning, ...others] = warnings({ client_secret: secret });
    expect(others).toEqual([]);
    expect(warning).toContain(`the client_secret of the client shop contains ${named}, which`);
    expect(warning).not.toContain(secret);
  });

  it('does not appear if the secret is sent by another method than HTTP Basic, or is missing', () => {
    const secret = 'a long+secret';
    expect(warnings({ client_secret: secret, token_endpoint_auth_method: 'client_secret_post' })).toEqual([]);
    expect(
      warnings({ client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' }),
    ).toHaveLength(1);
    expect(warnings({})).toEqual([]);
    expect(warnings({ client_secret: undefined })).toEqual([]);
  });
});

it('a message of oidc-provider is followed by the setting to change, or is unchanged', () => {
  expect(withAdvice('client not found')).toBe(
    'client not found: add the client_id to clients, or correct it in the program',
  );
  expect(withAdvice('origin https://a.example not allowed for client: shop')).toContain(
    ': add it to origins of the client',
  );
  expect(withAdvice('something else')).toBe('something else');
});
