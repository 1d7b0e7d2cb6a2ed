/** A network attacker between the site and an instance poses as the instance. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import type { Certificate } from '../support/certificate.js';
import { aRawServer, names, refusal } from '../support/hostile.js';
import { aProxy } from '../support/proxy.js';
import { anInstance, aSite, start } from '../support/stage.js';
import { startAuthority, type Authority } from '../support/tls.js';
import { Visitor } from '../support/visitor.js';

let authority: Authority;
let other: Authority;
beforeAll(() => {
  authority = startAuthority();
  other = startAuthority();
});
afterAll(() => {
  authority.close();
  other.close();
});

const hostname = 'social.example';

async function posing(tls: Certificate, ca?: string) {
  const instance = await anInstance('mastodon45', { tls, hostname });
  const { lookup } = names({ [hostname]: ['127.0.0.1'] });
  const outbound = { lookup, ...(ca !== undefined && { ca }), timeoutMs: 2000 };
  const site = await aSite({ instances: [instance], options: { outbound } });
  return { instance, site };
}

it('logs in if the certificate is valid', async () => {
  const { instance, site } = await posing(authority.issue([hostname]), authority.ca);
  const page = await start(new Visitor(), site, `@alice@${instance.host}`);
  expect(page.location).toContain(`${instance.origin}/oauth/authorize`);
});

it.each([
  ['of another authority', () => other.issue([hostname])],
  ['of another name', () => authority.issue(['another.example'])],
  ['of a name below', () => authority.issue([`www.${hostname}`])],
  ['of all names above', () => authority.issue(['*.example.org'])],
  ['that is over', () => authority.issue([hostname], -1)],
])('is detected by a certificate %s', async (_what, issue) => {
  const { instance, site } = await posing(issue(), authority.ca);
  expect(refusal(await start(new Visitor(), site, instance.host))).toEqual({
    status: 502,
    code: 'instance_unreachable',
  });
  expect(instance.requests).toEqual([]);
});

it('is detected if the certificate authority is unknown', async () => {
  const { instance, site } = await posing(authority.issue([hostname]));
  expect(refusal(await start(new Visitor(), site, instance.host)).code).toBe('instance_unreachable');
  expect(instance.requests).toEqual([]);
});

/** The outcome of a request in a process that ignores certificates. */
async function askedUnchecked(origin: string, outbound = ''): Promise<string> {
  const program = `
    const { Http, RequestContext } = require('./lib/http/context.ts');
    const { get } = require('./lib/http/request.ts');
    const { readOptions } = require('./lib/options.ts');
    const { lookup } = require('node:dns');
    const http = new Http(readOptions({
      clientName: 'A site',
      callbackURL: 'https://site.example/callback',
      developmentInstances: ['${origin}'],
      outbound: { lookup: (_name, options, callback) => lookup('127.0.0.1', options, callback), ${outbound} },
    }));
    const context = new RequestContext(http, { timeoutMs: 10_000 });
    get(context, '${origin}/', {}, () => undefined)
      .then(() => console.log('fooled'), ({ code }) => console.log(code))
      .finally(() => context.end());
  `;
  const root = join(__dirname, '../..');
  // Jest hides the process's environment from tests, so this needs a separate process.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--require', join(root, 'test/support/from-source.js'), '--eval', program],
    { cwd: root, env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
  );
  return stdout.trim();
}

it('is detected although the process disabled the check', async () => {
  const instance = await anInstance('mastodon45', { tls: other.issue([hostname]), hostname });
  expect(await askedUnchecked(instance.origin)).toBe('instance_unreachable');
  expect(instance.requests).toEqual([]);
});

it('receives no credentials in place of the site’s proxy, although the process disabled the check', async () => {
  const proxy = await aProxy(undefined, { tls: other.issue(['localhost']) });
  const asked = askedUnchecked(
    `https://${hostname}:4000`,
    `proxy: 'https://user:password@localhost:${proxy.port}'`,
  );
  expect(await asked).toBe('instance_unreachable');
  expect(proxy.connections()).toBe(1);
  expect(proxy.heads).toEqual([]);
});

it('cannot answer in plain text', async () => {
  const server = await aRawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
  const origin = `https://${hostname}:${server.port}`;
  const { lookup } = names({ [hostname]: ['127.0.0.1'] });
  const site = await aSite({ instances: [{ origin }], options: { outbound: { lookup, timeoutMs: 5000 } } });
  expect(refusal(await start(new Visitor(), site, new URL(origin).host)).code).toBe('instance_unreachable');
});

it('cannot have the text of its certificate logged', async () => {
  const marker = 'evil-text-of-a-stranger.example';
  const { instance, site } = await posing(authority.issue([marker]), authority.ca);
  let seen = '';
  site.strategy.authenticate = new Proxy(site.strategy.authenticate, {
    apply(target, self: { fail: (challenge: object, status: number) => void }, args) {
      const { fail } = self;
      self.fail = (challenge, status) => {
        seen = inspect((challenge as { cause?: unknown }).cause, { showHidden: true, depth: 10 });
        fail.call(self, challenge, status);
      };
      return Reflect.apply(target, self, args) as void;
    },
  });
  expect(refusal(await start(new Visitor(), site, instance.host)).code).toBe('instance_unreachable');
  expect(seen).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(seen).not.toContain(marker);
});
