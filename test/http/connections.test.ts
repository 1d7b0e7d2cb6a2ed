/** Keep-alive connections: limits, reuse and replacement. Loading undici changes nothing else in the process. */

import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aRawServer, until, type RawServer } from '../support/hostile.js';
import { originOf, requestsTo } from '../support/network.js';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

/** Answers each request correctly, and then does something unexpected to the connection. */
async function answeringAndThen(afterwards: (socket: Socket) => void): Promise<RawServer> {
  return aRawServer((socket) => {
    socket.on('data', () => socket.write(answer, () => afterwards(socket)));
  });
}

async function ask(server: RawServer, times = 1): Promise<void> {
  const { origin } = originOf(server);
  const sender = requestsTo([{ origin }], { timeoutMs: 5000 });
  const answers = Array.from({ length: times }, () => sender.get(`${origin}/`));
  for (const { text } of await Promise.all(answers)) expect(text).toBe('{}');
}

/** Long before an idle connection would be closed. */
const atOnceMs = 1500;

describe('a kept connection', () => {
  it('serves the next request', async () => {
    const server = await answeringAndThen(() => undefined);
    const { origin } = originOf(server);
    const sender = requestsTo([{ origin }]);
    for (let turn = 0; turn < 5; turn++) await sender.get(`${origin}/`);
    expect(server.connections()).toBe(1);
    expect(server.open()).toBe(1);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['drips a byte now and then', (socket) => drip(socket)],
    ['sends one byte', (socket) => void setTimeout(() => socket.write(' '), 20)],
    ['sends an empty line, which parsers skip', (socket) => void setTimeout(() => socket.write('\r\n'), 20)],
    ['answers the next request already', (socket) => void setTimeout(() => socket.write(answer), 20)],
    [
      'says early that there is more to come',
      (socket) => void setTimeout(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20),
    ],
  ])('ends when the instance %s', async (_what, afterwards) => {
    const server = await answeringAndThen(afterwards);
    await ask(server, 4);
    await until(() => server.open() === 0, atOnceMs);
  });

  it('accepts no endless stream', async () => {
    const server = await answeringAndThen((socket) => {
      const block = Buffer.alloc(65_536, 0x20);
      const go = (): void => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', go);
      setTimeout(go, 20);
    });
    await ask(server);
    await until(() => server.open() === 0, atOnceMs);
    // The kernel's buffers on both sides, for bytes that were not read yet.
    expect(server.sent()).toBeLessThan(8 * 2 ** 20);
  });

  it('is closed without an error after a while', async () => {
    const server = await answeringAndThen(() => undefined);
    await ask(server, 3);
    await until(() => server.open() === 0);
  });
});

it('a kept connection that is always busy is replaced after a minute', async () => {
  const server = await answeringAndThen(() => undefined);
  const { origin } = originOf(server);
  const sender = requestsTo([{ origin }]);
  await sender.get(`${origin}/`);
  const now = performance.now.bind(performance);
  const later = jest.spyOn(performance, 'now');
  for (const [secondsLater, connections] of [
    [59, 1],
    [61, 1],
    [62, 2],
    [121, 2],
  ] as const) {
    later.mockImplementation(() => now() + secondsLater * 1000);
    await sender.get(`${origin}/`);
    expect(server.connections()).toBe(connections);
  }
  later.mockRestore();
});

describe('kept connections together', () => {
  it('are at most 128, over however many instances', async () => {
    const servers = await Promise.all(Array.from({ length: 20 }, () => answeringAndThen(() => undefined)));
    const origins = servers.map(originOf);
    const sender = requestsTo(origins, { timeoutMs: 5000 });
    const all = origins.flatMap(({ origin }) => Array.from({ length: 10 }, () => sender.get(`${origin}/`)));
    await Promise.all(all);
    const open = () => servers.reduce((sum, server) => sum + server.open(), 0);
    await until(() => open() <= 128, atOnceMs);
    expect(open()).toBe(128);
  });
});

describe('the site’s own requests by fetch', () => {
  /** In a separate process, because Jest has its own globals. */
  async function printedBy(program: string): Promise<unknown> {
    const server = await answeringAndThen(() => undefined);
    const { origin } = originOf(server);
    const own = `
      const { Http, RequestContext } = require('./lib/http/context.ts');
      const { get } = require('./lib/http/request.ts');
      const { readOptions } = require('./lib/options.ts');
      const dispatcher = () => globalThis[Symbol.for('undici.globalDispatcher.1')];
      const names = ['fetch', 'Headers', 'Response', 'Request', 'FormData', 'WebSocket', 'EventSource'];
      const request = () => {
        const options = { clientName: 'A site', callbackURL: 'https://site.example/' };
        const http = new Http(readOptions({ ...options, developmentInstances: ['${origin}'] }));
        const context = new RequestContext(http, { timeoutMs: 10_000 });
        return get(context, '${origin}/', {}, ({ text }) => text).finally(() => context.end());
      };
      const print = (value) => console.log(JSON.stringify(value));
    `;
    const root = join(__dirname, '../..');
    const loader = ['--require', join(root, 'test/support/from-source.js'), '--eval'];
    const main = `${own} (async () => { ${program} })()`;
    const { stdout } = await promisify(execFile)(process.execPath, [...loader, main], { cwd: root });
    return JSON.parse(stdout);
  }

  it('use Node’s own client, also if the first request to an instance came first', async () => {
    const program = `
      const text = await request();
      const undici = require('undici/index.js');
      const replaced = names.filter((name) => globalThis[name] && globalThis[name] === undici[name]);
      const { status } = await fetch('http://127.0.0.1:9/').catch(() => ({ status: 'no such port' }));
      print([text, dispatcher() instanceof undici.Agent, replaced, status]);
    `;
    expect(await printedBy(program)).toEqual(['{}', false, [], 'no such port']);
  });

  it('use the dispatcher that the site has set', async () => {
    const program = `
      void globalThis.Response;
      const own = Object.create(dispatcher());
      globalThis[Symbol.for('undici.globalDispatcher.1')] = own;
      const [before, text] = [names.map((name) => globalThis[name]), await request()];
      print([text, dispatcher() === own, names.every((name, at) => globalThis[name] === before[at])]);
    `;
    expect(await printedBy(program)).toEqual(['{}', true, true]);
  });
});

describe('a body in small pieces', () => {
  const chunked = (size: number, count: number) =>
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
    `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`.repeat(count) +
    '0\r\n\r\n';

  async function read(text: string): Promise<string> {
    const server = await aRawServer((socket) => void socket.once('data', () => socket.write(text)));
    const { origin } = originOf(server);
    return (await requestsTo([{ origin }], { timeoutMs: 5000 }).get(`${origin}/`)).text;
  }

  it('is read to its end', async () => {
    expect(await read(chunked(5, 1000))).toBe('x'.repeat(5000));
    expect(await read(chunked(100, 1200))).toBe('x'.repeat(120_000));
  });

  // Each takes as much time as some hundred bytes, and a site has one thread.
  it('is refused if it consists of nothing else', async () => {
    await expect(read(chunked(1, 20_000))).rejects.toMatchObject({ code: 'response_too_large' });
  });

  it('may follow interim responses, but not hundreds', async () => {
    const [early, last] = ['HTTP/1.1 103 Early Hints\r\n\r\n', chunked(5, 1)];
    expect(await read(early.repeat(100) + last)).toBe('xxxxx');
    await expect(read(early.repeat(1000) + last)).rejects.toMatchObject({ code: 'response_too_large' });
  });
});

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write(' '), 15);
  socket.once('close', () => clearInterval(timer));
}
