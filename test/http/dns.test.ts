/** Addresses from a real name server on UDP, also from one that loses queries. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resolveByDNS } from '../../lib/http/addresses.js';

const A = 1;
const AAAA = 28;
const noSuchName = 3;

type Reply = { readonly addresses: readonly string[] } | { readonly code: number } | 'lost';

let close: () => Promise<void> = async () => undefined;
afterEach(() => close());

/** A name server that answers by the type of the query; `afterMs` later if given. */
async function aNameServer(replies: Record<number, Reply>, afterMs: Record<number, number> = {}) {
  const socket = createSocket('udp4');
  const asked: number[] = [];
  socket.on('message', (question, { address, port }) => {
    const kind = question.readUInt16BE(endOfName(question));
    asked.push(kind);
    const reply = replies[kind] ?? 'lost';
    if (reply === 'lost') return;
    const timer = setTimeout(
      () => socket.send(answerTo(question, kind, reply), port, address),
      afterMs[kind] ?? 0,
    );
    socket.once('close', () => clearTimeout(timer));
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  close = async () => {
    socket.close();
    await once(socket, 'close');
    close = async () => undefined;
  };
  const { port } = socket.address() as AddressInfo;
  return { servers: [`127.0.0.1:${port}`], asked };
}

function endOfName(message: Buffer): number {
  let at = 12;
  while (message[at] !== 0) at += (message[at] ?? 0) + 1;
  return at + 1;
}

/** RFC 1035, section 4: the query again, and records that refer back to its name. */
function answerTo(question: Buffer, kind: number, reply: Exclude<Reply, 'lost'>): Buffer {
  const addresses = 'addresses' in reply ? reply.addresses : [];
  const header = Buffer.alloc(12);
  header.writeUInt16BE(question.readUInt16BE(0), 0);
  header.writeUInt16BE(0x8180 | ('code' in reply ? reply.code : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  const records = addresses.map((address) => {
    const data = Buffer.from(bytesOf(address));
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(kind, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(60, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([header, question.subarray(12, endOfName(question) + 4), ...records]);
}

/** IPv6 in full, eight groups. */
function bytesOf(address: string): number[] {
  if (!address.includes(':')) return address.split('.').map(Number);
  return address.split(':').flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
}

const four = { address: '8.8.8.8', family: 4 };
const six = { address: '2606:4700::1', family: 6 };
const replies = {
  [A]: { addresses: ['8.8.8.8'] },
  [AAAA]: { addresses: ['2606:4700:0:0:0:0:0:1'] },
};

async function timed(work: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work;
  return performance.now() - begun;
}

/** Long before a lost query is repeated. */
const aMomentMs = 1900;

it('accepts both record types, in either order', async () => {
  for (const afterMs of [{}, { [A]: 60 }, { [AAAA]: 60 }]) {
    const { servers } = await aNameServer(replies, afterMs);
    const found = await resolveByDNS('a.example', servers);
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining([four, six]));
    await close();
  }
});

it.each([
  ['AAAA', AAAA, four],
  ['A', A, six],
])('does not wait for a name server that loses questions for %s', async (_what, kind, expected) => {
  const { servers, asked } = await aNameServer({ ...replies, [kind]: 'lost' });
  let found: unknown;
  const taken = await timed(resolveByDNS('a.example', servers).then((list) => (found = list)));
  expect(found).toEqual([expected]);
  expect(taken).toBeLessThan(aMomentMs);
  expect([...asked].sort((a, b) => a - b)).toEqual([A, AAAA]);
});

it('uses one type at once when the other is known to be absent', async () => {
  const { servers } = await aNameServer({ ...replies, [AAAA]: { addresses: [] } });
  expect(await resolveByDNS('a.example', servers)).toEqual([four]);
});

it('reports that a name does not exist', async () => {
  const { servers } = await aNameServer({ [A]: { code: noSuchName }, [AAAA]: { code: noSuchName } });
  await expect(resolveByDNS('a.example', servers)).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

it('waits for the existing type while the other is absent', async () => {
  const { servers } = await aNameServer({ ...replies, [A]: { addresses: [] } }, { [AAAA]: 400 });
  expect(await resolveByDNS('a.example', servers)).toEqual([six]);
});
