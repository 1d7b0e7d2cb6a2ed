/** Every rule and limit of a request, over real sockets. */

import type { OutboundOptions } from '../../lib/options.js';
import { eventLog } from '../../lib/events.js';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { MastodonError } from '../../lib/errors.js';
import { get, postForm, postJSON } from '../../lib/http/request.js';
import { selfSigned } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { aRawServer, names, until, type RawServer } from '../support/hostile.js';
import { codeOf, contextOf, httpTo, originOf, requestsTo } from '../support/network.js';
import { anInstance, failureOf } from '../support/stage.js';

/** Sends these bytes on each connection after its first request, and leaves it open. */
async function answering(text: string | Buffer): Promise<RawServer> {
  return aRawServer((socket) => void socket.on('data', () => socket.write(text)));
}

/** Requests to such a server. */
function to(server: RawServer, outbound: OutboundOptions = {}) {
  const { origin } = originOf(server);
  const sender = requestsTo([{ origin }], outbound);
  return { get: () => sender.get(`${origin}/`), post: () => sender.post(`${origin}/`, { a: 'b' }) };
}

describe('a GET', () => {
  it('names its sender, and the formats that it accepts', async () => {
    const instance = await anInstance();
    const sender = requestsTo([instance]);
    const answer = await sender.get(`${instance.origin}/api/v1/instance`);
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json; charset=utf-8' });
    expect(answer.url.href).toBe(`${instance.origin}/api/v1/instance`);
    const { headers } = instance.requests[0] ?? {};
    expect(headers).toMatchObject({ accept: 'application/json', 'accept-encoding': 'gzip, deflate' });
    expect(headers?.['user-agent']).toMatch(/^passport-mastodon-oauth2\/\d/);
    for (const name of ['authorization', 'content-type', 'content-length', 'cookie'])
      expect(headers).not.toHaveProperty(name);
  });

  it('follows three redirects and returns the final URL', async () => {
    const instance = await anInstance();
    for (const [from, to] of [1, 2, 3, 4].map((step) => [`/${step}`, `${step + 1}?x`])) {
      instance.answerWith(from ?? '', 302, '', { Location: to ?? '' });
    }
    const sender = requestsTo([instance]);
    expect(await sender.get(`${instance.origin}/2`)).toMatchObject({ status: 404, url: { pathname: '/5' } });
    expect(await sender.get(`${instance.origin}/1`)).toMatchObject({ status: 302, url: { pathname: '/4' } });
    expect(await sender.get(`${instance.origin}/1`, { redirects: 0 })).toMatchObject({ status: 302 });
  });

  it('with a token follows no redirect', async () => {
    const [instance, other] = [await anInstance(), await anInstance()];
    instance.answerWith('/here', 307, '', { Location: `${other.origin}/there` });
    const sender = requestsTo([instance, other]);
    const answer = await sender.get(`${instance.origin}/here`, { accessToken: 'secret' });
    expect(answer.status).toBe(307);
    expect(instance.requests[0]?.headers.authorization).toBe('Bearer secret');
    expect(other.connections).toBe(0);
  });

  it.each([
    [200, true],
    [201, true],
    [299, true],
    [300, false],
    [404, false],
    [500, false],
  ])('the status %s is a success: %s', async (status, ok) => {
    const instance = await anInstance();
    instance.answerWith('/here', status, '');
    expect(await requestsTo([instance]).get(`${instance.origin}/here`)).toMatchObject({ status, ok });
  });

  it('follows no redirect without a Location, and no status that is not a redirect', async () => {
    const instance = await anInstance();
    instance.answerWith('/without', 302, '');
    instance.answerWith('/created', 201, '', { Location: '/there' });
    instance.answerWith('/choices', 300, '', { Location: '/there' });
    const sender = requestsTo([instance]);
    for (const [path, status] of [
      ['/without', 302],
      ['/created', 201],
      ['/choices', 300],
    ] as const) {
      expect(await sender.get(instance.origin + path)).toMatchObject({ status });
    }
  });

  it('has one deadline for all of its redirects', async () => {
    const instance = await anInstance();
    instance.latencyMs = 60;
    instance.answerWith(/^GET \/loop/, 302, '', { Location: '/loop' });
    const sender = requestsTo([instance], { timeoutMs: 150 });
    expect(await codeOf(sender.get(`${instance.origin}/loop`))).toBe('timeout');
    expect(instance.requests.length).toBeLessThanOrEqual(3);
  });

  it('is sent again if a kept connection turns out to be closed', async () => {
    let requests = 0;
    const server = await aRawServer((socket) => {
      let first = true;
      socket.on('data', () => {
        requests++;
        if (first) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
        else socket.resetAndDestroy();
        first = false;
      });
    });
    const sender = to(server);
    expect((await sender.get()).status).toBe(200);
    expect((await sender.get()).status).toBe(200);
    expect(requests).toBe(3);
    expect(server.connections()).toBe(2);
  });

  it('is not sent again on a new connection', async () => {
    const server = await aRawServer((socket) => void socket.on('data', () => socket.resetAndDestroy()));
    expect(await codeOf(to(server).get())).toBe('instance_unreachable');
    expect(server.connections()).toBe(1);
  });
});

describe('a POST', () => {
  it('sends a form, without undefined values', async () => {
    const instance = await anInstance();
    const form = { a: 'ä &=', b: undefined, c: '' };
    await requestsTo([instance]).post(`${instance.origin}/x`, form);
    expect(instance.requests[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: { a: 'ä &=', c: '' },
    });
    expect(instance.requests[0]?.body).not.toHaveProperty('b');
  });

  describe('on a kept connection', () => {
    const sockets: Socket[] = [];
    const noted = (message: unknown) => void sockets.push((message as { socket: Socket }).socket);
    beforeEach(() => subscribe('undici:client:connected', noted));
    afterEach(() => unsubscribe('undici:client:connected', noted));

    /** @param afterwards what the server does to a connection after the second request */
    async function asked(afterwards: (socket: Socket) => void) {
      const requests: string[] = [];
      const certificate = selfSigned();
      const answer = (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
      const server = await aRawServer(
        (socket) => {
          let count = 0;
          socket.on('data', (data) => {
            requests.push(String(data).split(' ', 2).join(' '));
            if (++count === 1) answer(socket);
            else afterwards(socket);
          });
        },
        { tls: certificate },
      );
      const origin = `https://localhost:${server.port}`;
      const sender = requestsTo([{ origin }], { ca: certificate.cert });
      await sender.get(`${origin}/first`);
      return { requests, server, post: () => sender.post(`${origin}/token`, { code: 'secret' }) };
    }

    it('uses a new one if that was closed before anything was sent', async () => {
      const { requests, server, post } = await asked(() => undefined);
      const posted = post();
      // Like when the server's end arrives, or its timeout expires, while the request is about to be written.
      sockets.at(-1)?.destroy();
      expect((await posted).status).toBe(200);
      expect(requests).toEqual(['GET /first', 'POST /token']);
      expect(server.connections()).toBe(2);
    });

    it('is not sent again if it may have arrived', async () => {
      const { requests, post } = await asked((socket) => socket.destroy());
      expect(await codeOf(post())).toBe('instance_unreachable');
      expect(requests).toEqual(['GET /first', 'POST /token']);
    });
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect: %i', async (status) => {
    const [instance, other] = [await anInstance(), await anInstance()];
    instance.answerWith('/here', status, '', { Location: `${other.origin}/there` });
    const answer = await requestsTo([instance, other]).post(`${instance.origin}/here`, { code: 'secret' });
    expect(answer.status).toBe(status);
    expect(instance.requests).toHaveLength(1);
    expect(other.connections).toBe(0);
  });

  it.each(['127.0.0.1', '::1'])('over http opens a new connection, also to %s', async (address) => {
    const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
    const server = await aRawServer((socket) => void socket.on('data', () => socket.write(ok)), {
      address,
      // Free on each of them, because another test's server may get the same port at one of them.
      port: await freePort(),
    });
    const origin = `http://${address === '::1' ? '[::1]' : address}:${server.port}`;
    const sender = requestsTo([{ origin }]);
    await sender.get(`${origin}/`);
    await sender.post(`${origin}/`, {});
    expect(server.connections()).toBe(2);
  });

  it('is never sent twice', async () => {
    let requests = 0;
    const server = await aRawServer((socket) => {
      socket.on('data', (data: Buffer) => {
        if (!data.toString().startsWith('POST'))
          return socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
        requests++;
        return socket.resetAndDestroy();
      });
    });
    const sender = to(server);
    await sender.get();
    expect(await codeOf(sender.post())).toBe('instance_unreachable');
    expect(requests).toBe(1);
  });
});

describe('an answer', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';
  const bodies = { plain: Buffer.from('{"ä":1}'), gzip: gzipSync('{"ä":1}') };

  it.each([
    ['as it is', 'identity', bodies.plain],
    ['in gzip', 'gzip', bodies.gzip],
    ['in gzip by its old name', 'X-GZIP', bodies.gzip],
  ])('is read %s', async (_what, encoding, body) => {
    const headers = `${head}Content-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const server = await answering(Buffer.concat([Buffer.from(headers), body]));
    expect((await to(server).get()).text).toBe('{"ä":1}');
  });

  it('may have the maximum size, and not a byte more', async () => {
    for (const encoding of ['identity', 'gzip']) {
      for (const [size, code] of [
        [1000, undefined],
        [1001, 'response_too_large'],
      ] as const) {
        const body = encoding === 'gzip' ? gzipSync('x'.repeat(size)) : Buffer.from('x'.repeat(size));
        const headers = `${head}Content-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`;
        const server = await answering(Buffer.concat([Buffer.from(headers), body]));
        expect(await codeOf(to(server, { maxResponseBytes: 1000 }).get())).toBe(code);
      }
    }
  });

  it.each<[string, string | Buffer, string, RegExp]>([
    ['that is no gzip', `Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`, 'response_invalid', /^Z_/],
    [
      'that is not UTF-8',
      Buffer.from('Content-Length: 1\r\n\r\n\xff', 'latin1'),
      'response_invalid',
      /^ERR_ENCODING/,
    ],
    ['with too long headers', `A: ${'x'.repeat(20_000)}\r\n\r\n`, 'response_too_large', /^UND_ERR_HEADERS/],
    [
      'that expands',
      Buffer.concat([Buffer.from('Content-Encoding: gzip\r\n\r\n'), gzipSync('x'.repeat(1_000_000))]),
      'response_too_large',
      /^ERR_BUFFER/,
    ],
    ['that ends early', 'Content-Length: 9\r\n\r\n{}', 'instance_unreachable', /closed/],
  ])('%s is refused, and the operator learns why', async (_what, rest, code, cause) => {
    const whole = Buffer.concat([Buffer.from(head), Buffer.from(rest)]);
    const server = await aRawServer((socket) => void socket.on('data', () => socket.end(whole)));
    const error = await failureOf(to(server).get());
    expect(error).toMatchObject({ code, cause: { message: expect.stringMatching(cause) as unknown } });
  });

  it('without a content type has an empty one', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
    expect(await to(server).get()).toMatchObject({ contentType: '', text: '{}' });
  });

  it('that was refused leaves no connection open', async () => {
    const server = await answering(`${head}Content-Length: 5000\r\n\r\n`);
    expect(await codeOf(to(server, { maxResponseBytes: 1000 }).get())).toBe('response_too_large');
    await until(() => server.open() === 0);
  });

  it('of many on one connection each has the full limit', async () => {
    const body = 'x'.repeat(1000);
    const server = await answering(`${head}Content-Length: 1000\r\n\r\n${body}`);
    const sender = to(server, { maxResponseBytes: 1000 });
    for (let i = 0; i < 100; i++) expect((await sender.get()).text).toBe(body);
    expect(server.connections()).toBe(1);
  });

  it('of many over TLS each finds an open connection, also after a POST', async () => {
    const tls = selfSigned();
    const serve = (socket: Socket) =>
      void socket.on('data', () => socket.write(`${head}Content-Length: 2\r\n\r\n{}`));
    const server = await aRawServer(serve, { tls });
    const origin = `https://localhost:${server.port}`;
    const sender = requestsTo([{ origin }], { ca: tls.cert, timeoutMs: 5000 });
    for (let i = 0; i < 100; i++) {
      await sender.post(`${origin}/`, { code: 'x'.repeat(1000) });
      await sender.get(`${origin}/`);
    }
    // The next request may leave before the last one's connection is free.
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('of many over TLS arrives where the server closes each connection after it, without notice', async () => {
    const tls = selfSigned();
    const serve = (socket: Socket) =>
      void socket.on('data', () => socket.end(`${head}Content-Length: 2\r\n\r\n{}`));
    const server = await aRawServer(serve, { tls });
    const origin = `https://localhost:${server.port}`;
    const sender = requestsTo([{ origin }], { ca: tls.cert, timeoutMs: 5000 });
    for (let i = 0; i < 30; i++) {
      expect((await sender.post(`${origin}/`, { code: 'x' })).status).toBe(200);
      expect((await sender.get(`${origin}/`)).status).toBe(200);
    }
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a header without its colon', `${head}SECRET\r\n\r\n`],
    ['a control character in a header', `${head}Content-Length: 3\r\n SECRET\x01: x\r\n\r\n`],
    ['a length of letters', `${head}Content-Length: SECRET\r\n\r\n`],
    ['a chunk of no size', `${head}Transfer-Encoding: chunked\r\n\r\nSECRET\r\n`],
    ['a status below all others', 'HTTP/1.1 099 SECRET\r\n\r\n'],
    ['a status of nothing', `HTTP/1.1 000 SECRET\r\nContent-Length: 2\r\n\r\n{}`],
    ['a change of protocol, to none', 'HTTP/1.1 101 SECRET\r\n\r\n'],
    ['a change of protocol', 'HTTP/1.1 101 SECRET\r\nConnection: Upgrade\r\nUpgrade: SECRET\r\n\r\n'],
  ])(
    'that is %s is distinguished from a missing answer, and the error omits what was sent',
    async (_what, text) => {
      const server = await answering(text);
      const error = await failureOf(to(server).get());
      expect(error.code).toBe('response_invalid');
      const told = inspect(error, { depth: 9, showHidden: true });
      expect(told).not.toMatch(/SECRET|SSH|assert|falsy/);
      await until(() => server.open() === 0);
    },
  );
});

describe('an instance', () => {
  it('that does not exist is reported as unreachable, with its name', async () => {
    const host = `localhost:${await freePort()}`;
    const gone = { host, origin: `http://${host}` };
    const error = await failureOf(requestsTo([gone]).get(`${gone.origin}/`));
    expect(error).toMatchObject({ code: 'instance_unreachable', instance: gone.host, status: 502 });
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('receives no request over http, on a port, or by address', async () => {
    const { lookup, asked } = names({});
    const sender = requestsTo([], { lookup });
    for (const url of [
      'http://a.example/',
      'https://a.example:8443/',
      'https://8.8.8.8/',
      'https://me@a.example/',
    ]) {
      expect(await codeOf(sender.get(url))).toBe('instance_unreachable');
      expect(await codeOf(sender.post(url, {}))).toBe('instance_unreachable');
    }
    expect(asked).toEqual([]);
  });
});

describe('a POST of JSON', () => {
  it('sends a token in its header, and nowhere else', async () => {
    const instance = await anInstance();
    instance.answerWith('POST /api/i', 200, { id: '1' });
    const answer = await requestsTo([instance]).postJSON(`${instance.origin}/api/i`, {}, 'secret');
    expect(answer.text).toBe('{"id":"1"}');
    const [seen] = instance.requestsTo('POST /api/i');
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer secret',
      'content-type': 'application/json',
      'content-length': '2',
    });
  });

  it('follows no redirect', async () => {
    const [instance, other] = [await anInstance(), await anInstance()];
    instance.answerWith('POST /api/i', 307, '', { Location: `${other.origin}/api/i` });
    const sender = requestsTo([instance, other]);
    expect((await sender.postJSON(`${instance.origin}/api/i`, {}, 'x')).status).toBe(307);
    expect(other.connections).toBe(0);
  });
});

describe('the size of an answer', () => {
  const kib = 1024;

  it.each([
    ['a document', 128, {}, {}],
    ['an account', 1024, { accessToken: 'x' }, {}],
    ['a document, where the site allows less', 10, {}, { maxResponseBytes: 10 * kib }],
    ['an account, where the site allows less', 10, { accessToken: 'x' }, { maxResponseBytes: 10 * kib }],
    ['a document, where the site allows more', 128, {}, { maxResponseBytes: 1000 * kib }],
  ])('of %s is at most %i KiB', async (_what, most, options, outbound) => {
    const instance = await anInstance();
    const sender = requestsTo([instance], { ...outbound, timeoutMs: 5000 });
    const body = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    instance.answerWith('/fits', 200, body(most * kib));
    instance.answerWith('/does-not', 200, body(most * kib + 1));
    expect((await sender.get(`${instance.origin}/fits`, options)).text).toHaveLength(most * kib);
    expect(await codeOf(sender.get(`${instance.origin}/does-not`, options))).toBe('response_too_large');
  });

  it('of a token is at most 256 KiB', async () => {
    const instance = await anInstance();
    const sender = requestsTo([instance], { timeoutMs: 5000 });
    for (const [path, bytes, code] of [
      ['/fits', 256 * kib, undefined],
      ['/does-not', 256 * kib + 1, 'response_too_large'],
    ] as const) {
      instance.answerWith(`POST ${path}`, 200, 'x'.repeat(bytes));
      expect(await codeOf(sender.post(`${instance.origin}${path}`, {}))).toBe(code);
    }
  });
});

describe('the log', () => {
  it('contains each request with its host and outcome, without a query or a secret', async () => {
    const instance = await anInstance();
    const lines: unknown[] = [];
    const sender = requestsTo([instance], {}, { log: (...line) => void lines.push(line) });
    instance.answerWith('/from', 302, '', { Location: '/to?secret' });
    instance.answerWith('POST /oauth/token', 400, { error: 'invalid_grant' });
    await sender.get(`${instance.origin}/from?resource=acct:secret`);
    await sender.post(`${instance.origin}/oauth/token`, { code: 'secret' });
    await sender.get(`${instance.origin}/account`, { accessToken: 'secret' });
    await sender.get(`${instance.origin}/from`);
    await sender.get(`${instance.origin}/${'x'.repeat(300)}`);
    await codeOf(sender.get('http://10.0.0.1/inner'));
    const { host } = instance;
    const milliseconds = expect.any(Number) as unknown;
    expect(lines).toEqual([
      ['request', { method: 'GET', host, path: '/from', status: 302, milliseconds }],
      ['request', { method: 'GET', host, path: '/from', status: 404, milliseconds }],
      ['request', { method: 'POST', host, path: '/oauth/token', status: 400, milliseconds }],
      ['request', { method: 'GET', host, path: '/account', status: 404, milliseconds }],
      ['request', { method: 'GET', host, path: '/from', status: 302, milliseconds }],
      ['request', { method: 'GET', host, path: '/to', status: 404, milliseconds }],
      ['request', { method: 'GET', host, path: `/${'x'.repeat(199)}`, status: 404, milliseconds }],
      [
        'request',
        { method: 'GET', host: '10.0.0.1', path: '/inner', code: 'instance_unreachable', milliseconds },
      ],
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('does not disturb the request when it fails', async () => {
    const instance = await anInstance();
    const log = eventLog('MastodonLogin', () => {
      throw new Error('disk full');
    });
    expect((await requestsTo([instance], {}, { log }).get(`${instance.origin}/nothing`)).status).toBe(404);
  });
});

describe('a redirect to another server', () => {
  it('is followed to the same path and query, whatever path its Location names', async () => {
    const [instance, victim] = [await anInstance(), await anInstance()];
    instance.answerWith('/a', 302, '', { Location: '/b' });
    instance.answerWith('/b', 302, '', { Location: `${victim.origin}/admin/delete?all` });
    const answer = await requestsTo([instance, victim]).get(`${instance.origin}/a?resource=acct:ada`);
    expect(answer.url.href).toBe(`${victim.origin}/a?resource=acct:ada`);
    expect(victim.requests.map(({ path }) => path)).toEqual(['/a']);
  });

  it.each([
    'http://10.0.0.1/',
    'https://127.0.0.1/',
    'https://a.example:8443/',
    'ftp://a.example/',
    'data:,x',
  ])('is not followed to %s', async (location) => {
    const instance = await anInstance();
    const { lookup, asked } = names({ localhost: ['127.0.0.1'] });
    instance.answerWith('/a', 302, '', { Location: location });
    const sender = requestsTo([instance], { lookup });
    expect(await codeOf(sender.get(`${instance.origin}/a`))).toBe('instance_unreachable');
    expect(asked.every((name) => name === 'localhost')).toBe(true);
  });

  it('is not followed if the site does not allow that server', async () => {
    const [instance, other] = [await anInstance(), await anInstance()];
    instance.answerWith('/a', 302, '', { Location: `${other.origin}/` });
    const asked: string[] = [];
    const allowInstance = (host: string) => asked.push(host) === 1;
    const sender = requestsTo([instance, other], {}, { allowInstance });
    await expect(sender.get(`${instance.origin}/a`)).rejects.toMatchObject({
      code: 'instance_not_allowed',
      instance: other.host,
    });
    expect(asked).toEqual([instance.host, other.host]);
    expect(other.connections).toBe(0);
  });
});

describe('the deadline of a login', () => {
  it('covers all of its requests', async () => {
    const instance = await anInstance();
    instance.latencyMs = 800;
    const context = contextOf(httpTo([instance]), { timeoutMs: 2000, typed: instance.host });
    const codes = [];
    for (let turn = 0; turn < 4; turn++) {
      codes.push(await codeOf(get(context, `${instance.origin}/`, {}, () => 1)));
    }
    expect(codes[0]).toBeUndefined();
    expect(codes.slice(2)).toEqual(['timeout', 'timeout']);
    expect(instance.requests.length).toBeLessThanOrEqual(3);
  });

  it('once it has passed, no request is sent', async () => {
    const instance = await anInstance();
    const http = httpTo([instance]);
    const over = contextOf(http, { timeoutMs: 0 });
    const ended = contextOf(http);
    ended.end();
    for (const context of [over, ended]) {
      const failure = { code: 'timeout', instance: instance.host };
      await expect(get(context, `${instance.origin}/`, {}, () => 1)).rejects.toMatchObject(failure);
      await expect(postForm(context, `${instance.origin}/`, {}, () => 1)).rejects.toMatchObject(failure);
    }
    expect(instance.connections).toBe(0);
  });

  it('covers the call of allowInstance', async () => {
    const instance = await anInstance();
    const allowInstance = () => new Promise<boolean>(() => undefined);
    const sender = requestsTo([instance], { timeoutMs: 50 }, { allowInstance });
    await expect(sender.get(`${instance.origin}/`)).rejects.toMatchObject({
      code: 'timeout',
      instance: instance.host,
    });
    expect(instance.connections).toBe(0);
  });

  it('ends a running request, with its connection', async () => {
    const server = await aRawServer((socket) => socket.resume());
    const { origin } = originOf(server);
    const lines: unknown[] = [];
    const http = httpTo([{ origin }], {}, { log: (...line) => void lines.push(line) });
    const context = contextOf(http);
    const asked = codeOf(get(context, `${origin}/`, {}, () => 1));
    await until(() => server.open() === 1);
    context.end();
    expect(await asked).toBe('timeout');
    await until(() => server.open() === 0);
    // The result was not needed, so this is no failure of the server. The deadline is one.
    expect(lines).toEqual([]);
    expect(await codeOf(get(contextOf(http, { timeoutMs: 50 }), `${origin}/`, {}, () => 1))).toBe('timeout');
    expect(lines).toMatchObject([['request', { code: 'timeout' }]]);
  });
});

describe('the reader of an answer', () => {
  async function readBy<T>(read: () => T): Promise<T> {
    const instance = await anInstance();
    return get(contextOf(httpTo([instance])), `${instance.origin}/`, {}, read);
  }

  it('returns the result', async () => {
    expect(await readBy(() => 'what was read')).toBe('what was read');
  });

  it('that throws makes the answer invalid, and the error does not quote the answer', async () => {
    const error = await failureOf(readBy(() => encodeURIComponent('SECRET \ud800')));
    expect(error).toMatchObject({ code: 'response_invalid', cause: { message: 'URIError' } });
    expect(error.instance).toMatch(/^localhost:\d+$/);
    const broken = () => {
      throw new TypeError('SECRET');
    };
    const thrown = await failureOf(readBy(broken));
    expect(inspect(thrown, { depth: 9, showHidden: true })).not.toContain('SECRET');
  });

  it('that throws a MastodonError has that error reported, with the name of the instance', async () => {
    const refusal = new MastodonError('token_refused');
    const refused = () => {
      throw refusal;
    };
    const error = await failureOf(readBy(refused));
    expect(error.code).toBe('token_refused');
    expect(error.instance).toMatch(/^localhost:\d+$/);
    expect(refusal.instance).toBeUndefined();
  });
});

describe('text that a URL cannot contain', () => {
  const broken = 'a\ud800b';

  it('does not break a request', async () => {
    const instance = await anInstance();
    const context = contextOf(httpTo([instance]), { typed: instance.host });
    const { origin } = instance;
    const status = ({ status }: { status: number }) => status;
    expect(await get(context, `${origin}/x?resource=${broken}`, {}, status)).toBe(404);
    expect(await postForm(context, `${origin}/x`, { code: broken }, status)).toBe(404);
    expect(await postJSON(context, `${origin}/x`, { code: broken }, 'token', status)).toBe(404);
    expect(instance.requests).toHaveLength(3);
  });

  it.each(['https://', 'https://a b/', `https://${broken}/`, 'x'])('as %j is a failure', async (url) => {
    const context = contextOf(httpTo([]));
    const code = expect.stringMatching(/^(response_invalid|instance_unreachable)$/) as unknown;
    const failed = { code, cause: expect.any(Error) as unknown };
    await expect(get(context, url, {}, () => 1)).rejects.toMatchObject(failed);
    await expect(postForm(context, url, {}, () => 1)).rejects.toMatchObject(failed);
  });

  it('in a token is a failure that does not show the token', async () => {
    const instance = await anInstance();
    const accessToken = `SECRET\r\n${broken}`;
    const error = await failureOf(requestsTo([instance]).get(`${instance.origin}/`, { accessToken }));
    expect(error).toMatchObject({ code: 'instance_unreachable', instance: instance.host });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('SECRET');
    expect(instance.requests).toEqual([]);
  });
});
