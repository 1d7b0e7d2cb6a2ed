/** The command `issuer`: from a YAML file to a login, over a restart and new keys. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openid from 'openid-client';
import { readConfig, refusePublishedSecrets } from '../../lib/service/config.js';
import { checkConfig } from '../../lib/service/service.js';
import { issuer } from '../../lib/service/issuer.js';
import { answerOf, ask, discover, logIn, openPage } from '../issuer/stage';
import { anInstance } from '../support/stage';
import { killAll, root, startNode, startService, startServiceAt } from './service-process';

const example = readFileSync(join(root, 'example/issuer.yml'), 'utf8');

const folder = mkdtempSync(join(tmpdir(), 'issuer-'));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the configuration', () => {
  it('of the example is valid, also with its optional keys for clients', async () => {
    const config = readConfig(example, 'config.yml', issuer);
    expect(config.publicURL).toBe('http://localhost:8081');
    expect(config.own).toMatchObject({ clients: [{ client_id: 'demo' }, {}] });
    await checkConfig(issuer, config);
  });

  it('accepts all optional keys', async () => {
    const full = example.replace(/^( *)#((?: +- | *[a-z_]+:).*)$/gm, '$1$2').replace(/^tls:\n.*\n.*\n/m, '');
    const config = readConfig(full, 'config.yml', issuer);
    expect(config.own).toMatchObject({
      path: '/login',
      ...{ session_minutes: 60, refresh_days: 14, client_documents: false, introspection: false },
      ...{ placeholder_email: false, revoke_token: false },
      clients: [
        {
          placeholder_email: { domain: 'users.example.com' },
          preferred_username: 'handle',
          origins: ['https://app.example.com'],
        },
        {},
      ],
    });
    await checkConfig(issuer, config);
  });

  it.each([
    'replace this by the output of openssl rand -hex 32',
    'replace this by the output of openssl rand -base64 32',
    'only for trying it out on this machine',
    '"only for trying it out on this machine "',
  ])('does not go live with the secret that the documentation shows: %s', async (secret) => {
    const clients = `clients: [{ client_id: a, client_secret: ${secret}, redirect_uris: [https://a.example/] }]`;
    const read = (host: string) =>
      refusePublishedSecrets(
        readConfig(`app_name: a\napp_host: ${host}\n${clients}\n`, 'config.yml', issuer),
      );
    expect(() => read('login.example')).toThrow(/^config\.yml:3: clients\.client_secret: is the example's, /);
    expect(() => read('localhost:8081\napp_scheme: http')).not.toThrow();
  });

  it('refuses the secrets of the example in production', () => {
    const secrets = [...example.matchAll(/^ *#?((?:client_)?secret|health_token): *(.+)$/gm)];
    expect(secrets.map(([, key]) => key)).toEqual(['client_secret', 'secret', 'health_token']);
    for (const [, key, value] of secrets) {
      const line =
        key === 'client_secret' ? `clients: [{ client_id: a, ${key}: ${value} }]` : `${key}: ${value}`;
      const read = () =>
        refusePublishedSecrets(
          readConfig(`app_name: a\napp_host: login.example\n${line}\n`, 'config.yml', issuer),
        );
      expect(read).toThrow(
        /^config\.yml:3: .*: is the example's, which is public: make one with openssl rand -hex 32$/,
      );
    }
  });

  it.each([
    [
      'a client without an ID',
      'clients: [{ client_secret: x }]',
      /config\.yml:3: clients\.client_id: is missing/,
    ],
    ['a short secret', 'secret: abcdefgh', /^config\.yml:3: secret: has fewer than 32 characters: use /],
    ['a path without a slash', 'path: login', /^config\.yml:3: path: must be a path such as \/login$/],
    [
      'a nested value of a client',
      'clients:\n  - client_id: a\n    token_endpoint_auth_method: none\n    preferred_username: x',
      /^config\.yml:6: clients\.preferred_username: must be handle or nickname$/,
    ],
    [
      'a domain for invented addresses',
      'placeholder_email: { domain: gmail.com }',
      /^config\.yml:3: placeholder_email\.domain: must be your own: /,
    ],
    ['a misspelt key', 'clients: [{ client_id: a, redirect_uri: x }]', /did you mean redirect_uris/],
    [
      'a redirect URI that is none',
      'clients: [{ client_id: a, client_secret: long-and-secret, redirect_uris: [nowhere] }]',
      /config\.yml:3: clients: clients\[0\] \(a\): redirect_uris/,
    ],
    [
      'an ID that another client has',
      'clients: [{ client_id: a, redirect_uris: https://a.example }, { client_id: a }]',
      /^config\.yml:3: clients: there is another client a$/,
    ],
    ['a missing domain', 'placeholder_email: {}', /^config\.yml:3: placeholder_email\.domain: is missing$/],
    ['a word for true or false', 'device_flow: constructor', /:3: device_flow: must be true or false$/],
    [
      'a blank secret',
      `clients: [{ client_id: a, client_secret: '${' '.repeat(12)}' }]`,
      /_secret: has no value/,
    ],
    ['a path that is no path', 'path: /a?b', /^config\.yml:3: path: must be a path such as \/login$/],
  ])('names the line of %s, and no secret', async (_what, line, message) => {
    const text = `app_name: a\napp_host: a.example\n${line}\n`;
    const check = async () => checkConfig(issuer, readConfig(text, 'config.yml', issuer));
    const error = await check().catch((thrown: Error) => thrown);
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('long-and-secret');
  });
});

describe('the command', () => {
  it('logs users in, and recognises them after a restart with another key', async () => {
    const instance = await anInstance();
    const configOf = (port: number) => `
app_name: A service under test
app_host: localhost:${port}
app_scheme: http
listen: ${port}
db_path: issuer.mdb
path: /login/
clients:
  - client_id: shop
    client_secret: the secret of the shop, which is long
    redirect_uris: http://client.localhost:1/callback
development_instances: [${instance.origin}]
`;
    const { process, port } = await startService(folder, configOf, 'issuer');
    const stage = { issuerURL: `http://localhost:${port}/login` };
    const started = JSON.parse(process.output.at(-1) ?? '') as { event: string; url: string };
    expect(started).toMatchObject({ event: 'started', url: stage.issuerURL });
    const { visitor, claims } = await logIn(stage, instance);
    expect(claims?.nickname).toBe('alice');

    const command = [join(root, 'dist/service/command.js'), 'issuer', '--config', `${port}.yml`];
    const rotation = startNode([...command, '--rotate-keys'], { cwd: folder });
    expect(await rotation.ended).toBe(0);
    expect(rotation.output.join()).toContain('Users stay logged in');
    // The operator's script may pass an empty variable, or a handle instead of a `sub`.
    for (const subject of ['', claims?.preferred_username as string]) {
      const ending = startNode([...command, '--end-logins', subject], { cwd: folder });
      expect(await ending.ended).toBe(2);
      expect(ending.errors()).toContain('must be a sub');
    }
    const both = startNode([...command, '--rotate-keys', '--end-logins', 'x'], { cwd: folder });
    expect(await both.ended).toBe(2);
    expect(await process.kill('SIGTERM')).toBe(0);
    const log = process.output.join('\n');
    for (const secret of ['the secret of the shop', 'code=', 'state=']) expect(log).not.toContain(secret);
    // oidc-provider's own warning about Node.js 20.
    expect(process.errors().replace(/^oidc-provider WARNING: Unsupported runtime.*\n/gm, '')).toBe('');

    await startServiceAt(port, folder, configOf, 'issuer');
    const { keys } = (await (await fetch(`${stage.issuerURL}/jwks`)).json()) as { keys: unknown[] };
    expect(keys).toHaveLength(2);
    const config = await discover(stage);
    const asked = await ask(config, { prompt: 'none' });
    const answer = answerOf(await openPage(visitor, asked.url));
    const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
    expect(tokens.claims()?.sub).toBe(claims?.sub);
  }, 60_000);
});
