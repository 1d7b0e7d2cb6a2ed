/** The attacker's answer has been judged, and still holds connections and processor time beyond all limits. */

import type { Socket } from 'node:net';
import { deflateSync, Gunzip, gzipSync, Inflate } from 'node:zlib';
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

const compressed = { gzip: gzipSync('{}'), deflate: deflateSync('{}') };

it.each(Object.entries(compressed))(
  'a body in %s that ends long before its bytes do keeps no connection',
  async (encoding, body) => {
    const server = await answering(encoding, body, drip);
    const { origin } = originOf(server);
    // The deadline would come much later.
    const network = requestsTo([{ origin }], { timeoutMs: 60_000 });
    const answers = [network.get(`${origin}/`), network.post(`${origin}/`, {})];
    for (const { text } of await Promise.all(answers)) expect(text).toBe('{}');
    await until(() => server.open() === 0);
  },
);

/** Long before an idle connection would be closed. */
const atOnceMs = 1500;

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

const zeros = Buffer.alloc(40 * 2 ** 20);

it.each([
  ['gzip', gzipSync(zeros), Gunzip.prototype],
  ['deflate', deflateSync(zeros), Inflate.prototype],
] as const)(
  'a bomb in %s that came whole is not decompressed to its end',
  async (encoding, body, decoder) => {
    const decoders = new Set<typeof decoder>();
    let decompressed = 0;
    const push = jest.spyOn(decoder, 'push').mockImplementation(function (
      this: typeof decoder,
      chunk: unknown,
    ) {
      decoders.add(this);
      decompressed += (chunk as Buffer | null)?.length ?? 0;
      return Reflect.apply(original, this, [chunk]) as boolean;
    });
    const { push: original } = Object.getPrototypeOf(decoder) as { push(chunk: unknown): boolean };
    try {
      const server = await answering(encoding, body);
      const { origin } = originOf(server);
      expect(await codeOf(requestsTo([{ origin }]).get(`${origin}/`))).toBe('response_too_large');
      expect(decoders.size).toBe(1);
      await until(() => [...decoders].every(({ destroyed }) => destroyed));
      expect(decompressed).toBeLessThan(2 ** 20);
    } finally {
      push.mockRestore();
    }
  },
);
