/** The configurations of nginx and systemd for the services in docs/operators.md, with processes of both on one Redis. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerOf, logInAt, openPage } from '../issuer/stage.js';
import { agree, Client } from '../bridge/stage.js';
import { blockOf } from '../docs/pages.js';
import { killAll, root, startNode, startService, type Service } from '../service/service-process.js';
import { selfSigned } from '../support/certificate.js';
import { freePort } from '../support/free-port.js';
import { redisAvailable, startProgram, startRedis, type Redis } from '../support/redis.js';
import { anInstance } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const missingOf = (program: string, flag: string) => {
  const { error } = spawnSync(program, [flag]);
  return error && `${program} cannot be run (${error.message}); .ci/install-nginx installs it`;
};
const withoutNginx = redisAvailable() ?? missingOf('nginx', '-v');
const withoutSystemd = missingOf('systemd-analyze', '--version');

const test = 'test/recipes/services.recipe.ts';
const folder = mkdtempSync(join(tmpdir(), 'services-'));
const file = (name: string) => join(folder, name);
let redis: Redis | undefined;
afterEach(killAll);
afterAll(async () => {
  await redis?.stop();
  rmSync(folder, { recursive: true });
});

/** The block with the test's addresses and files in place of the page's. Each of the page's must be in it. */
const adapted = (block: string, replacements: readonly (readonly [string, string])[]) =>
  replacements.reduce((text, [page, own]) => {
    if (!text.includes(page)) throw new Error(`the page does not contain ${page}`);
    return text.replaceAll(page, own);
  }, block);

(withoutNginx === undefined ? it : it.skip)(
  `visitors log in below a path and at several processes through nginx${withoutNginx === undefined ? '' : `: ${withoutNginx}`}`,
  async () => {
    const instance = await anInstance();
    redis = await startRedis();
    const [port, connectPort] = [await freePort(), await freePort()];
    const shared = (host: string) => (listen: number) => `app_name: A service
app_host: ${host}
listen: ${listen}
trusted_proxies: 1
redis_url: ${redis!.url}
development_instances: ${instance.origin}
`;
    const issuerConfig = (listen: number) => `${shared(`localhost:${port}`)(listen)}path: /sso
clients:
  - { client_id: shop, client_secret: a-secret-that-is-long-enough-to-be-one, redirect_uris: ["https://shop.example/"] }
`;
    const start = (config: (listen: number) => string, command: string) =>
      startService(folder, config, command);
    const issuers = [await start(issuerConfig, 'issuer'), await start(issuerConfig, 'issuer')];
    const connect = shared(`localhost:${connectPort}`);
    const bridges = [await start(connect, 'authenticator'), await start(connect, 'authenticator')];

    const { key, cert } = selfSigned();
    writeFileSync(file('key.pem'), key);
    writeFileSync(file('cert.pem'), cert);
    const portOf = (services: readonly Service[], index: number) => `127.0.0.1:${services[index]?.port}`;
    const servers = adapted(blockOf('docs/operators.md', test, 'upstream issuer'), [
      [
        'listen 443 ssl;\n    server_name connect.',
        `listen 127.0.0.1:${connectPort} ssl;\n    server_name connect.`,
      ],
      ['listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`],
      ['/etc/ssl/example.com.pem', file('cert.pem')],
      ['/etc/ssl/example.com.key', file('key.pem')],
      ['127.0.0.1:8081', portOf(issuers, 0)],
      ['127.0.0.1:8082', portOf(issuers, 1)],
      ['127.0.0.1:8091', portOf(bridges, 0)],
      ['127.0.0.1:8092', portOf(bridges, 1)],
    ]);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${file(name)};`,
    );
    writeFileSync(
      file('nginx.conf'),
      `daemon off; pid ${file('pid')}; events {} http { access_log off; ${temporary.join(' ')} ${servers} }`,
    );
    const issuerURL = `https://localhost:${port}/sso`;
    const visitor = new Visitor();
    const discovery = `${issuerURL}/.well-known/openid-configuration`;
    const isReady = () =>
      visitor.get(discovery).then(
        ({ status }) => status === 200,
        () => false,
      );
    const nginx = await startProgram(
      'nginx',
      ['-p', folder, '-e', 'stderr', '-c', file('nginx.conf')],
      isReady,
    );
    try {
      // The issuer: a whole login, whose requests nginx sends to the two processes in turn.
      const { origin, pathname } = new URL(issuerURL);
      const inserted = await visitor.get(`${origin}/.well-known/oauth-authorization-server${pathname}`);
      expect(inserted.json()).toMatchObject({ issuer: issuerURL });
      const verifier = 'v'.repeat(43);
      const query = new URLSearchParams({
        ...{ client_id: 'shop', redirect_uri: 'https://shop.example/', response_type: 'code' },
        ...{ scope: 'openid', state: 'a state', code_challenge_method: 'S256' },
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      });
      const page = await openPage(visitor, `${issuerURL}/authorize?${query.toString()}`);
      const code = answerOf(await logInAt(visitor, page, instance)).searchParams.get('code') ?? '';
      const form = { grant_type: 'authorization_code', code, code_verifier: verifier };
      const basic = Buffer.from('shop:a-secret-that-is-long-enough-to-be-one').toString('base64');
      const tokens = await visitor.post(
        `${issuerURL}/token`,
        { ...form, redirect_uri: 'https://shop.example/' },
        { Authorization: `Basic ${basic}` },
      );
      expect(tokens.json()).toMatchObject({ id_token: expect.any(String) });

      // The authenticator: the programs are at one process, the visitors' requests at both. One is restarted
      // meanwhile.
      const trusting = { rejectUnauthorized: false };
      const socket = await Client.open(`wss://localhost:${connectPort}/`, trusting);
      await agree(new Visitor(), (await socket.request(instance.host)).url);
      expect(await socket.hear('fulfill')).toMatchObject({ account: { username: 'alice' } });
      await Promise.all([...issuers, ...bridges].slice(0, 3).map(({ process }) => process.kill('SIGTERM')));
      expect((await visitor.get(discovery)).status).toBe(502);
      await (await Client.open(`wss://localhost:${connectPort}/`, trusting)).request(instance.host);
    } finally {
      await nginx.stop();
    }
  },
);

describe('the unit for systemd', () => {
  const unit = blockOf('docs/operators.md', test, '[Unit]');

  (withoutSystemd === undefined ? it : it.skip)(
    `is one that systemd accepts, for both commands${withoutSystemd === undefined ? '' : `: ${withoutSystemd}`}`,
    () => {
      const names = ['issuer', 'authenticator'].map((command) => file(`mastodon-${command}@.service`));
      // On some machines Node.js is in another folder.
      for (const name of names) writeFileSync(name, adapted(unit, [['/usr/bin/node', process.execPath]]));
      const { status, stderr } = spawnSync(
        'systemd-analyze',
        ['verify', '--man=no', ...names.map((name) => name.replace('@', '@1'))],
        { encoding: 'utf8' },
      );
      expect([stderr.split('\n').filter((line) => line.includes('mastodon-')), status]).toEqual([[], 0]);
    },
  );

  it.each(['issuer', 'authenticator'])('starts the %s with a file of its own', async (command) => {
    writeFileSync(file(`${command}-1.yml`), 'app_name: a\napp_host: a.example\ntrusted_proxies: 1\n');
    const line = adapted(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '', [
      ['%j', command],
      ['%i', '1'],
      ['node_modules/.bin/passport-mastodon-oauth2', join(root, 'dist/service/command.js')],
      ['/etc/mastodon-login', folder],
    ]);
    const [node, ...args] = line.split(' ');
    expect(node).toBe('/usr/bin/node');
    const checked = startNode([...args, '--check']);
    expect([await checked.ended, checked.output]).toEqual([0, [`${file(`${command}-1.yml`)} is right.`]]);
  });
});
