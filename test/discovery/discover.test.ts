/** Which server is found behind a domain or handle, and which failure the visitor sees if none is. */

import { MastodonLogin, type LoginOptions } from '../../lib/core/index.js';
import { aRawServer } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { originOf } from '../support/network.js';
import { anInstance, failureOf } from '../support/stage.js';

function find(servers: readonly { origin: string }[], typed: string, options: Partial<LoginOptions> = {}) {
  return new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances: servers.map(({ origin }) => origin),
    ...options,
  }).find(typed);
}

/** A domain with a web site and no instance, and another server. */
async function aDomain(): Promise<[domain: StandIn, other: StandIn]> {
  const both: [StandIn, StandIn] = [await anInstance(), await anInstance()];
  both[0].answerWith(/^GET /, 404, '');
  return both;
}

/** The WebFinger answer for alice of `domain`, with an actor at `actorOf`. */
const fingerOf = (domain: StandIn, actorOf: StandIn) => ({
  subject: `acct:alice@${domain.host}`,
  links: [{ rel: 'self', type: 'application/activity+json', href: `${actorOf.origin}/users/alice` }],
});

const finger = '/.well-known/webfinger';
const hostMeta = (server: StandIn) => ({
  links: [{ rel: 'lrdd', template: `${server.origin}${finger}?resource={uri}` }],
});

describe('a domain', () => {
  it('leads by its host-meta to the server, whose accounts may have the name of the domain', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith('/.well-known/host-meta', 200, hostMeta(other));
    expect(await find([domain, other], domain.host)).toMatchObject({ host: other.host });
    other.answerWith('/api/v1/instance', 200, { version: '4.2.0' });
    expect(await find([domain, other], domain.host)).toMatchObject({ accountDomain: domain.host });
  });

  it('whose host-meta leads to a failing server is itself the one that has none', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith('/.well-known/host-meta', 200, hostMeta(other));
    other.answerWith(/./, 503, '');
    expect(await failureOf(find([domain, other], domain.host))).toMatchObject({
      code: 'instance_unsupported',
      instance: domain.host,
    });
  });

  it('that redirects everything leads to that server', async () => {
    const [domain, other] = await aDomain();
    domain.answer(/^GET /, (req, res) => void res.writeHead(301, { Location: other.origin + req.url }).end());
    expect(await find([domain, other], domain.host)).toMatchObject({ host: other.host });
  });

  it('whose documents redirect to a failing server has that failure, and is asked for no other', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith(/^GET \/(api|nodeinfo)/, 302, '', { Location: other.origin });
    domain.answerWith('/.well-known/host-meta', 200, hostMeta(domain));
    other.answerWith(/./, 503, '');
    expect(await failureOf(find([domain, other], domain.host))).toMatchObject({
      code: 'instance_unreachable',
      instance: other.host,
    });
    expect(domain.requestsTo('/.well-known/host-meta')).toEqual([]);
  });

  it.each<[string, (domain: StandIn) => void]>([
    [
      'has a bot check',
      (domain) => void domain.answerWith(/^GET \/api/, 403, '', { 'cf-mitigated': 'challenge' }),
    ],
    ['does not answer in time', (domain) => void domain.answer(/^GET \/api/, () => undefined)],
  ])('whose own site %s leads by its host-meta to the server', async (_what, fail) => {
    const [domain, other] = await aDomain();
    fail(domain);
    domain.answerWith('/.well-known/host-meta', 200, hostMeta(other));
    const outbound = { timeoutMs: 1000 };
    expect(await find([domain, other], domain.host, { outbound })).toMatchObject({ host: other.host });
  });

  it('whose own account is at a failing server has that failure', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith(finger, 302, '', { Location: `${other.origin}${finger}` });
    other.answerWith(/./, 503, '');
    expect(await failureOf(find([domain, other], domain.host))).toMatchObject({
      code: 'instance_unreachable',
      instance: other.host,
    });
  });

  it('that does not answer receives no further requests', async () => {
    const requests: string[] = [];
    const server = await aRawServer((socket) => {
      socket.on('data', (data) => {
        requests.push(String(data));
        socket.resetAndDestroy();
      });
    });
    const { code } = await failureOf(find([originOf(server)], `localhost:${server.port}`));
    expect(code).toBe('instance_unreachable');
    expect(requests.join()).not.toMatch(/host-meta|webfinger|well-known\/nodeinfo/);
  });
});

describe('a handle', () => {
  it.each([
    ['has no instance', false],
    ['has an instance too', true],
  ])(
    'leads to the server that its domain names and that confirms it, if the domain %s',
    async (_what, hasOwn) => {
      const [domain, other] = hasOwn ? [await anInstance(), await anInstance()] : await aDomain();
      for (const server of [domain, other])
        server.answerWith(
          ({ path, query }) => path === finger && query['resource'] === `acct:alice@${domain.host}`,
          200,
          fingerOf(domain, other),
        );
      expect(await find([domain, other], `alice@${domain.host}`)).toMatchObject({
        host: other.host,
        accountDomain: domain.host,
      });
    },
  );

  it('at its own domain costs one request for each document', async () => {
    const instance = await anInstance();
    expect(await find([instance], `alice@${instance.host}`)).toMatchObject({ host: instance.host });
    const paths = instance.requests.map(({ path }) => path);
    expect(paths).toHaveLength(new Set(paths).size);
  });

  it.each([
    ['fails', 503, 'instance_unreachable'],
    ['has no API', 404, 'instance_unsupported'],
  ])('whose confirming server %s has that failure', async (_what, status, code) => {
    const [domain, other] = await aDomain();
    for (const path of [/^GET \/(api|nodeinfo)/, /oauth-authorization-server/])
      other.answerWith(path, status, '');
    for (const server of [domain, other]) server.answerWith(finger, 200, fingerOf(domain, other));
    expect(await failureOf(find([domain, other], `alice@${domain.host}`))).toMatchObject({
      code,
      instance: other.host,
    });
  });

  it.each([
    ['has an instance stays there', true],
    ['has none leads there', false],
  ])('that another server does not confirm, of a domain that %s', async (_what, hasOwn) => {
    const [domain, other] = hasOwn ? [await anInstance(), await anInstance()] : await aDomain();
    domain.answerWith(finger, 200, fingerOf(domain, other));
    other.answerWith(finger, 404, '');
    const { host } = await find([domain, other], `alice@${domain.host}`);
    expect(host).toBe(hasOwn ? domain.host : other.host);
  });

  it.each([
    ['has no API', 404, 'instance_unsupported', 'its domain'],
    ['fails', 503, 'instance_unreachable', 'that server'],
  ])('that a server which %s (%i) does not confirm is %s of %s', async (_what, status, code, whose) => {
    const [domain, other] = await aDomain();
    domain.answerWith(finger, 200, fingerOf(domain, other));
    other.answerWith(/^GET /, status, '');
    expect(await failureOf(find([domain, other], `alice@${domain.host}`))).toMatchObject({
      code,
      instance: whose === 'its domain' ? domain.host : other.host,
    });
  });

  it('whose domain redirects WebFinger to a failing server has that failure', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith(finger, 302, '', { Location: `${other.origin}${finger}` });
    other.answerWith(/./, 503, '');
    expect(await failureOf(find([domain, other], `alice@${domain.host}`))).toMatchObject({
      code: 'instance_unreachable',
      instance: other.host,
      reason: 'server_error',
    });
  });

  it('whose server the site does not allow is refused for that', async () => {
    const [domain, other] = await aDomain();
    domain.answerWith(finger, 200, fingerOf(domain, other));
    const allowInstance = (host: string) => host === domain.host;
    expect(await failureOf(find([domain, other], `alice@${domain.host}`, { allowInstance }))).toMatchObject({
      code: 'instance_not_allowed',
      instance: other.host,
    });
    expect(other.requests).toEqual([]);
  });
});

describe('an instance', () => {
  it.each([
    ['only the second version of NodeInfo', '2.1'],
    ['only the first', '2.0'],
  ])('that has %s is known by it', async (_what, version) => {
    const instance = await anInstance();
    const nodeInfo = { software: { name: 'a-new-fork' } };
    // A page of the application answers every other path.
    instance.answerWith(/^GET \/nodeinfo\//, 200, '<html>', { 'Content-Type': 'text/html' });
    instance.answerWith(`/nodeinfo/${version}`, 200, nodeInfo);
    expect(await find([instance], instance.host)).toMatchObject({ software: 'a-new-fork' });
  });

  it.each([
    ['fails', 503],
    ['leads on to a third', 302],
  ])('with a second name is used by it, if the first one %s', async (_what, status) => {
    const [first, second, third] = [await anInstance(), await anInstance(), await anInstance()];
    second.answerWith('/.well-known/oauth-authorization-server', 200, {
      issuer: first.origin,
      authorization_endpoint: `${first.origin}/oauth/authorize`,
      token_endpoint: `${first.origin}/oauth/token`,
      app_registration_endpoint: `${first.origin}/api/v1/apps`,
    });
    first.answerWith(/./, status, '', { Location: `${third.origin}/api/v1/instance` });
    expect(await find([first, second, third], second.host)).toMatchObject({ host: second.host });
  });

  it.each([
    ['fails too', 503, {}],
    ['redirects to nowhere', 302, {}],
    ['is none', 200, { title: 'a page' }],
  ])('whose old description fails has that failure, if the new one %s', async (_what, status, document) => {
    const instance = await anInstance();
    instance.answerWith('/api/v1/instance', 500, '');
    instance.answerWith('/api/v2/instance', status, document, { Location: 'ftp://nowhere' });
    expect(await failureOf(find([instance], instance.host))).toMatchObject({
      code: 'instance_unreachable',
      reason: 'server_error',
    });
  });
});
