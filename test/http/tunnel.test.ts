/** `outbound.proxy`: all requests go through the proxy, and every rule and limit holds. */

import { inspect } from 'node:util';
import { freePort } from '../support/free-port.js';
import { aRawServer, until } from '../support/hostile.js';
import { codeOf, originOf, requestsTo } from '../support/network.js';
import { aProxy, startTinyproxy, tinyproxyAvailable } from '../support/proxy.js';
import { anInstance, aSite, failureOf } from '../support/stage.js';
import { startAuthority, type Authority } from '../support/tls.js';
import { Visitor } from '../support/visitor.js';

let authority: Authority;
beforeAll(() => void (authority = startAuthority()));
afterAll(() => authority.close());

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';

async function aSecureInstance(certified = 'social.example', host = 'social.example') {
  const certificate = authority.issue([certified]);
  const server = await aRawServer((socket) => void socket.on('data', () => socket.write(ok)), {
    tls: certificate,
  });
  return { server, origin: `https://${host}:${server.port}` };
}

describe('through a proxy', () => {
  it('a whole login works, over http as well, and sends no request past it', async () => {
    const instance = await anInstance();
    const proxy = await aProxy();
    const outbound = { proxy: `http://127.0.0.1:${proxy.port}`, lookup: neverAsked };
    const site = await aSite({ instances: [instance], options: { outbound } });
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
    // The visitor's own requests do not use the proxy.
    expect(proxy.heads.length).toBeGreaterThan(0);
    for (const head of proxy.heads) expect(head).toContain(`CONNECT ${instance.host} HTTP/1.1\r\n`);
  });

  it('https works, with the certificate checked against the instance’s own name', async () => {
    const { server, origin } = await aSecureInstance();
    const proxy = await aProxy();
    const outbound = { proxy: `http://127.0.0.1:${proxy.port}`, ca: authority.ca, lookup: neverAsked };
    const sender = requestsTo([{ origin }], outbound);
    for (let turn = 0; turn < 3; turn++) expect((await sender.get(`${origin}/`)).text).toBe('{}');
    // One connection, which is kept.
    expect(proxy.heads).toHaveLength(1);
    expect(server.connections()).toBe(1);
    // The proxy could read nothing of the request.
    expect(proxy.heads[0]).toMatch(
      /^CONNECT social\.example:\d+ HTTP\/1\.1\r\nhost: social\.example:\d+\r\n/i,
    );
    await until(() => proxy.open() === 0 && server.open() === 0);

    const other = await aSecureInstance('evil.example');
    const deceived = requestsTo([other], outbound);
    expect(await codeOf(deceived.get(`${other.origin}/`))).toBe('instance_unreachable');
    const distrustful = requestsTo([{ origin }], { proxy: outbound.proxy });
    expect(await codeOf(distrustful.get(`${origin}/`))).toBe('instance_unreachable');
  });

  it('https works through an https proxy', async () => {
    const { origin } = await aSecureInstance();
    const proxy = await aProxy(undefined, { tls: authority.issue(['localhost']) });
    const outbound = { proxy: `https://localhost:${proxy.port}`, timeoutMs: 2000 };
    expect((await requestsTo([{ origin }], { ...outbound, ca: authority.ca }).get(`${origin}/`)).text).toBe(
      '{}',
    );
    const error = await failureOf(requestsTo([{ origin }], outbound).get(`${origin}/`));
    expect(error).toMatchObject({ code: 'instance_unreachable' });
    expect(String(error.cause)).toContain('the proxy cannot be reached');
    expect(proxy.heads).toHaveLength(1);
  });

  it('no request goes to a name or address that is not public', async () => {
    const proxy = await aProxy();
    const sender = requestsTo([], { proxy: `http://127.0.0.1:${proxy.port}` });
    for (const url of [
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://router.local/',
      'http://a.example/',
    ]) {
      expect(await codeOf(sender.get(url))).toBe('instance_unreachable');
    }
    expect(await codeOf(sender.get('https://a.example:8443/'))).toBe('instance_unreachable');
    expect(proxy.connections()).toBe(0);
  });

  it('the deadlines of the request and of the login include the first byte to the proxy', async () => {
    const { origin } = originOf(await aRawServer(() => undefined));
    const silent = await aRawServer((socket) => socket.resume());
    const dripping = await aProxy((_head, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX: ');
      const timer = setInterval(() => socket.write('x'), 15);
      socket.once('close', () => clearInterval(timer));
      return true;
    });
    for (const proxy of [silent, dripping]) {
      const outbound = { proxy: `http://127.0.0.1:${proxy.port}`, timeoutMs: 200 };
      expect(await codeOf(requestsTo([{ origin }], outbound).get(`${origin}/`))).toBe('timeout');
      const hurried = requestsTo([{ origin }], { ...outbound, timeoutMs: 60_000 }, {}, 100);
      expect(await codeOf(hurried.post(`${origin}/`, {}))).toBe('timeout');
      await until(() => proxy.open() === 0);
    }
  });

  it('the byte limit holds', async () => {
    const { origin } = originOf(
      await aRawServer(
        (socket) => void socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n\r\n${' '.repeat(2000)}`)),
      ),
    );
    const proxy = await aProxy();
    const outbound = { proxy: `http://127.0.0.1:${proxy.port}`, maxResponseBytes: 1000 };
    expect(await codeOf(requestsTo([{ origin }], outbound).get(`${origin}/`))).toBe('response_too_large');
    await until(() => proxy.open() === 0);
  });
});

describe('a proxy that refuses', () => {
  const origin = 'http://localhost:4000';
  const credentials = 'proxyuser:p%40ssword-secret';

  it.each([
    [403, 'does not allow'],
    [407, 'credentials'],
    [502, 'could not reach'],
    [504, 'in time'],
    [302, '302'],
  ])('with %i is reported to the operator, without its credentials', async (status, text) => {
    const proxy = await aProxy((_head, socket) => {
      socket.write(`HTTP/1.1 ${status} No\r\nLocation: ${origin}/\r\nContent-Length: 2\r\n\r\n{}`);
      return true;
    });
    const lines: unknown[] = [];
    const outbound = { proxy: `http://${credentials}@127.0.0.1:${proxy.port}` };
    const sender = requestsTo([{ origin }], outbound, { log: (...line) => void lines.push(line) });
    const error = await failureOf(sender.get(`${origin}/`));
    expect(error).toMatchObject({ code: 'instance_unreachable', instance: 'localhost:4000' });
    expect(String(error.cause)).toContain(`the proxy answered CONNECT with ${status}`);
    expect(String(error.cause)).toContain(text);
    const basic = Buffer.from('proxyuser:p@ssword-secret').toString('base64');
    expect(proxy.heads[0]).toContain(`proxy-authorization: Basic ${basic}`);
    expect(inspect([error, lines], { depth: 9, showHidden: true })).not.toMatch(
      new RegExp(`ssword-secret|${basic}`),
    );
    await until(() => proxy.open() === 0);
  });

  it('by not being there is reported as well', async () => {
    const outbound = { proxy: `http://${credentials}@127.0.0.1:${await freePort()}` };
    const error = await failureOf(requestsTo([{ origin }], outbound).get(`${origin}/`));
    expect(error).toMatchObject({ code: 'instance_unreachable' });
    expect(String(error.cause)).toContain('the proxy cannot be reached, or breaks off: ECONNREFUSED');
  });

  it('is not used if it sends data first, closes the connection or speaks another protocol', async () => {
    for (const reply of ['HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}', 'SSH-2.0\r\n', '']) {
      const proxy = await aProxy((_head, socket) => {
        socket.end(reply);
        return true;
      });
      const sender = requestsTo([{ origin }], { proxy: `http://127.0.0.1:${proxy.port}` });
      expect(await codeOf(sender.get(`${origin}/`))).toBe('instance_unreachable');
      await until(() => proxy.open() === 0);
    }
  });
});

const missing = tinyproxyAvailable();
(missing === undefined ? describe : describe.skip)(
  `tinyproxy${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    it('transports a whole login, and its refusals are distinguished from those of the instance', async () => {
      const instance = await anInstance();
      const secure = await aSecureInstance('localhost', 'localhost');
      const ports = [instance.port, secure.server.port];
      const { port, stop } = await startTinyproxy('proxyuser', 'secret', ports);
      try {
        const outbound = { proxy: `http://proxyuser:secret@127.0.0.1:${port}` };
        const site = await aSite({ instances: [instance], options: { outbound } });
        expect((await new Visitor().login(site, instance.host)).status).toBe(200);

        const stranger = requestsTo([instance], { proxy: `http://proxyuser:else@127.0.0.1:${port}` });
        const error = await failureOf(stranger.get(`${instance.origin}/`));
        expect(error).toMatchObject({ code: 'instance_unreachable' });
        expect(String(error.cause)).toMatch(/the proxy answered CONNECT with 40[17]/);

        const forbidden = { origin: 'http://localhost:9' };
        const elsewhere = await failureOf(requestsTo([forbidden], outbound).get(`${forbidden.origin}/`));
        expect(String(elsewhere?.cause)).toContain('the proxy answered CONNECT with 403');

        const sender = requestsTo([secure], { ...outbound, ca: authority.ca });
        expect((await sender.get(`${secure.origin}/`)).text).toBe('{}');
      } finally {
        await stop();
      }
    });
  },
);

function neverAsked(): never {
  throw new Error('the names are the proxy’s business');
}
