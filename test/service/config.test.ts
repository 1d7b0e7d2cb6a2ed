/** The service's configuration file: its keys, and the messages for mistakes. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { limitDefaults } from '../../lib/bridge/options.js';
import { authenticator } from '../../lib/service/authenticator.js';
import { loadConfig, readConfig } from '../../lib/service/config.js';
import { checkConfig } from '../../lib/service/service.js';
import { StartError } from '../../lib/service/start-error.js';

const least = 'app_name: My game\napp_host: auth.example.com\n';

const read = (text: string) => readConfig(text, 'config.yml', authenticator);

const readShared = (text: string) => read(text).shared;

function mistakeIn(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    expect(error.status).toBe(2);
    return error.message;
  }
  throw new Error(`no mistake was found in:\n${text}`);
}

describe('a valid configuration', () => {
  it('needs a name and a host', () => {
    expect(read(least)).toEqual({
      mistake: expect.any(Function) as unknown,
      texts: expect.any(Object) as unknown,
      shared: { clientName: 'My game', outbound: {} },
      publicURL: 'https://auth.example.com',
      listen: { host: '127.0.0.1', port: 8080 },
      databasePath: resolve('authenticator.mdb'),
      trustedProxies: 0,
      own: expect.any(Object) as unknown,
    });
  });

  it('may be one of the Generic Mastodon Authenticator', () => {
    const config = read(`
# The name that people see
app_name: example_app
app_host: localhost:8080
app_scheme: http
db_path: ./store.db
app_website: https://example.com
scopes: [read, "write:statuses"]
`);
    expect(config.shared).toMatchObject({ clientName: 'example_app', website: 'https://example.com' });
    expect([config.publicURL, config.databasePath]).toEqual(['http://localhost:8080', resolve('store.db')]);
    expect(config.own).toMatchObject({ scopes: ['read', 'write:statuses'] });
  });

  it.each(['read write', '"read  write read"', 'read, write', '\n  - read\n  - write', 'profile'])(
    'takes the scopes %j',
    async (yaml) => {
      await checkConfig(authenticator, read(`${least}scopes: ${yaml}`));
    },
  );

  it.each([
    ['9000', '127.0.0.1', 9000],
    [':9000', '::', 9000],
    ['0.0.0.0:9000', '0.0.0.0', 9000],
    ['localhost:0', 'localhost', 0],
    ['"[::1]:9000"', '::1', 9000],
  ])('listens at %s', (yaml, host, port) => {
    expect(read(`${least}listen: ${yaml}`).listen).toEqual({ host, port });
  });

  it('accepts names that YAML reads as other types, and YAML references', () => {
    expect(read('app_name: 2048\napp_host: auth.example.com').shared.clientName).toBe('2048');
    expect(read('app_name: &a auth.example.com\napp_host: *a').publicURL).toBe('https://auth.example.com');
    expect(read('app_name: a\napp_host: AUTH.Example.com:443').publicURL).toBe('https://auth.example.com');
  });

  it('distinguishes a folder for the database from a file', () => {
    expect(read(`${least}db_path: /var/lib/game/`).databasePath).toBe('/var/lib/game/');
    expect(read(`${least}db_path: /var/lib/game.db`).databasePath).toBe('/var/lib/game.db');
  });

  it('may list the allowed instances', () => {
    const { allowInstance } = readShared(
      `${least}allowed_instances: [mastodon.social, "*.example.org", BÜCHER.example, localhost:4000]\n` +
        'denied_instances: evil.example.org',
    );
    const hosts = [
      ['mastodon.social', true],
      ['a.mastodon.social', false],
      ['mastodon.social.example.net', false],
      ['mastodonxsocial', false],
      ['a.b.example.org', true],
      ['example.org', false],
      ['evil.example.org', false],
      ['xn--bcher-kva.example', true],
      ['localhost:4000', true],
    ] as const;
    expect(hosts.map(([host]) => [host, allowInstance?.(host)])).toEqual(hosts);
  });

  it('may list denied instances only', () => {
    const { allowInstance } = readShared(`${least}denied_instances:\n  - "*.evil.example"\n  - evil.example`);
    expect(['evil.example', 'a.evil.example', 'good.example'].map((host) => allowInstance?.(host))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('accepts every limit', async () => {
    const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    const limits = Object.keys(limitDefaults).map((name, i) => [snake(name), i + 1] as const);
    const config = read(`${least}limits:\n${limits.map(([name, i]) => `  ${name}: ${i}\n`).join('')}`);
    expect(config.own).toMatchObject({ limits: Object.fromEntries(limits) as unknown });
    await checkConfig(authenticator, config);
  });

  it('accepts origins of pages, of browser extensions and of files', async () => {
    const origins = '[file://, "null", https://Game.example/, moz-extension://abc, "*"]';
    await checkConfig(authenticator, read(`${least}origins: ${origins}`));
  });

  it('names the line of a key whose value is refused later', () => {
    const config = read(`${least}listen: 80`);
    expect(config.mistake('listen', 'is taken', 1)).toMatchObject({
      message: 'config.yml:3: listen: is taken',
      status: 1,
    });
    expect(config.mistake('db_path', 'is full').message).toBe('config.yml:1: db_path: is full');
  });
});

describe('a mistake', () => {
  it.each([
    ['', 'config.yml:1: must hold lines of the form "key: value"'],
    ['a name', 'config.yml:1: must hold lines of the form "key: value"'],
    ['- app_name', 'config.yml:1: must hold lines of the form "key: value"'],
    ['\napp_host: a.example', 'config.yml:2: app_name: is missing'],
    ['app_name: a', 'config.yml:1: app_host: is missing'],
    ['app_name:\napp_host: a', 'config.yml:1: app_name: has no value: give it one, or take the line out'],
    ['app_name: [a]\napp_host: a', 'config.yml:1: app_name: must be text'],
    [`${least}\n\napp_scheme: ftp`, 'config.yml:5: app_scheme: must be http or https'],
    [
      `${least}app_scheme: http`,
      'config.yml:3: app_scheme: must be https unless app_host is localhost; give tls, or put a proxy with TLS before it',
    ],
    [
      'app_name: a\napp_host: localhost\napp_scheme: http\ntls: { cert: a, key: b }',
      'config.yml:4: tls: is of no use with app_scheme: http',
    ],
    [`${least}app_nmae: b`, 'config.yml:3: app_nmae: is not a known key; did you mean app_name?'],
    [`${least}redis-url: b`, 'config.yml:3: redis-url: is not a known key; did you mean redis_url?'],
    [`${least}app_name: b`, 'config.yml:3: app_name: is there twice'],
    [`${least}scopes:\n  - read\n  - [write]`, 'config.yml:5: scopes: must be text'],
    [
      `${least}listen: nowhere`,
      'config.yml:3: listen: must be a port, or an address and a port: 127.0.0.1:8080',
    ],
    [
      `${least}listen: 99999`,
      'config.yml:3: listen: must be a port, or an address and a port: 127.0.0.1:8080',
    ],
    [`${least}tls: yes`, 'config.yml:3: tls: must hold lines of the form "key: value"'],
    [`${least}tls:\n  cert: a.pem\n  key: b.pem`, 'config.yml:4: tls.cert: cannot be read (ENOENT)'],
    [`${least}tls:\n  cert: a.pem`, 'config.yml:3: tls.key: is missing'],
    [
      `${least}tls:\n  cert: a.pem\n  key: a.pem\n  crt: a.pem`,
      'config.yml:6: tls.crt: is not a known key; did you mean cert?',
    ],
    [
      `${least}allowed_instances:\n  - a.example\n  - https://b.example/`,
      'config.yml:5: allowed_instances: must hold hosts such as mastodon.social or *.example.com',
    ],
    [
      `${least}limits:\n  max_socket: 5`,
      'config.yml:4: limits.max_socket: is not a known key; did you mean max_sockets?',
    ],
    [
      `${least}limits:\n  max_sockets: 0`,
      'config.yml:4: limits.max_sockets: must be a whole number from 1 to 2147483647',
    ],
    [`${least}trusted_proxies: -1`, 'config.yml:3: trusted_proxies: must be a whole number from 0 to 10'],
  ])('in %j is reported with its line and key', (text, message) => {
    expect(mistakeIn(text)).toBe(message);
  });

  it.each(['https://a.example', 'a.example/path', 'a b', 'user@a.example'])('in the host %s', (host) => {
    expect(mistakeIn(`app_name: a\napp_host: ${host}`)).toBe(
      'config.yml:2: app_host: must be a host name such as auth.example.com, without scheme or path',
    );
  });

  it('in the YAML itself names the line', () => {
    expect(mistakeIn('app_name: a\napp_host: [a\n')).toMatch(/^config\.yml:\d: .*is not valid YAML: /);
    expect(mistakeIn('app_name: a\n\tapp_host: a')).toMatch(/^config\.yml:2: .*is not valid YAML: /);
  });

  it('of an unquoted star names the fix', () => {
    expect(mistakeIn(`${least}allowed_instances:\n  - a.example\n  - *.example.com`)).toBe(
      'config.yml:5: allowed_instances: begins with *, which YAML takes for a reference: put it in quotes',
    );
  });

  it('is reported together with all others, each with its line', () => {
    const text = `app_name: ""\nlisten: nowhere\nlimits:\n  max_sockets: many\nallowed_instances: [a.example, b c]`;
    expect(mistakeIn(text).split('\n')).toEqual([
      'config.yml:1: app_name: has no value: give it one, or take the line out',
      'config.yml:1: app_host: is missing',
      'config.yml:2: listen: must be a port, or an address and a port: 127.0.0.1:8080',
      'config.yml:4: limits.max_sockets: must be a whole number from 1 to 2147483647',
      'config.yml:5: allowed_instances: must hold hosts such as mastodon.social or *.example.com',
    ]);
  });

  it.each(['evil.example.', 'evil.example:443', '"EVIL.example."'])(
    'denies %s, however it is written',
    (host) => {
      const { allowInstance } = readShared(`${least}denied_instances: [${host}]`);
      expect([allowInstance?.('evil.example'), allowInstance?.('good.example')]).toEqual([false, true]);
    },
  );

  it.each([
    [`app_name: ${'x'.repeat(61)}`, /^config\.yml:1: app_name: must have at most 60 characters$/],
    ['app_name: "My\\u2028game"', /^config\.yml:1: app_name: must have no control characters/],
    ['app_website: example.com', /^config\.yml:3: app_website: must be an http\(s\) URL$/],
    ['app_website: https://user:pw@a.example/', /^config\.yml:3: app_website: must have no credentials$/],
    ['scopes: []', /^config\.yml:3: scopes: must be names of scopes, /],
    ['path: socket', /^config\.yml:3: path: must begin with a slash$/],
    ['origins: example.com', /^config\.yml:3: origins: must hold origins such as "https:.*, or "\*"$/],
    ['development_instances: a', /^config\.yml:3: development_instances: must hold origins such as /],
    [
      'private_instances: https://social.lan',
      /^config\.yml:3: private_instances: must hold host names such as /,
    ],
  ])('that only the bridge finds is named by its key and line: %s', async (line, message) => {
    const text = line.startsWith('app_name') ? least.replace(/^.*/, line) : least + line;
    const error: unknown = await checkConfig(authenticator, read(text)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'StartError', status: 2 });
    expect((error as Error).message).toMatch(message);
  });

  it('with endless references is refused', () => {
    const names = [...'abcdefghij'];
    const lists = names.map((_name, i) => `[${i === 0 ? 'x,'.repeat(9) : `*${names[i - 1]},`.repeat(9)}]`);
    const text = names.map((name, i) => `key_${name}: &${name} ${lists[i]}`).join('\n');
    expect(mistakeIn(`${least}${text}`)).toBe('config.yml:1: has too many references (&name and *name)');
  });

  it('lists the keys if none is similar', () => {
    expect(mistakeIn(`${least}colour: red`)).toMatch(/is not a known key; there are app_name, app_host, /);
  });

  it('does not repeat a token', () => {
    expect(mistakeIn(`${least}health_token: s3cret`)).toBe(
      'config.yml:3: health_token: must have at least 16 characters, without spaces: openssl rand -hex 16 makes one',
    );
  });

  it.each(['|s3cret', '"\\us3cret"', '!s3cret!x a', '!<s3cret a', '%s3cret', '[s3cret', '"a" s3cret'])(
    'does not repeat a token that YAML reads as something else: %s',
    (text) => {
      const message = mistakeIn(`${least}health_token: ${text}`);
      expect(message).toMatch(/^config\.yml:\d: .*is not valid YAML: \w+ \w+/);
      expect(message).not.toContain('s3c');
    },
  );

  it('does not repeat a password', () => {
    expect(mistakeIn(`${least}redis_url: http://user:s3cret@redis`)).toBe(
      'config.yml:3: redis_url: must be a URL such as redis://localhost:6379',
    );
  });
});

describe('files', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'config-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('that are not in UTF-8 are refused, so that no name is registered with a wrong letter', () => {
    const file = join(folder, 'config.yml');
    writeFileSync(file, Buffer.from(least.replace(/^app_name: .*/, 'app_name: Jörg'), 'latin1'));
    expect(() => loadConfig(file, authenticator)).toThrow(
      /cannot be read \(ERR_ENCODING_INVALID_ENCODED_DATA\)/,
    );
    writeFileSync(file, `\ufeff${least}`);
    expect(loadConfig(file, authenticator).publicURL).toBe(read(least).publicURL);
  });

  it('that cannot be read are named', () => {
    expect(() => loadConfig(join(folder, 'none.yml'), authenticator)).toThrow(
      `${folder}/none.yml: cannot be read (ENOENT)`,
    );
    expect(() => loadConfig(folder, authenticator)).toThrow(`${folder}: cannot be read (EISDIR)`);
  });

  it('that are not certificates are refused', () => {
    writeFileSync(join(folder, 'a.pem'), 'not a certificate');
    writeFileSync(join(folder, 'config.yml'), `${least}tls: { cert: a.pem, key: a.pem }`);
    expect(() => loadConfig(join(folder, 'config.yml'), authenticator)).toThrow(
      /\/config\.yml:3: tls: cert and key are not a certificate and its private key \(\w+\)$/,
    );
  });
});
