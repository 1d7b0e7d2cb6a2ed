/** A kept connection is silent, few, and not for ever. */

import { connect, type Socket } from 'node:net';
import { Connection, type Open } from '../../lib/http/connection.js';
import { IdleConnections } from '../../lib/http/idle.js';
import { aRawServer, until, type RawServer } from '../support/hostile.js';
import { networkTo, originOf } from '../support/network.js';

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

/** Answers each request properly, and then does something to the connection that nobody asked for. */
async function answeringAndThen(afterwards: (socket: Socket) => void): Promise<RawServer> {
  return aRawServer((socket) => {
    socket.on('data', () => socket.write(answer, () => afterwards(socket)));
  });
}

async function ask(server: RawServer, times = 1): Promise<void> {
  const { origin } = originOf(server);
  const network = networkTo([{ origin }], { timeoutMs: 5000 });
  const answers = Array.from({ length: times }, () => network.get(`${origin}/`));
  for (const { text } of await Promise.all(answers)) expect(text).toBe('{}');
}

/** Long before a silent connection would be closed. */
const atOnceMs = 1500;

describe('a kept connection', () => {
  it('serves what follows', async () => {
    const server = await answeringAndThen(() => undefined);
    const { origin } = originOf(server);
    const network = networkTo([{ origin }]);
    for (let turn = 0; turn < 5; turn++) await network.get(`${origin}/`);
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

  it('takes no stream without end', async () => {
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
    // What the kernel takes in on both sides before anybody has read it.
    expect(server.sent()).toBeLessThan(8 * 2 ** 20);
  });

  it('ends in silence as well, after a while', async () => {
    const server = await answeringAndThen(() => undefined);
    await ask(server, 3);
    await until(() => server.open() === 0);
  });
});

it('a kept connection that is always busy is made anew now and then', async () => {
  const server = await answeringAndThen(() => undefined);
  const origin = `http://127.0.0.1:${server.port}`;
  const open: Open = (opened) => {
    const socket = connect(server.port, '127.0.0.1', () => opened(null, socket));
    return socket;
  };
  const idle = new IdleConnections(50);
  const begun = performance.now();
  do {
    const connection = idle.take(origin) ?? new Connection(origin, open);
    await connection.ask('/', { method: 'GET', headers: {}, maxBytes: 100 });
    idle.keep(connection);
  } while (server.connections() < 3 && performance.now() - begun < 5000);
  idle.closeAll(origin);
  expect(server.connections()).toBe(3);
});

describe('kept connections in all', () => {
  it('are at most 128, over however many instances', async () => {
    const servers = await Promise.all(Array.from({ length: 20 }, () => answeringAndThen(() => undefined)));
    const origins = servers.map(originOf);
    const network = networkTo(origins, { timeoutMs: 5000 });
    const all = origins.flatMap(({ origin }) => Array.from({ length: 10 }, () => network.get(`${origin}/`)));
    await Promise.all(all);
    const open = () => servers.reduce((sum, server) => sum + server.open(), 0);
    await until(() => open() <= 128, atOnceMs);
    expect(open()).toBe(128);
  });
});

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write(' '), 15);
  socket.once('close', () => clearInterval(timer));
}
