/** The terminal client against a scripted service: its output, its messages, and its retries. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { startInstance, type StandIn } from '../support/instance';
import { killAll, lines, startNode, type NodeProcess } from '../service/service-process';

type Conversation = (send: (message: unknown) => void, message: any, socket: WebSocket) => void; // eslint-disable-line @typescript-eslint/no-explicit-any -- messages of any shape

interface Script {
  readonly url: string;
  readonly port: number;
  /** What clients sent, as JSON. */
  readonly received: unknown[];
  close(): Promise<void>;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  await killAll();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function script(answer: Conversation, port = 0): Promise<Script> {
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  const received: unknown[] = [];
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const message: unknown = JSON.parse(String(data));
      received.push(message);
      answer((reply) => socket.send(JSON.stringify(reply)), message, socket);
    });
  });
  const close = async (): Promise<void> => {
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  };
  cleanups.push(close);
  const { port: taken } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${taken}`, port: taken, received, close };
}

const client = (...args: string[]): NodeProcess => startNode(['example/client.js', ...args]);

const account = { handle: 'alice@mastodon.example', displayName: 'Alice' };
const setId = (more: object = {}) => ({
  type: 'set-id',
  parameters: { id: 'ID', url: 'http://auth.example/auth/ID', code: 'BIRD', ...more },
});

it('shows address and code, waits, and names the user, but not the token', async () => {
  const expires = Date.now() + 300_000;
  const service = await script((send) => {
    send(setId({ expires }));
    setTimeout(() => send({ type: 'fulfill', parameters: { token: 'sesame', account } }), 300);
  });
  const program = client(service.url, 'mastodon.example');
  expect(await program.ended).toBe(0);
  const output = program.output.join('\n');
  expect(output).toMatch(/ {2}http:\/\/auth\.example\/auth\/ID\n/);
  expect(output).toMatch(/code: BIRD/);
  expect(output).toMatch(/5 minutes left/);
  expect(output).toMatch(/Logged in as @alice@mastodon\.example \(Alice\)\./);
  expect(output + program.errors()).not.toMatch(/sesame|\x1b/);
  expect(service.received).toEqual([{ type: 'auth', parameters: { host: 'mastodon.example' } }]);
});

describe('a service that sends only the old messages', () => {
  let instance: StandIn;
  beforeEach(async () => (instance = await startInstance()));
  afterEach(() => instance.close());

  it('makes the client ask the instance for the account', async () => {
    instance.tokens.set('sesame', { token: 'sesame', clientId: 'a', username: 'alice', scopes: ['read'] });
    const service = await script((send) => {
      send({ type: 'set-id', arguments: { id: 'ID' } });
      setTimeout(() => send({ type: 'fulfill', parameters: { token: 'sesame' } }), 50);
    });
    const program = client(service.url, instance.origin);
    expect(await program.ended).toBe(0);
    expect(program.output.join('\n')).toContain(`  http://127.0.0.1:${service.port}/auth/ID\n`);
    expect(program.output.join('\n')).toMatch(/10 minutes left/);
    expect(program.output.at(-2)).toMatch(/^Logged in as @alice@localhost:\d+ \(Alice\)\.$/);
  });
});

it('asks for the host, and asks again when the service does not accept it', async () => {
  const service = await script((send, { parameters }) => {
    if (parameters.host === 'nonsense')
      send({ type: 'invalid-host', parameters: { message: 'Not a server.' } });
    else if (parameters.host === 'wrong') send({ type: 'invalid-host', parameters: {} });
    else send({ type: 'fulfill', parameters: { token: 'sesame', account } });
  });
  const program = client(service.url);
  program.write('nonsense\nwrong\n\nmastodon.example\n');
  expect(await program.ended).toBe(0);
  expect(program.output).toEqual([
    'Where does your account live? ',
    'Not a server.',
    'Where does your account live? ',
    'wrong is not the address of a Mastodon server.',
    'Where does your account live? ',
    'Where does your account live? ',
    'Logged in as @alice@mastodon.example (Alice).',
    expect.stringMatching(/^This program has an access token/),
  ]);
});

it('ends when it gets no answer', async () => {
  const service = await script((send) => send({ type: 'invalid-host', parameters: {} }));
  const program = client(service.url, 'nonsense');
  program.endInput();
  expect(await program.ended).toBe(1);
  expect(program.errors()).toBe('No answer, so no login.\n');
});

it('shows why a login failed, without control characters', async () => {
  const service = await script((send) =>
    send({
      type: 'error',
      parameters: { code: 'access_denied', message: 'Cancelled\x1b[2J on\r\n a.example.' },
    }),
  );
  const program = client(service.url, 'a.example');
  expect(await program.ended).toBe(1);
  expect(program.errors()).toBe('Cancelled[2J on a.example.\n');
});

it('ignores messages of other types, and leaves a service with invalid messages', async () => {
  const service = await script((send, _message, socket) => {
    for (const type of ['toString', 'welcome', undefined]) send({ type, parameters: null });
    send({ type: 'fulfill' });
    socket.send('<html>');
  });
  const program = client(service.url, 'a.example');
  expect(await program.ended).toBe(1);
  expect(program.errors()).toBe('This is not an authenticator service: its messages make no sense.\n');
});

it('reconnects when the service is back, and starts again', async () => {
  const first = await script((send) => send(setId()));
  const program = client(first.url, 'mastodon.example');
  await lines(program, /minutes left/);
  await first.close();
  await lines(program, /The connection was closed\. Trying again in [\d.]+ seconds\./);
  await lines(program, /cannot be reached \(ECONNREFUSED\)\. Trying again in [\d.]+ seconds\./);
  const second = await script(
    (send) => send({ type: 'fulfill', parameters: { token: 'a', account } }),
    first.port,
  );
  expect(await program.ended).toBe(0);
  expect(second.received).toEqual([{ type: 'auth', parameters: { host: 'mastodon.example' } }]);
});

it('ends cleanly on Ctrl+C', async () => {
  const service = await script((send) => send(setId()));
  const program = client(service.url, 'mastodon.example');
  await lines(program, /minutes left/);
  expect(await program.kill('SIGINT')).toBe(130);
  expect([program.output.at(-1), program.errors()]).toEqual(['Stopped.', '']);
});

it.each([
  [['https://example.com', 'a.example'], 1, /https:\/\/example\.com is not the address of a service/],
  [['--colour'], 1, /Unknown option '--colour'/],
])('says what is wrong with the arguments %j', async (args, status, message) => {
  const program = client(...args);
  expect(await program.ended).toBe(status);
  expect(program.errors()).toMatch(message);
});

it('explains itself', async () => {
  const program = client('--help');
  expect(await program.ended).toBe(0);
  expect(program.output[0]).toBe('Usage: node example/client.js [SERVER] [HOST]');
});
