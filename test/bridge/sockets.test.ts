/** What clients may not do, the consequences, and the number of clients. */

import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type WebSocket from 'ws';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { startBridge, until, type Client } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

/** The TCP connection of a client, for bytes that a WebSocket library would not send. */
function wire(client: Client): Duplex {
  return (client.socket as WebSocket & { _socket: Duplex })._socket;
}

/** A frame of a client, masked with zeros. */
function frame(firstByte: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload);
  const length =
    body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([firstByte, ...length, 0, 0, 0, 0]), body]);
}

describe('an invalid message', () => {
  it.each([
    ['not JSON', 'hello'],
    ['nothing', ''],
    ['null', 'null'],
    ['a number', '7'],
    ['an array', '["auth"]'],
    ['without a type', '{}'],
    ['of another type', '{"type":"fulfill","parameters":{"token":"x"}}'],
    ['of an inherited type', '{"__proto__":{"type":"auth"}}'],
    ['deeply nested', '['.repeat(4000)],
  ])('%s', async (_what, text) => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    client.say(text);
    expect(await client.hear('error')).toEqual({ code: 'message_invalid', message: expect.any(String) });
    // The first mistake has no consequence.
    await client.request(instance.host);
    client.say(text);
    client.say(text);
    await client.hear('error');
    await client.hear('error');
    expect(await client.ended).toBe(1008);
  });

  it('is binary', async () => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    for (let time = 0; time < 3; time++) {
      client.socket.send(Buffer.from(JSON.stringify({ type: 'auth', parameters: { host: instance.host } })));
      const { code, message } = await client.hear('error');
      expect([code, message]).toEqual(['message_invalid', expect.stringContaining('binary')]);
    }
    expect(await client.ended).toBe(1003);
    expect(instance.requests).toEqual([]);
  });

  it('is accepted if it only begins with a byte order mark', async () => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    client.say(`\ufeff${JSON.stringify({ type: 'auth', parameters: { host: instance.host } })}`);
    await client.hear('set-id');
  });

  it('is too large, whole, in parts, or only announced', async () => {
    const { connect } = await startBridge([instance], { limits: { maxPayloadBytes: 100 } });
    for (const send of [
      (client: Client) => client.say('x'.repeat(101)),
      (client: Client) => client.say('x'.repeat(1_000_000)),
      (client: Client) => {
        client.socket.send('x'.repeat(60), { fin: false });
        client.socket.send('x'.repeat(60), { fin: true });
      },
      // The header of a frame of one terabyte.
      (client: Client) => wire(client).write(Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    ]) {
      const client = await connect();
      send(client);
      expect((await client.hear('error')).code).toBe('message_too_large');
      expect(await client.ended).toBe(1009);
    }
    const client = await connect();
    client.say({ type: 'auth', parameters: { host: instance.host } });
    await client.hear('set-id');
  });

  it.each([
    ['text that is not UTF-8', frame(0x81, Buffer.from([0xc3, 0x28])), 1007],
    ['an unknown kind of frame', frame(0x83), 1002],
    ['reserved bits', frame(0xf1), 1002],
    ['a continuation of nothing', frame(0x80), 1002],
    ['no mask', Buffer.from([0x81, 0x02, 0x7b, 0x7d]), 1002],
    ['a split ping', frame(0x09), 1002],
  ])('breaks the protocol: %s', async (_what, bytes, code) => {
    const { connect } = await startBridge([instance]);
    const client = await connect();
    wire(client).write(bytes);
    expect((await client.hear('error')).code).toBe('message_invalid');
    expect(await client.ended).toBe(code);
  });
});

describe('too much', () => {
  describe('within one minute', () => {
    // The quota is per minute, and the minute must not end during the test.
    beforeEach(() => void jest.spyOn(Date, 'now').mockReturnValue(Date.now()));
    afterEach(() => void jest.restoreAllMocks());

    it('of messages', async () => {
      const { connect } = await startBridge([instance], { limits: { messagesPerMinute: 5 } });
      const client = await connect();
      for (let count = 0; count < 50; count++) client.ask('');
      for (let count = 0; count < 5; count++) await client.hear('invalid-host').catch(() => undefined);
      expect(await client.ended).toBe(1008);
      expect(client.heard.length).toBeLessThanOrEqual(2);
    });

    it('of messages is reported', async () => {
      const { connect } = await startBridge([instance], { limits: { messagesPerMinute: 1 } });
      const client = await connect();
      client.say('{');
      client.say('{');
      expect((await client.hear('error')).code).toBe('message_invalid');
      expect((await client.hear('error')).code).toBe('too_many_messages');
      expect(await client.ended).toBe(1008);
    });

    it('of pings', async () => {
      const { connect } = await startBridge([instance], { limits: { messagesPerMinute: 5 } });
      const client = await connect();
      let pongs = 0;
      client.socket.on('pong', () => pongs++);
      for (let count = 0; count < 50; count++) client.socket.ping();
      expect(await client.ended).toBe(1008);
      expect(pongs).toBe(5);
    });

    it('of pongs without a ping', async () => {
      const { connect } = await startBridge([instance], { limits: { messagesPerMinute: 5 } });
      const client = await connect();
      for (let count = 0; count < 50; count++) client.socket.pong();
      expect((await client.hear('error')).code).toBe('too_many_messages');
      expect(await client.ended).toBe(1008);
    });

    it('not of pongs for pings', async () => {
      const limits = { messagesPerMinute: 2, heartbeatMs: 20 };
      const client = await (await startBridge([instance], { limits })).connect();
      let pings = 0;
      client.socket.on('ping', () => pings++);
      await until(() => pings > 5);
      client.ask('');
      await client.hear('invalid-host');
    });
  });

  it('of requests on one connection', async () => {
    const { connect, bridge } = await startBridge([instance], { limits: { requestsPerSocket: 2 } });
    const [client, other] = [await connect(), await connect()];
    for (let count = 0; count < 10; count++) client.ask(instance.host);
    await until(() => client.heard.length === 10);
    const types = client.heard.map(({ type, parameters }) => (type === 'error' ? parameters.code : type));
    expect(types.filter((type) => type === 'set-id')).toHaveLength(2);
    expect(types.filter((type) => type === 'too_many_requests')).toHaveLength(8);
    expect(bridge.status().pending).toBe(2);
    await other.request(instance.host);
  });

  it('of host lookups, on one connection', async () => {
    instance.latencyMs = 200;
    const { connect } = await startBridge([instance], { limits: { requestsPerSocket: 1 } });
    const client = await connect();
    client.ask(instance.host);
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('too_many_requests');
    await client.hear('set-id');
  });

  it('of requests in total', async () => {
    const { connect, bridge } = await startBridge([instance], { limits: { pendingInAll: 2 } });
    const clients = [await connect(), await connect(), await connect()];
    for (const client of clients) client.ask(instance.host);
    await until(() => clients.every(({ heard }) => heard.length === 1));
    expect(clients.map(({ heard }) => heard[0].type).sort()).toEqual(['error', 'set-id', 'set-id']);
    const refused = clients.find(({ heard }) => heard[0].type === 'error');
    expect((await refused?.hear('error')).code).toBe('server_busy');
    clients.find((client) => client !== refused)?.socket.close();
    await until(() => bridge.status().pending === 1);
    await refused?.request(instance.host);
  });

  it('of connections', async () => {
    const { connect, events } = await startBridge([instance], { limits: { maxSockets: 2 } });
    const [first] = [await connect(), await connect()];
    await expect(connect()).rejects.toThrow('503');
    expect(events).toEqual([['socket_refused', { status: 503, reason: 'Too many connections' }]]);
    first.socket.close();
    await first.ended;
    await pause(20);
    await connect();
  });

  it('of connections of one address', async () => {
    const limits = { maxSocketsPerAddress: 2 };
    const { connect } = await startBridge([instance], { limits, trustedProxies: 1 });
    const from = (address: string) => connect({ headers: { 'X-Forwarded-For': `198.51.100.1, ${address}` } });
    const first = await from('203.0.113.7');
    await from('203.0.113.7');
    await expect(from('203.0.113.7')).rejects.toThrow('429');
    await from('203.0.113.8');
    // A household has a /64, and so does each rented server.
    await from('2001:db8:1:2::1');
    await from('2001:db8:1:2:ffff::1');
    await expect(from('2001:db8:1:2::3')).rejects.toThrow('429');
    await from('2001:db8:1:3::1');
    await expect(from('::ffff:203.0.113.7')).rejects.toThrow('429');
    first.socket.close();
    await first.ended;
    await pause(20);
    await from('203.0.113.7');
    // A proxy, or a program on this machine.
    for (let count = 0; count < 5; count++) await from('127.0.0.1');
  });

  it('of connections of one address, despite a forged header', async () => {
    const { connect } = await startBridge([instance], { limits: { maxSocketsPerAddress: 1 } });
    const headers = { 'X-Forwarded-For': '203.0.113.7' };
    await connect({ headers });
    await connect({ headers });
  });
});

describe('a client that does not respond', () => {
  it('is disconnected', async () => {
    const { connect, bridge } = await startBridge([instance], { limits: { heartbeatMs: 100 } });
    const [alive, dead] = [await connect(), await connect()];
    await dead.request(instance.host);
    // It neither reads nor closes, like a machine that lost its network.
    wire(dead).pause();
    await until(() => bridge.status().sockets === 1);
    expect(bridge.status()).toEqual({ sockets: 1, pending: 0 });
    await pause(300);
    await alive.request(instance.host);
  });

  it('and never answers a ping is disconnected', async () => {
    const { connect } = await startBridge([instance], { limits: { heartbeatMs: 50 } });
    const client = await connect({ autoPong: false });
    const begun = Date.now();
    expect(await client.ended).toBe(1006);
    // After hundreds of heartbeats at the latest, even on a busy machine.
    expect(Date.now() - begun).toBeLessThan(5_000);
  });

  it('and does not read does not fill the memory', async () => {
    const { connect, bridge } = await startBridge([instance], {
      limits: { maxBufferedBytes: 1000, messagesPerMinute: 1e9, heartbeatMs: 1e8 },
    });
    const client = await connect();
    wire(client).pause();
    const { length } = frame(0x81, '{"type":"auth"}');
    const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x81, '{"type":"auth"}')));
    expect(many).toHaveLength(1000 * length);
    const deadline = Date.now() + 15_000;
    while (bridge.status().sockets === 1 && Date.now() < deadline) {
      wire(client).write(many);
      await pause(2);
    }
    expect(bridge.status().sockets).toBe(0);
  });

  it('and sends pings without reading the answers does not fill the memory', async () => {
    const { connect, bridge } = await startBridge([instance], {
      limits: { maxBufferedBytes: 1000, messagesPerMinute: 1e9, heartbeatMs: 1e8 },
    });
    const client = await connect();
    wire(client).pause();
    const many = Buffer.concat(Array.from({ length: 1000 }, () => frame(0x89, 'x'.repeat(125))));
    const deadline = Date.now() + 15_000;
    while (bridge.status().sockets === 1 && Date.now() < deadline) {
      wire(client).write(many);
      await pause(2);
    }
    expect(bridge.status().sockets).toBe(0);
  });
});

describe('a web page', () => {
  it.each([
    ['of another site', 'https://evil.example'],
    ['without an origin', 'null'],
    ['of the same host at another port', 'http://localhost:1'],
  ])('%s cannot connect', async (_what, origin) => {
    const { connect, events } = await startBridge([instance]);
    await expect(connect({ origin })).rejects.toThrow('403');
    expect(events).toEqual([['socket_refused', { status: 403, reason: 'Forbidden origin', origin }]]);
  });

  it('of the bridge itself, and of an allowed origin, can connect', async () => {
    const origins = ['https://App.example:443', 'app://desktop'];
    const { connect, origin } = await startBridge([instance], { origins });
    for (const allowed of [origin, 'https://app.example', 'app://desktop'])
      await connect({ origin: allowed });
    await expect(connect({ origin: 'https://app.example:8443' })).rejects.toThrow('403');
  });

  it.each(['null', 'file://'])(
    'of the origin %s can connect if it is listed, and no other',
    async (origin) => {
      const { connect } = await startBridge([instance], { origins: [origin] });
      await connect({ origin });
      for (const other of ['null', 'file://', 'https://evil.example'].filter((one) => one !== origin)) {
        await expect(connect({ origin: other })).rejects.toThrow('403');
      }
    },
  );

  it('of any origin can connect if all are allowed', async () => {
    const { connect } = await startBridge([instance], { origins: ['*'] });
    await connect({ origin: 'https://any-origin.example' });
    await connect({ origin: 'null' });
  });
});

describe('a flood', () => {
  it('of connections and requests leaves no record', async () => {
    const { connect, bridge } = await startBridge([instance]);
    const clients = await Promise.all(Array.from({ length: 200 }, () => connect()));
    for (const client of clients) for (let count = 0; count < 5; count++) client.ask(instance.host);
    await until(() => bridge.status().pending === 1000);
    expect(bridge.status()).toEqual({ sockets: 200, pending: 1000 });
    const ids = clients.flatMap(({ heard }) => heard.map(({ parameters }) => parameters.id));
    for (const client of clients) client.socket.terminate();
    await until(() => bridge.status().sockets === 0);
    expect(bridge.status().pending).toBe(0);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
