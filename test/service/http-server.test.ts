/** Connections without a request, or with one that never ends: the resources that they hold, and for how long. */

import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createHTTPServer, type Deadlines } from '../../lib/service/http-server';
import { selfSigned } from '../support/certificate';
import { listenLocally } from '../support/free-port';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const long: Deadlines = { headMs: 60_000, requestMs: 60_000, idleMs: 60_000 };
const many = { inAll: 1_000, perAddress: 1_000 };

async function start(limits = many, deadlines: Partial<Deadlines> = {}, tls?: ReturnType<typeof selfSigned>) {
  const files = tls && { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) };
  const answer: Parameters<typeof createHTTPServer>[2] = (req, res) => {
    req.resume().on('end', () => res.end('x'.repeat(req.url === '/large' ? 50_000_000 : 2)));
  };
  const server = createHTTPServer(files, limits, answer, { ...long, ...deadlines });
  servers.push(server);
  const port = await listenLocally(server);
  return {
    server,
    open: async (text = ''): Promise<Socket> => {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(text);
      return socket;
    },
  };
}

const ended = (socket: Socket): Promise<unknown> => once(socket.resume(), 'close');

describe('a connection that', () => {
  it.each<[string, string, Partial<Deadlines>]>([
    ['says nothing', '', { headMs: 200 }],
    ['does not end its head', 'GET / HTTP/1.1\r\nHost: a\r\n', { headMs: 200 }],
    [
      'does not end its body',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx',
      { requestMs: 300, headMs: 200 },
    ],
    ['does not speak HTTP', 'hello\r\n\r\n', {}],
  ])('%s is cut off', async (_what, text, deadlines) => {
    const { open } = await start(many, deadlines);
    await ended(await open(text));
  });

  it('does not end its handshake is closed', async () => {
    const { open } = await start(many, { headMs: 200 }, selfSigned());
    await ended(await open());
  });

  it('does not read is closed', async () => {
    const { open, server } = await start(many, { idleMs: 300 });
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const socket = await open('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.pause();
    const [held] = await connected;
    await once(held, 'close');
  });
});

it('keeps a connection longer than load balancers do, so that none of their requests meets a closed one', async () => {
  const { open } = await start();
  const [head] = (await once(await open('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 'data')) as [Buffer];
  // nginx and the load balancers of AWS: 60 seconds.
  expect(Number(/^keep-alive: timeout=(\d+)/im.exec(head.toString())?.[1])).toBeGreaterThan(60);
});

it('holds no more connections than its limit', async () => {
  const { open } = await start({ inAll: 5, perAddress: 1_000 });
  const kept = await Promise.all(Array.from({ length: 5 }, () => open()));
  const refused = await Promise.all(Array.from({ length: 20 }, () => open()));
  await Promise.all(refused.map(ended));
  expect(kept.filter(({ destroyed }) => destroyed)).toEqual([]);
  kept[0]!.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const [answer] = (await once(kept[0]!, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
});

it('holds no more of one address than its limit, and counts closed ones down', async () => {
  const { server } = await start({ inAll: 1_000, perAddress: 2 });
  // Every connection here comes from this machine, which is not counted.
  const from = (remoteAddress: string): Duplex => {
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    Object.assign(socket, { remoteAddress, setTimeout: () => socket });
    server.emit('connection', socket as Socket);
    return socket;
  };
  const [first, second] = [from('203.0.113.7'), from('203.0.113.7')];
  expect([first.destroyed, second.destroyed, from('203.0.113.7').destroyed]).toEqual([false, false, true]);
  expect(from('203.0.113.8').destroyed).toBe(false);
  first.destroy();
  await once(first, 'close');
  expect(from('203.0.113.7').destroyed).toBe(false);
  const last = ['127.0.0.1', '127.0.0.1', '127.0.0.1'].map((address) => from(address).destroyed);
  expect(last).toEqual([false, false, false]);
});
