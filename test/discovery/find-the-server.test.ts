/** Discovery finds servers with faulty documents and domains with faults; otherwise the error names the cause. */

import { describeApp } from '../../lib/client/client.js';
import { Clients } from '../../lib/client/clients.js';
import { ReferralLimits } from '../../lib/http/referrals.js';
import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import { readOptions } from '../../lib/options.js';
import { Store, storeKey } from '../../lib/store.js';
import { aSite, aSplitPair, anInstance, anInstanceRecord, JSONStore, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const browser = randomToken();
const metadataPath = '/.well-known/oauth-authorization-server';

it.each([404, 410, 500, 503])(
  'an instance whose old description answers %i is known by the new one',
  async (status) => {
    const instance = await anInstance();
    instance.answerWith('/api/v1/instance', status, '');
    const site = await aSite({ instances: [instance] });
    await new Visitor().login(site, instance.host);
    expect(site.verified[0].id).toMatch(`${instance.origin}#`);
  },
);

it.each([429, 500, 503])(
  'a domain whose own site answers %i leads to its server by host-meta',
  async (status) => {
    const { accountDomain, webHost } = await aSplitPair('mastodon45', { style: 'host-meta' });
    for (const v of [1, 2]) accountDomain.answerWith(`/api/v${v}/instance`, status, '');
    const site = await aSite({ instances: [accountDomain, webHost] });
    for (const typed of [accountDomain.host, `@alice@${accountDomain.host}`]) {
      await new Visitor().login(site, typed);
      expect(site.verified.pop()).toMatchObject({
        handle: `alice@${accountDomain.host}`,
        handleVerified: true,
        instance: { host: webHost.host },
      });
    }
  },
);

it('a domain that gives an account elsewhere its own name leads there, and confirms no handle', async () => {
  const [{ accountDomain }, elsewhere] = await Promise.all([aSplitPair(), anInstance()]);
  accountDomain.answerWith(
    '/.well-known/webfinger',
    200,
    JSON.stringify({
      subject: `acct:me@${accountDomain.host}`,
      links: [{ rel: 'self', type: 'application/activity+json', href: `${elsewhere.origin}/users/alice` }],
    }),
    { 'Content-Type': 'application/octet-stream' },
  );
  const site = await aSite({ instances: [accountDomain, elsewhere] });
  await new Visitor().login(site, `me@${accountDomain.host}`);
  expect(site.verified[0]).toMatchObject({
    handle: `alice@${elsewhere.host}`,
    instance: { host: elsewhere.host },
  });
});

it.each([
  ['120 KB leads', 120_000, true],
  ['a hundred times what others have leads nowhere', 132_000, false],
])('a WebFinger answer is read up to its limit: %s', async (_what, size, isRead) => {
  const [{ accountDomain }, elsewhere] = await Promise.all([aSplitPair(), anInstance()]);
  const links = [{ rel: 'self', type: 'application/activity+json', href: `${elsewhere.origin}/users/alice` }];
  const document = { subject: `acct:me@${accountDomain.host}`, links, padding: 'x'.repeat(size) };
  accountDomain.answerWith('/.well-known/webfinger', 200, document);
  const site = await aSite({ instances: [accountDomain, elsewhere] });
  const { location = '' } = await start(new Visitor(), site, `me@${accountDomain.host}`);
  expect(location.startsWith(elsewhere.origin)).toBe(isRead);
});

it('a second name whose document names the first leads to the first', async () => {
  const [first, second] = await Promise.all([anInstance(), anInstance()]);
  second.answerWith(metadataPath, 200, {
    issuer: first.origin,
    authorization_endpoint: `${first.origin}/oauth/authorize`,
    token_endpoint: `${first.origin}/oauth/token`,
    app_registration_endpoint: `${first.origin}/api/v1/apps`,
  });
  const site = await aSite({ instances: [first, second] });
  await new Visitor().login(site, second.host);
  expect(site.verified[0].id).toMatch(`${first.origin}#`);
  expect(second.registrations).toBe(0);
});

it.each<[string, (origin: string) => object]>([
  ['nothing in it', () => ({})],
  [
    'an issuer below a path',
    (origin) => ({ issuer: `${origin}/apps/social/`, token_endpoint: `${origin}/x` }),
  ],
  [
    'another product’s addresses',
    (origin) => ({
      issuer: origin,
      authorization_endpoint: `${origin}/wp/x`,
      token_endpoint: `${origin}/wp/y`,
    }),
  ],
])('an instance whose metadata has %s is used as one without metadata', async (_what, document) => {
  const instance = await anInstance('mastodon42');
  instance.answerWith(metadataPath, 200, document(instance.origin));
  const site = await aSite({ instances: [instance] });
  const { location = '' } = await start(new Visitor(), site, instance.host);
  expect(location).toMatch(`${instance.origin}/oauth/authorize?`);
});

it('a bot check is reported as one', async () => {
  const instance = await anInstance();
  instance.answerWith('/api/v1/instance', 403, '<title>Just a moment...</title>', {
    'Content-Type': 'text/html',
    'cf-mitigated': 'challenge',
  });
  const site = await aSite({ instances: [instance] });
  const page = await start(new Visitor(), site, instance.host);
  expect(page.json()).toMatchObject({ code: 'instance_blocked' });
  expect(page.json().message).toMatch(/bot check/);
});

it('a Misskey server is reported as one', async () => {
  const instance = await anInstance();
  const unknown = { error: { message: 'Unknown API endpoint.', code: 'UNKNOWN_API_ENDPOINT' } };
  for (const v of [1, 2]) instance.answerWith(`/api/v${v}/instance`, 404, unknown);
  instance.answerWith(metadataPath, 404, {});
  const site = await aSite({ instances: [instance] });
  const page = await start(new Visitor(), site, instance.host);
  expect(page.json()).toMatchObject({ code: 'instance_unsupported', reason: 'speaks_misskey' });
  expect(page.json().message).toMatch(/Misskey/);
});

it('an instance that was found is not discovered again when the login begins', async () => {
  const instance = await anInstance();
  const login = new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'http://localhost/callback',
    developmentInstances: [instance.origin],
  });
  await login.find(instance.host);
  await login.begin(instance.host, browser);
  expect(instance.requestsTo('/api/v1/instance')).toHaveLength(1);
});

it('a visitor who types a name in their own script sees it in that script', async () => {
  const allowInstance = () => false;
  const site = await aSite({ options: { allowInstance } });
  const page = await start(new Visitor(), site, '@ada@BÜCHER.example');
  expect(page.json()).toMatchObject({ code: 'instance_not_allowed', instance: 'xn--bcher-kva.example' });
  expect(page.json().message).toContain('bücher.example');
  const ascii = await start(new Visitor(), site, 'xn--bcher-kva.example');
  expect(ascii.json().message).toContain('xn--bcher-kva.example');
});

it('also in errors of the callback, while other visitors see it in ASCII', async () => {
  const host = 'xn--bcher-kva.example';
  const instance = anInstanceRecord({ origin: `https://${host}`, software: 'mastodon' });
  const callbackURL = 'https://site.example/callback';
  const options = { clientName: 'A site', callbackURL, store: new JSONStore() };
  const store = new Store(options.store, 5000);
  await store.set(storeKey('instance', host), instance);
  const { key, redirectURI, scope } = describeApp(instance, readOptions(options));
  const client = { clientId: 'c', clientSecret: 's', redirectURI, scope };
  await new Clients(store, options, new ReferralLimits()).add(host, key, client);
  const login = new MastodonLogin(options);
  const denied = async (typed: string): Promise<Error> => {
    const { redirect } = await login.begin(typed, browser);
    const state = new URL(redirect).searchParams.get('state');
    const answer = `${callbackURL}/${host}?error=access_denied&state=${state}`;
    return login.finish(answer, browser).then(
      () => new Error('finished'),
      (error: Error) => error,
    );
  };
  expect((await denied('BÜCHER.example')).message).toContain('bücher.example');
  expect(await denied('BÜCHER.example')).toMatchObject({ code: 'access_denied', instance: host });
  expect((await denied(host)).message).toContain(host);
});

it('the domain of an instance’s handles receives a request only if the site allows it', async () => {
  const { accountDomain, webHost } = await aSplitPair('mastodon45', { style: 'direct' });
  const allowInstance = (host: string) => host === webHost.host;
  const site = await aSite({ instances: [accountDomain, webHost], options: { allowInstance } });
  await new Visitor().login(site, webHost.host);
  expect(site.verified[0]).toMatchObject({ handle: `alice@${webHost.host}`, handleVerified: false });
  expect(accountDomain.requests).toEqual([]);
});

describe('a domain that only redirects WebFinger', () => {
  it('to its server leads there, when the domain alone is typed', async () => {
    const { accountDomain, webHost } = await aSplitPair();
    webHost.answer(
      ({ path, query }) =>
        path === '/.well-known/webfinger' &&
        query['resource'] === `acct:${accountDomain.host}@${accountDomain.host}`,
      (_req, res) => {
        const links = [{ rel: 'self', type: 'application/activity+json', href: `${webHost.origin}/actor` }];
        res.writeHead(200, { 'Content-Type': 'application/jrd+json' });
        res.end(JSON.stringify({ subject: `acct:${accountDomain.host}@${accountDomain.host}`, links }));
      },
    );
    const site = await aSite({ instances: [accountDomain, webHost] });
    await new Visitor().login(site, accountDomain.host);
    expect(site.verified[0]).toMatchObject({ instance: { host: webHost.host } });
  });

  it('to the account of its owner, with a fixed resource, leads there', async () => {
    const [domain, instance] = [await anInstance(), await anInstance()];
    domain.answerWith(/^GET /, 404, '');
    const resource = `acct:alice@${instance.host}`;
    const target = `${instance.origin}/.well-known/webfinger?resource=${resource}`;
    domain.answerWith('/.well-known/webfinger', 302, '', { Location: target });
    const site = await aSite({ instances: [domain, instance] });
    await new Visitor().login(site, `@me@${domain.host}`);
    expect(site.verified[0]).toMatchObject({
      handle: `alice@${instance.host}`,
      handleVerified: true,
      instance: { host: instance.host },
    });
  });
});

it('a server’s NodeInfo index does not choose the path of a request to a third party', async () => {
  const [evil, victim] = [await anInstance(), await anInstance()];
  evil.answerWith(/^GET /, 404, {});
  const trigger = '/api/v1/trigger?action=delete';
  const links = [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: evil.origin + trigger }];
  evil.answerWith('/.well-known/nodeinfo', 200, { links });
  evil.answerWith('/api/v1/trigger', 302, '', { Location: victim.origin + trigger });
  const site = await aSite({ instances: [evil, victim] });
  expect((await start(new Visitor(), site, evil.host)).json()).toMatchObject({
    code: 'instance_unsupported',
  });
  expect(evil.requestsTo('/api/v1/trigger')).toHaveLength(1);
  expect(victim.requests).toEqual([]);
});

it.each([
  'foo://"onfocus="alert(1)"autofocus="/',
  'x://Call-0800-123456!Your-account-will-be-deleted!(now)/',
  'data:text/plain,hello',
  'https://"x=\'.evil.example/',
  `https://${'a'.repeat(300)}.example/`,
])('a redirect to %s puts no text of the server into the failure', async (target) => {
  const instance = await anInstance();
  instance.answerWith(/^GET /, 302, '', { Location: target });
  const login = new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances: [instance.origin],
  });
  const error = (await login.find(instance.host).catch((thrown: unknown) => thrown)) as Error;
  expect(error).toMatchObject({ name: 'MastodonError', instance: instance.host });
  expect(error.message + String(error.cause)).not.toMatch(/alert|0800|evil|hello|aaaa/);
});

it('the log has the requested paths, and no path that a redirect chose', async () => {
  const instance = await anInstance();
  instance.answerWith('/.well-known/webfinger', 302, '', { Location: '/finger/acct:alice@some.example' });
  const paths: unknown[] = [];
  const login = new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances: [instance.origin],
    log: (event) => void (event.event === 'request' && paths.push(event.path)),
  });
  await login.find(`@alice@${instance.host}`);
  expect(instance.requestsTo('/finger/acct:alice@some.example')).toHaveLength(1);
  expect(paths).toContain('/.well-known/webfinger');
  expect(paths.join(' ')).not.toContain('alice');
});

it('every entry point distinguishes an e-mail address from a handle', async () => {
  const site = await aSite({ instances: [] });
  for (const typed of ['ada@gmail.com', ' Ada@Web.de ', 'https://gmail.com/', 'mailto@proton.me']) {
    expect((await start(new Visitor(), site, typed)).json()).toMatchObject({
      code: 'instance_invalid',
      reason: 'email_address',
      message: 'That is an e-mail address. Your server is the website where you signed up.',
    });
  }
});

it.each(['/oauth/token', '/api/v1/accounts/verify_credentials'])(
  'a server that fails at %s, after the consent, is not told as a wrong address',
  async (path) => {
    const instance = await anInstance();
    const site = await aSite({ instances: [instance] });
    const visitor = new Visitor();
    const away = (await start(visitor, site, instance.host)).location ?? '';
    const back = await visitor.approve(away);
    instance.answerWith(path, 503, '');
    expect((await visitor.get(back)).json()).toMatchObject({
      code: 'instance_unreachable',
      reason: 'server_error',
      message: expect.stringMatching(/has a problem at the moment/) as unknown,
    });
  },
);
