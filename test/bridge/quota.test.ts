/** How connections are counted per network, and the share of the limit that one network may use. */

import type { IncomingMessage } from 'node:http';
import { clientAddress, parseClientAddress } from '../../lib/util/client-address';
import { Quota, unlimitedAddress } from '../../lib/util/quota';
import { startInstance } from '../support/instance';
import { startBridge } from './stage';

describe('an address is counted', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:50123', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '20010db800010002'],
    ['[2001:db8:1:2::1]', '20010db800010002'],
    ['[2001:db8:1:2::1]:50123', '20010db800010002'],
    ['unknown', 'unknown'],
    ['_hidden', 'unknown'],
    ['', 'unknown'],
    ['203.0.113.7.example', 'unknown'],
    ['127.0.0.1', undefined],
    ['127.0.0.1:80', undefined],
    ['10.1.2.3', undefined],
    ['fe80::1%eth0', undefined],
    ['fd00::1', undefined],
  ])('%j as %j', (text, counted) => {
    expect(parseClientAddress(text)).toBe(counted);
  });

  const from = (forwarded: string | undefined, proxies: number, remoteAddress = '198.51.100.9') =>
    clientAddress(
      { headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } } as unknown as IncomingMessage,
      proxies,
    );

  it.each<[string, string | undefined, number, string | undefined]>([
    [
      'what our own proxies wrote, not what a client did',
      '1.1.1.1, 203.0.113.7, 203.0.113.8',
      2,
      '203.0.113.7',
    ],
    ['with the port that a proxy adds', '1.1.1.1, 203.0.113.7:50123', 1, '203.0.113.7'],
    ['where the last entry is empty', '203.0.113.7, ', 1, 'unknown'],
    ['where the last entry is "unknown"', '203.0.113.7, unknown', 1, 'unknown'],
    ['where a proxy came in between less than it should', '203.0.113.7', 2, '203.0.113.7'],
    ['where there is no header at all', undefined, 1, '198.51.100.9'],
    ['where headers are not to be read', '203.0.113.7', 0, '198.51.100.9'],
  ])('%s', (_what, forwarded, proxies, counted) => {
    expect(from(forwarded, proxies)).toBe(counted);
  });
});

describe('quota', () => {
  const at = (network: string): string => parseClientAddress(`${network}::1`) ?? '';

  it('of a /56 is twice, and of a /48 four times, that of a /64', () => {
    const quota = new Quota(10);
    const take = (address: string): number => {
      let taken = 0;
      for (; quota.hasRoom(address); taken++) quota.add(address);
      return taken;
    };
    expect(take(at('2001:db8:1:1'))).toBe(10);
    expect(take(at('2001:db8:1:2'))).toBe(10);
    expect(take(at('2001:db8:1:3'))).toBe(0);
    // Another /56 of the same /48.
    expect(
      Array.from({ length: 20 }, (_, i) => take(at(`2001:db8:1:${i + 1}00`))).reduce((a, b) => a + b),
    ).toBe(20);
    expect(take(at('2001:db8:2:1'))).toBe(10);
    quota.remove(at('2001:db8:1:1'));
    expect(take(at('2001:db8:1:3'))).toBe(1);
  });

  it('counts connections without an address together', () => {
    const quota = new Quota(1);
    quota.add('unknown');
    expect(quota.hasRoom('unknown')).toBe(false);
    quota.add(undefined);
    expect(quota.hasRoom(undefined)).toBe(true);
  });

  it('drops connections of the network with the most, the newest first, and never for one with as many', () => {
    const quota = new Quota(100);
    const holders = [
      ...['192.0.2.1', '192.0.2.1', '192.0.2.2'].map((address) => ({ address })),
      ...[1, 2, 3, 4].map((i) => ({ address: at(`2001:db8:1:${i}`) })),
      { address: undefined },
    ];
    for (const { address } of holders) quota.add(address);
    expect(quota.heaviest('192.0.2.3', holders)).toBe(holders[6]);
    expect(quota.heaviest('192.0.2.1', holders)).toBe(holders[6]);
    expect(quota.heaviest(at('2001:db8:1:99'), holders)).toBeUndefined();
    expect(quota.heaviest(undefined, holders)).toBe(holders[6]);
    for (const { address } of holders.slice(3, 7)) quota.remove(address);
    expect(quota.heaviest('192.0.2.3', holders.slice(0, 3))).toBe(holders[1]);
    expect(quota.heaviest('192.0.2.2', holders.slice(0, 3))).toBeUndefined();
  });

  it('that is used up chooses what to end: the oldest of the address, or of its largest neighbour', () => {
    const quota = new Quota(2);
    const holders = [
      ...['a', 'b', 'c'].map((name) => [`stranger ${name}`, at('2001:db8:7:101')]),
      ['first', '192.0.2.1'],
      ['second', at('2001:db8:2:101')],
      ['third', at('2001:db8:1:101')],
      ['fourth', at('2001:db8:1:201')],
      ['fifth', at('2001:db8:1:202')],
      ['sixth', at('2001:db8:1:203')],
      ['seventh', at('2001:db8:1:203')],
    ].map(([name, address]) => ({ name, address }));
    for (const { address } of holders) quota.add(address);
    // Of the addresses' networks alone, although the stranger's has more.
    const ended = (network: string) => quota.oldestOfFull(network, holders)?.name;
    // The /56 of four is full. Of its /64, the one with two is the largest.
    expect(ended(at('2001:db8:1:204'))).toBe('sixth');
    expect(ended(at('2001:db8:1:202'))).toBe('fifth');
    expect(ended(at('2001:db8:1:103'))).toBeUndefined();
    for (const name of ['eighth', 'ninth', 'tenth']) {
      quota.add(at('2001:db8:1:301'));
      holders.push({ name, address: at('2001:db8:1:301') });
    }
    // Now the /48 is full too. Its largest /56 is that of four.
    expect(ended(at('2001:db8:1:401'))).toBe('fourth');
    expect(ended('192.0.2.1')).toBeUndefined();
    quota.add('192.0.2.1');
    expect(ended('192.0.2.1')).toBe('first');
  });

  it('is never used up by what may be the proxy of all clients, which counts all the same', () => {
    const quota = new Quota(1);
    const proxy = unlimitedAddress('10.0.0.1');
    for (let i = 0; i < 3; i++) quota.add(proxy);
    expect(quota.hasRoom(proxy)).toBe(true);
    expect(quota.countOf(proxy)).toBe(3);
    expect(quota.countOf(unlimitedAddress('10.0.0.2'))).toBe(0);
    expect(quota.heaviest('192.0.2.1', [{ address: proxy }])).toEqual({ address: proxy });
  });
});

describe('many connections from one network', () => {
  it('do not keep others out, however many addresses it has', async () => {
    const instance = await startInstance();
    const { connect, bridge } = await startBridge([instance], {
      limits: { maxSockets: 8, maxSocketsPerAddress: 4 },
      trustedProxies: 1,
    });
    const from = (address: string) => connect({ headers: { 'X-Forwarded-For': address } });
    const clients = [];
    for (let i = 0; i < 8; i++) clients.push(await from(`2001:db8:1:${i}00::1`));
    const honest = await from('203.0.113.7');
    await honest.request(instance.host);
    expect((await clients.at(-1)!.hear('error')).code).toBe('server_busy');
    await clients.at(-1)!.ended;
    expect(bridge.status().sockets).toBe(8);
    await clients[0]!.request(instance.host);
    // The flooding network regains no quota at the expense of others.
    await expect(from('2001:db8:1:900::1')).rejects.toThrow('503');
    await instance.close();
  });
});
