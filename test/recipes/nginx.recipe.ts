/** The configuration for nginx in docs/operators.md, unchanged, in front of a site and of a bridge. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import WebSocket from 'ws';
import { once } from 'node:events';
import { startBridge } from '../bridge/stage.js';
import { blockOf } from '../docs/pages.js';
import { selfSigned } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { startProgram } from '../support/redis.js';
import { aSite, anInstance, leave, whoIsLoggedIn } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const { error } = spawnSync('nginx', ['-v']);
const missing = error && `nginx cannot be run (${error.message}); .ci/install-nginx installs it`;

const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The page's own lines; only addresses and files are those of the test. */
async function startNginx(port: number, ports: { readonly site: string; readonly bridge: string }) {
  const { key, cert } = selfSigned();
  const file = (name: string) => join(folder, name);
  writeFileSync(file('key.pem'), key);
  writeFileSync(file('cert.pem'), cert);
  const server = [
    ['listen 443', `listen 127.0.0.1:${port}`],
    ['example.com;', 'localhost;'],
    ['/etc/ssl/example.com.pem', file('cert.pem')],
    ['/etc/ssl/example.com.key', file('key.pem')],
    ['http://127.0.0.1:3000', ports.site.replace('localhost', '127.0.0.1')],
    ['http://127.0.0.1:8080', ports.bridge.replace('localhost', '127.0.0.1')],
  ].reduce(
    (text, [theirs = '', ours = '']) => {
      if (!text.includes(theirs)) throw new Error(`the page does not say ${theirs}`);
      return text.replace(theirs, ours);
    },
    blockOf('docs/operators.md', 'test/recipes/nginx.recipe.ts', 'listen 443'),
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${file(name)};`,
  );
  const conf = `daemon off; pid ${file('pid')}; events {} http { access_log off; ${temporary.join(' ')} ${server} }`;
  writeFileSync(file('nginx.conf'), conf);
  const isReady = () =>
    new Visitor().get(`https://localhost:${port}/login`).then(
      () => true,
      () => false,
    );
  return startProgram('nginx', ['-p', folder, '-e', 'stderr', '-c', file('nginx.conf')], isReady);
}

(missing === undefined ? it : it.skip)(
  `a visitor logs in through nginx, and a client reaches the bridge${missing === undefined ? '' : `: ${missing}`}`,
  async () => {
    const port = await freePort();
    const origin = `https://localhost:${port}`;
    const instance = await anInstance();
    const site = await aSite({
      instances: [instance],
      options: { callbackURL: `${origin}/auth/mastodon/callback` },
      session: { cookie: { secure: true, sameSite: 'lax' } },
      express: () => express().set('trust proxy', 1),
    });
    const bridge = await startBridge([instance], {
      ...{ publicURL: `${origin}/connect`, path: '/connect', trustedProxies: 1 },
    });
    const nginx = await startNginx(port, { site: site.origin, bridge: bridge.origin });
    try {
      const visitor = new Visitor();
      const callback = await visitor.approve(await leave(visitor, { origin }, instance.host));
      await visitor.get(callback);
      expect(await whoIsLoggedIn(visitor, { origin })).toBe('alice');

      const socket = new WebSocket(`wss://localhost:${port}/connect`, { rejectUnauthorized: false });
      await once(socket, 'open');
      socket.send(JSON.stringify({ type: 'auth', parameters: { host: instance.host } }));
      const [answer] = (await once(socket, 'message')) as [Buffer];
      const { url } = (JSON.parse(String(answer)) as { parameters: { url: string } }).parameters;
      expect((await new Visitor().get(url)).status).toBe(200);
      socket.close();
      expect(bridge.events.filter(([event]) => event === 'warning')).toEqual([]);
    } finally {
      await nginx.stop();
    }
  },
);
