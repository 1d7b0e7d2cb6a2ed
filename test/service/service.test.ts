/** The command as its operators run it: a separate process, with real sockets, browsers and instances. */

import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { agree, Client } from '../bridge/stage';
import { selfSigned } from '../support/certificate';
import { startInstance, type StandIn } from '../support/instance';
import { Visitor } from '../support/visitor';
import {
  killAll,
  lines,
  root,
  startNode,
  startService,
  startServiceAt,
  type NodeProcess,
} from './service-process';

let instance: StandIn;
let folder: string;
let port: number;

beforeAll(async () => (instance = await startInstance()));
afterAll(() => instance.close());
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'service-'))));
afterEach(async () => {
  await killAll();
  rmSync(folder, { recursive: true, force: true });
});

const command = (...args: string[]): NodeProcess =>
  startNode([join(root, 'dist/service/command.js'), ...args], { cwd: folder });

/** At a free port, or at the port of an earlier one. */
async function start(more = '', again?: number): Promise<NodeProcess> {
  const config = (at: number): string => `app_name: A game under test
app_host: localhost:${at}
app_scheme: http
db_path: data/game.mdb
listen: localhost:${at}
development_instances: ${instance.origin}
${more}`;
  if (again !== undefined) return startServiceAt(again, folder, config);
  const { process, port: taken } = await startService(folder, config);
  port = taken;
  return process;
}

const events = (service: NodeProcess): string[] =>
  service.output.map((line) => (JSON.parse(line) as { event: string }).event);

async function logIn(visitor = new Visitor()): Promise<{ token: string }> {
  const client = await Client.open(`ws://localhost:${port}/`);
  const { url } = await client.request(instance.host);
  expect((await agree(visitor, url)).status).toBe(200);
  return client.hear('fulfill');
}

describe('a running service', () => {
  it('logs a user in, and writes a log without secrets', async () => {
    const service = await start();
    const { token } = await logIn();
    expect(instance.tokens.get(token)).toMatchObject({ username: 'alice' });
    await service.kill('SIGTERM');
    const log = service.output.join('\n');
    for (const secret of [
      token,
      ...[...instance.apps.values()].flatMap((app) => [app.clientId, app.clientSecret]),
    ]) {
      expect(log).not.toContain(secret);
    }
    expect(log).toContain(instance.host);
    expect(service.errors()).toBe('');
  });

  it('reports its state and version, and 404 for unknown paths', async () => {
    await start('app_website: https://game.example/?a&b');
    const visitor = new Visitor();
    const client = await Client.open(`ws://localhost:${port}/`);
    await client.request(instance.host);
    const health = await visitor.get(`http://localhost:${port}/healthz`);
    expect([health.status, health.json()]).toEqual([200, { status: 'ok', sockets: 1, pending: 1 }]);
    const index = await visitor.get(`http://localhost:${port}/`);
    expect([index.status, index.headers['content-security-policy']]).toEqual([
      200,
      expect.stringContaining("default-src 'none'"),
    ]);
    expect(index.text).toContain('<a href="https://game.example/?a&#38;b"><bdi>A game under test</bdi></a>');
    expect((await visitor.get(`http://localhost:${port}/none`)).status).toBe(404);
  });

  it('uses only allowed instances', async () => {
    await start(`allowed_instances: [mastodon.example]`);
    const client = await Client.open(`ws://localhost:${port}/`);
    client.ask(instance.host);
    expect(await client.hear('invalid-host')).toMatchObject({ code: 'instance_not_allowed' });
  });

  it('accepts WebSockets at the configured path only, which its log shows', async () => {
    const service = await start('path: /socket');
    const started = JSON.parse(await lines(service, /"event":"started"/)) as { url: string };
    expect(started.url).toBe(`http://localhost:${port}/socket`);
    await Client.open(`ws://localhost:${port}/socket`);
    await expect(Client.open(`ws://localhost:${port}/`)).rejects.toThrow();
  });
});

it('uses TLS itself if it has a certificate', async () => {
  const { cert, key } = selfSigned();
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  const { port: at, process } = await startService(
    folder,
    (free) =>
      `app_name: a\napp_host: localhost:${free}\nlisten: localhost:${free}\ntls: { cert: cert.pem, key: key.pem }\n`,
  );
  const visitor = new Visitor();
  expect((await visitor.get(`https://localhost:${at}/healthz`)).status).toBe(200);
  const client = await Client.open(`wss://localhost:${at}/`, { rejectUnauthorized: false });
  client.ask('nonsense');
  expect(await client.hear('invalid-host')).toMatchObject({ code: 'instance_invalid' });
  expect(await process.kill('SIGTERM')).toBe(0);
});

describe('a service behind a proxy', () => {
  const behind = (more: string) =>
    startService(folder, (free) => `app_name: a\napp_host: a.example\nlisten: 127.0.0.1:${free}\n${more}`);

  it('needs a setting for that, and says so without it', async () => {
    const warnings = async (more: string) => {
      const { process } = await behind(more);
      await process.kill();
      return process.output.map((line) => JSON.parse(line)).filter(({ event }) => event === 'warning');
    };
    expect(await warnings('')).toEqual([
      expect.objectContaining({
        key: 'trusted_proxies',
        hint: expect.stringMatching(/^app_scheme is https .*app_scheme: http\.$/),
      }),
    ]);
    expect(await warnings('trusted_proxies: 1\n')).toEqual([]);
  });

  it('shows its counts only with the token', async () => {
    const { port: at } = await behind('health_token: 0123456789abcdef\n');
    const health = async (headers: Record<string, string>) => {
      const answer = await fetch(`http://127.0.0.1:${at}/healthz`, { headers });
      return answer.json() as Promise<unknown>;
    };
    expect(await health({})).toEqual({ status: 'ok' });
    expect(await health({ Authorization: 'Bearer 0123456789abcdeX' })).toEqual({ status: 'ok' });
    expect(await health({ Authorization: 'Bearer 0123456789abcdef' })).toEqual({
      ...{ status: 'ok', sockets: 0, pending: 0 },
    });
  });
});

describe('a stop', () => {
  it('is reported to open clients, and ends with status 0', async () => {
    const service = await start();
    const client = await Client.open(`ws://localhost:${port}/`);
    await client.request(instance.host);
    const began = Date.now();
    service.signal('SIGTERM');
    expect(await service.ended).toBe(0);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(await client.ended).toBe(1001);
    expect(events(service)).toContain('stopping');
    expect(events(service).at(-1)).toBe('stopped');
  });

  /** Keeps its connection open: its last line is missing. */
  async function unfinishedRequest(): Promise<Socket> {
    const socket = connect(port, 'localhost');
    await once(socket, 'connect');
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
    // Enough time for the service to read it.
    await pause(500);
    return socket;
  }

  it('is reported to clients that still send requests', async () => {
    const service = await start();
    const socket = await unfinishedRequest();
    service.signal('SIGTERM');
    await lines(service, /"event":"stopping"/);
    socket.write('\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 503 [^]*"status":"stopping"/);
    expect(await service.ended).toBe(0);
  });

  it('waits for running requests, until a second signal', async () => {
    const service = await start();
    const socket = await unfinishedRequest();
    service.signal('SIGINT');
    service.signal('SIGINT');
    await lines(service, /"event":"stopping"/);
    await pause(700);
    expect(events(service).at(-1)).toBe('stopping');
    service.signal('SIGTERM');
    expect(await service.ended).toBe(143);
    socket.destroy();
  });
});

describe('the database', () => {
  it('is created in a folder, under a fixed name', async () => {
    mkdirSync(join(folder, 'data'));
    await startService(
      folder,
      (free) => `app_name: a\napp_host: localhost:${free}\nlisten: localhost:${free}\ndb_path: data\n`,
    );
    const files = readdirSync(join(folder, 'data'));
    expect(files.sort()).toEqual(['authenticator.mdb', 'authenticator.mdb-lock']);
    expect(files.map((name) => statSync(join(folder, 'data', name)).mode & 0o077)).toEqual([0, 0]);
  });

  it('survives a killed process: no registration is repeated', async () => {
    const before = instance.registrations;
    const service = await start();
    await logIn();
    await service.kill('SIGKILL');
    expect(existsSync(join(folder, 'data/game.mdb'))).toBe(true);
    await start('', port);
    await logIn();
    expect(instance.registrations).toBe(before + 1);
  });

  it('that others may read is a mistake in the configuration', async () => {
    writeFileSync(join(folder, 'game.db'), '', { mode: 0o644 });
    writeFileSync(join(folder, 'config.yml'), 'app_name: a\napp_host: a.example\ndb_path: game.db\n');
    const service = command('authenticator');
    expect(await service.ended).toBe(2);
    expect(service.errors()).toMatch(
      /^config\.yml:3: db_path: \S+game\.db may be read or written by others; /,
    );
  });

  it('that is not one is a mistake in the configuration', async () => {
    writeFileSync(join(folder, 'game.db'), 'of another program', { mode: 0o600 });
    writeFileSync(join(folder, 'config.yml'), 'app_name: a\napp_host: a.example\ndb_path: game.db\n');
    const service = command('authenticator');
    expect(await service.ended).toBe(2);
    expect(service.errors()).toBe(
      'config.yml:3: db_path: is the file of another program; name one that does not exist yet\n',
    );
  });
});

describe('the command line', () => {
  it.each([
    [['--help'], 0, /^Usage: passport-mastodon-oauth2 authenticator\|issuer --config FILE\n/],
    [['--version'], 0, /^\d+\.\d+\.\d+$/],
    [['authenticator', '-h'], 0, /^Usage: /],
  ])('answers %j', async (args, status, output) => {
    const program = command(...args);
    expect(await program.ended).toBe(status);
    expect(program.output.join('\n')).toMatch(output);
    expect(program.errors()).toBe('');
  });

  it.each([
    [[], /^Which command\? /],
    [['server'], /^server is not a command\.\n/],
    [['authenticator', 'config.yml'], /^config\.yml: one argument too many\./],
    [['authenticator', '--conf', 'a.yml'], /^Unknown option '--conf'/],
    [['authenticator', '--config'], /argument missing/],
    [
      ['authenticator', '--config', 'none.yml'],
      /^none\.yml: cannot be read \(ENOENT\); --config .*--print-config .*\n$/,
    ],
  ])('refuses %j', async (args, errors) => {
    const program = command(...args);
    expect(await program.ended).toBe(2);
    expect(program.errors()).toMatch(errors);
    expect(program.output).toEqual([]);
  });

  it('names the line and the key of a mistake', async () => {
    writeFileSync(join(folder, 'config.yml'), 'app_name: a\napp_host: a.example\napp_scheme: gopher\n');
    const program = command('authenticator', '--config', 'config.yml');
    expect(await program.ended).toBe(2);
    expect(program.errors()).toBe('config.yml:3: app_scheme: must be http or https\n');
  });

  it('checks a configuration without starting', async () => {
    writeFileSync(join(folder, 'config.yml'), 'app_name: a\napp_host: a.example\n');
    const program = command('authenticator', '--check');
    expect(await program.ended).toBe(0);
    expect(program.output).toEqual(['config.yml is right.']);
  });

  it('says what to install where an optional package is missing', async () => {
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    mkdirSync(join(folder, 'node_modules'));
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (['ws', 'yaml', 'lmdb'].includes(name)) continue;
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const run = (...args: string[]) => startNode(['dist/service/command.js', ...args], { cwd: folder });
    const program = run('authenticator');
    expect(await program.ended).toBe(2);
    expect(program.errors()).toBe(
      'The authenticator service also needs what is not installed here. Install it: npm install passport-mastodon-oauth2 ws yaml\n',
    );
    expect(await run('--help').ended).toBe(0);
  });

  it.each(['authenticator', 'issuer'])('prints the example of a configuration for the %s', async (name) => {
    const program = command(name, '--print-config');
    expect(await program.ended).toBe(0);
    const example = readFileSync(join(root, `example/${name}.yml`), 'utf8');
    expect(program.output.join('\n')).toBe(example.trimEnd());
  });

  it('says when the port is in use', async () => {
    await start();
    const second = await start('', port);
    expect(await second.ended).toBe(1);
    expect(second.errors()).toBe(`${port}.yml:5: listen: localhost:${port} is in use by another program\n`);
  });
});

it('accepts the example configuration unchanged', async () => {
  const program = startNode([
    'dist/service/command.js',
    'authenticator',
    '--check',
    '-c',
    'example/authenticator.yml',
  ]);
  expect([await program.ended, program.errors()]).toEqual([0, '']);
});
