/** The router in applications of every kind, and the WebSocket beside other users of the same server. */

import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import express from 'express';
import WebSocket, { WebSocketServer } from 'ws';
import { createBridge } from '../../lib/bridge';
import { listenLocally } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, Client, formOf, press, startBridge, until } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

describe('the router', () => {
  it.each([
    ['in Express', '', () => express()],
    ['in Express, below a path', '/deep/down', () => express()],
    ['in Express, behind body parsers', '/x', () => express().use(express.urlencoded(), express.json())],
    [
      'in Express, behind a parser that keeps bodies as text',
      '/x',
      () =>
        express()
          .use(express.urlencoded({ extended: true }))
          .use(express.text()),
    ],
  ])('works %s', async (_where, base, makeApp) => {
    const { connect } = await startBridge([instance], {
      base,
      serve: ({ router }) => {
        const app = makeApp();
        app.use(base, router);
        app.get('/auth/login', (_req, res) => void res.send('a page of the application'));
        app.use((_req, res) => void res.status(404).send('the application has nothing here'));
        return app;
      },
    });
    const client = await connect();
    const { url } = await client.request(instance.host);
    expect(new URL(url).pathname).toMatch(new RegExp(`^${base}/auth/`));
    const visitor = new Visitor();
    expect((await visitor.get(url)).headers['set-cookie']?.[0]).toContain(`Path=${base}/;`);
    expect((await agree(visitor, url)).status).toBe(200);
    await client.hear('fulfill');
  });

  it('leaves other paths to the application', async () => {
    const { origin } = await startBridge([instance], {
      base: '/auth',
      serve: ({ router }) => {
        const app = express();
        app.use(router);
        app.use((req, res) => void res.send(`the application's ${req.originalUrl}`));
        return app;
      },
    });
    const id = 'A'.repeat(24);
    const others = [
      `/auth/${id}`,
      `/callback/${instance.host}/done?code=1`,
      `/client/${instance.host}/metadata`,
      '/button/x',
    ];
    for (const path of ['/', '/auth/login', '/auth', '/callback', '/auth/auth/a/b', ...others]) {
      expect((await new Visitor().get(origin + path)).text).toBe(`the application's ${path}`);
    }
    expect((await new Visitor().get(`${origin}/auth/auth/${'A'.repeat(24)}`)).text).toContain(
      'not valid any more',
    );
  });

  it('leaves /auth/mastodon to an application at the same root', async () => {
    const { connect, origin } = await startBridge([instance], {
      serve: ({ router }) => {
        const app = express();
        app.use(router);
        app.use((req, res) => void res.send(`the application's ${req.originalUrl}`));
        return app;
      },
    });
    const visitor = new Visitor();
    for (const path of [
      '/auth/mastodon',
      `/auth/mastodon/callback/${instance.host}`,
      `/callback/${instance.host}`,
    ]) {
      expect((await visitor.get(origin + path)).text).toBe(`the application's ${path}`);
    }
    expect((await visitor.post(`${origin}/auth/mastodon`)).text).toBe("the application's /auth/mastodon");
    const client = await connect();
    expect((await agree(visitor, (await client.request(instance.host)).url)).status).toBe(200);
  });

  it('has a callback path that firewalls accept: the host is not its last segment', async () => {
    const { connect, origin } = await startBridge([instance], { base: '/connect' });
    const { url } = await (await connect()).request(instance.host);
    const { location = '' } = await press(new Visitor(), url);
    const redirectURI = new URL(location).searchParams.get('redirect_uri');
    expect(redirectURI).toBe(`${origin}/connect/callback/${instance.host}/done`);
  });

  it.each([
    ['takes the prefix away', (url: string) => url.replace('/login', '')],
    ['puts another in its place', (url: string) => url.replace('/login', '')],
    ['leaves it', (url: string) => url],
  ])('works behind a proxy that %s', async (_what, rewrite) => {
    const proxy = createServer();
    const outside = `http://localhost:${await listenLocally(proxy)}`;
    const inner = await startBridge([instance], { publicURL: `${outside}/login` });
    proxy.on('request', (req, res) => {
      const { method = 'GET', headers } = req;
      const forwarded = httpRequest(inner.origin + rewrite(req.url ?? ''), { method, headers }, (answer) => {
        res.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(res);
      });
      req.pipe(forwarded);
    });
    const client = await inner.connect();
    const { url } = await client.request(instance.host);
    expect((await agree(new Visitor(), url)).status).toBe(200);
    await client.hear('fulfill');
    proxy.closeAllConnections();
    proxy.close();
  });

  it('works at the path of the application, behind a proxy that replaces the path', async () => {
    const { connect, origin } = await startBridge([instance], {
      publicURL: 'https://login.example/outside',
      serve: ({ router }) => {
        const app = express();
        app.use('/inside', router);
        app.use((req, res) => void res.send(`the application's ${req.originalUrl}`));
        return app;
      },
    });
    const { url } = await (await connect()).request(instance.host);
    const { pathname } = new URL(url);
    const inside = pathname.replace('/outside', '/inside');
    expect((await new Visitor().get(origin + inside)).text).toContain('asks to use your account');
    const elsewhere = pathname.replace('/outside', '');
    expect((await new Visitor().get(origin + elsewhere)).text).toBe(`the application's ${elsewhere}`);
  });

  it('leaves the paths of an application of several parts to it', async () => {
    const part = express().use((req, res, next) => (bridgeRouter ? bridgeRouter(req, res, next) : next()));
    let bridgeRouter: ReturnType<typeof createBridge>['router'] | undefined;
    const { origin } = await startBridge([instance], {
      base: '/part/login',
      serve: ({ router }) => {
        bridgeRouter = router;
        part.use((req, res) => void res.send(`the application's ${req.originalUrl}`));
        return express().use('/part', part);
      },
    });
    const path = `/part/auth/${'A'.repeat(24)}`;
    expect((await new Visitor().get(origin + path)).text).toBe(`the application's ${path}`);
    const own = `/part/login/auth/${'A'.repeat(24)}`;
    expect((await new Visitor().get(origin + own)).text).toContain('not valid any more');
  });

  it('does not wait for a body that never comes', async () => {
    const { connect } = await startBridge([instance]);
    const { url } = await (await connect()).request(instance.host);
    const visitor = new Visitor();
    formOf(await visitor.get(url));
    const hanging = httpRequest(url, { method: 'POST', headers: { 'Content-Length': 100 } });
    hanging.on('error', () => undefined).write('proof=');
    await new Promise((resolve) => setTimeout(resolve, 50));
    hanging.destroy();
    expect((await visitor.get(url)).status).toBe(200);
  });
});

describe('the sockets', () => {
  const echo = (server: WebSocketServer) =>
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`echo ${String(data)}`));
      socket.on('error', () => undefined);
    });
  const echoed = async (url: string): Promise<string> => {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    socket.send('hello');
    const [data] = (await once(socket, 'message')) as [Buffer];
    socket.terminate();
    return String(data);
  };

  it.each(['before', 'after'])('work beside a WebSocketServer that was attached %s', async (when) => {
    const server = createServer();
    const start = () => {
      const other = echo(new WebSocketServer({ noServer: true }));
      server.on('upgrade', (req, socket, head) => {
        if (req.url !== '/chat') return;
        other.handleUpgrade(req, socket, head, (client) => other.emit('connection', client, req));
      });
    };
    if (when === 'before') start();
    const port = await listenLocally(server);
    const bridge = createBridge({
      clientName: 'a',
      publicURL: `http://localhost:${port}`,
      developmentInstances: [instance.origin],
    });
    bridge.attach(server);
    if (when === 'after') start();

    for (let time = 0; time < 3; time++) {
      const client = await Client.open(`ws://localhost:${port}/?query`);
      expect((await client.request(instance.host)).id).toBeDefined();
      expect(await echoed(`ws://localhost:${port}/chat`)).toBe('echo hello');
    }
    await bridge.close();
    expect(await echoed(`ws://localhost:${port}/chat`)).toBe('echo hello');
    server.closeAllConnections();
    server.close();
  });

  it('add listeners to the server, and change nothing else of it', async () => {
    const server = createServer();
    const before = Reflect.ownKeys(server);
    const { emit } = server;
    const bridge = createBridge({ clientName: 'a', publicURL: 'http://localhost:1' });
    bridge.attach(server);
    expect([Reflect.ownKeys(server), server.emit === emit]).toEqual([before, true]);
    expect(() => bridge.attach(server)).toThrow('already');
    await bridge.close();
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('need the server: an Express app receives no upgrades', async () => {
    const bridge = createBridge({ clientName: 'a', publicURL: 'http://localhost:1' });
    expect(() => bridge.attach(express() as never)).toThrow('takes the server of createServer(app)');
    await bridge.close();
  });

  it('leave other paths to a listener that answers later', async () => {
    const { server, origin } = await startBridge([instance]);
    const other = echo(new WebSocketServer({ noServer: true }));
    server.on('upgrade', (req, socket, head) => {
      if (req.url !== '/slow') return;
      setTimeout(() => other.handleUpgrade(req, socket, head, (ws) => other.emit('connection', ws, req)), 50);
    });
    expect(await echoed(`${origin.replace('http', 'ws')}/slow`)).toBe('echo hello');
  });

  it('are refused at paths that have no handler', async () => {
    const { server, origin } = await startBridge([instance], { path: '/socket' });
    const second = createBridge({ clientName: 'b', publicURL: origin, path: '/second' });
    second.attach(server);
    const open = (path: string) => Client.open(origin.replace('http', 'ws') + path);
    await expect(open('/')).rejects.toThrow('404');
    await expect(open('/socket/')).rejects.toThrow('404');
    await open('/socket');
    await open('/second');
    await second.close();
    await expect(open('/second')).rejects.toThrow('404');
    await open('/socket');
  });

  it('can be attached to two servers, and are removed when the bridge is closed', async () => {
    const { bridge, server, connect } = await startBridge([instance]);
    const other = createServer((_req, res) => res.end());
    const url = `ws://localhost:${await listenLocally(other)}/`;
    bridge.attach(other);
    await Client.open(url);
    await connect();
    expect(bridge.status().sockets).toBe(2);
    await bridge.close();
    expect([server.listenerCount('upgrade'), other.listenerCount('upgrade')]).toEqual([0, 0]);
    await expect(Client.open(url)).rejects.toThrow();
    expect(() => bridge.attach(other)).toThrow('closed');
    other.closeAllConnections();
    other.close();
    await until(() => !other.listening);
  });
});

describe('options', () => {
  const right = { clientName: 'a', publicURL: 'https://a.example' };
  it.each([
    ['publicURL', { publicURL: undefined }],
    ['publicURL', { publicURL: '/login' }],
    ['publicURL', { publicURL: 'https://a.example/?a' }],
    ['publicURL must use https', { publicURL: 'http://a.example' }],
    ['clientName', { clientName: '' }],
    ['path', { path: 'socket' }],
    ['origins', { origins: 'https://a.example' }],
    ['origins', { origins: ['a.example'] }],
    ['origins', { origins: [['https://a.example']] }],
    ['origins', { origins: ['https://a.example/path'] }],
    ['origins', { origins: ['file:///home/'] }],
    ['revokeUndelivered', { revokeUndelivered: 'no' }],
    ['bus', { bus: {} }],
    ['limits.maxSockets', { limits: { maxSockets: 0 } }],
    ['limits.heartbeatMs', { limits: { heartbeatMs: 2 ** 31 } }],
    ['no limit maxSocket', { limits: { maxSocket: 5 } }],
    ['trustedProxies', { trustedProxies: -1 }],
  ])('name %s when it is wrong', (name, wrong) => {
    expect(() => createBridge({ ...right, ...wrong } as never)).toThrow(name);
  });

  it('may be undefined', () => {
    const none = {
      website: undefined,
      scope: undefined,
      path: undefined,
      origins: undefined,
      bus: undefined,
    };
    expect(createBridge({ ...right, ...none, limits: { maxSockets: undefined as never } }).status()).toEqual({
      sockets: 0,
      pending: 0,
    });
  });
});
