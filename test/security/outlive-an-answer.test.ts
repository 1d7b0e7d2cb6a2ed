/**
 * The site has finished with the attacker's answer, and the connection still uses memory or processor time beyond all limits.
 */

import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createDeflate, createGzip, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { aRawServer, until } from '../support/hostile.js';
import { codeOf, requestsTo, originOf } from '../support/network.js';

/** Answers every request like this, and every later one on the connection. */
async function answering(encoding: string, body: Buffer, afterwards?: (socket: Socket) => void) {
  const length = body.length + (afterwards ? 1000 : 0);
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${length}\r\n\r\n`;
  return aRawServer((socket) => {
    socket.on('data', () => {
      socket.write(Buffer.concat([Buffer.from(head), body]));
      afterwards?.(socket);
    });
  });
}

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('\0'), 15);
  socket.once('close', () => clearInterval(timer));
}

/** Long before an idle connection would be closed. */
const atOnceMs = 1500;

const compressed = { gzip: gzipSync('{}'), deflate: deflateSync('{}') };

it.each(Object.entries(compressed))(
  'a body in %s that ends long before its bytes do keeps no connection beyond the deadline',
  async (encoding, body) => {
    const server = await answering(encoding, body, drip);
    const { origin } = originOf(server);
    const network = requestsTo([{ origin }], { timeoutMs: 400 });
    const answers = [network.get(`${origin}/`), network.post(`${origin}/`, {})].map(codeOf);
    expect(await Promise.all(answers)).toEqual(['timeout', 'timeout']);
    await until(() => server.open() === 0, atOnceMs);
  },
);

it.each([
  ['stops short', 'gzip', gzipSync('{}').subarray(0, -4)],
  ['goes on as something else', 'gzip', Buffer.concat([gzipSync('{}'), Buffer.from('something')])],
  ['is a bomb', 'gzip', gzipSync(Buffer.alloc(2 ** 20))],
  ['is nothing', 'deflate', Buffer.alloc(0)],
  ['is not UTF-8', 'identity', Buffer.from([0xff, 0xfe])],
])('a body that came whole and %s keeps no uncounted connection', async (_what, encoding, body) => {
  const server = await answering(encoding, body);
  const { origin } = originOf(server);
  const network = requestsTo([{ origin }], { timeoutMs: 60_000 });
  const work = Array.from({ length: 40 }, () => codeOf(network.get(`${origin}/`)));
  for (const code of await Promise.all(work)) expect(code).toMatch(/^response_(invalid|too_large)$/);
  await until(() => server.open() === 0, atOnceMs);
});

const compression = {
  gzip: { compress: createGzip, decompress: gunzipSync },
  deflate: { compress: createDeflate, decompress: inflateSync },
};

/** Microseconds. */
async function processorTimeOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

it.each(['gzip', 'deflate'] as const)(
  'a bomb in %s that came whole is not decompressed to its end',
  async (encoding) => {
    const { compress, decompress } = compression[encoding];
    // 200 MiB of zeros, in a fifth of the bytes that the site accepts.
    const zeros = Array<Buffer>(200).fill(Buffer.alloc(2 ** 20));
    const bomb = await buffer(Readable.from(zeros).pipe(compress()));
    const server = await answering(encoding, bomb);
    const { origin } = originOf(server);
    const network = requestsTo([{ origin }], { timeoutMs: 10_000, maxResponseBytes: 2 ** 20 });
    const refused = async () =>
      expect(await codeOf(network.post(`${origin}/`, {}))).toBe('response_too_large');
    // The first request also loads the client.
    await refused();
    const whole = await processorTimeOf(() => decompress(bomb));
    // The least of three: garbage that the test left is collected in one of them.
    const times = [
      await processorTimeOf(refused),
      await processorTimeOf(refused),
      await processorTimeOf(refused),
    ];
    expect(Math.min(...times)).toBeLessThan(whole / 2);
  },
);
