/** A hostile instance tries to get a code, a token or a secret that belongs to another instance. */

import type { StandIn } from '../support/instance.js';
import {
  aSite,
  anInstance,
  changed,
  comeBack,
  comeBackQuietly,
  LockingStore,
  leave,
  open,
  start,
  whoIsLoggedIn,
} from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

async function twoInstances(options: Parameters<typeof aSite>[0] = {}) {
  const [honest, evil] = await Promise.all([anInstance(), anInstance()]);
  const site = await aSite({ instances: [honest, evil], ...options });
  return { honest, evil, site, visitor: new Visitor() };
}

function nothingWasSentTo(...instances: StandIn[]): void {
  for (const { requests } of instances)
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
}

const metadataOf = (origin: string) => ({
  issuer: `${origin}/`,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  app_registration_endpoint: `${origin}/api/v1/apps`,
});

/** The visitor has consented at the honest instance; no instance has a request of the site yet. */
async function atHonest(stage: Awaited<ReturnType<typeof twoInstances>>): Promise<URL> {
  const callback = await comeBackQuietly({ ...stage, instance: stage.honest });
  stage.evil.resetRequests();
  return callback;
}

describe('a callback at another entry point', () => {
  it('a login begun at the evil instance, which redirects the visitor to the honest one', async () => {
    const stage = await twoInstances();
    const { honest, evil, site, visitor } = stage;
    const { searchParams } = new URL(await leave(visitor, site, evil.host));
    const honestPage = changed(new URL(await leave(visitor, site, honest.host)), {
      state: searchParams.get('state') ?? '',
    });
    const callback = await visitor.approve(honestPage.href);
    await atHonest(stage);
    const page = await open(visitor, callback);
    expect([page.status, page.json().code]).toEqual([403, 'login_mismatch']);
    nothingWasSentTo(honest, evil);
  });

  const inPath =
    (host: (honest: string, evil: string) => string) => (url: URL, honest: StandIn, evil: StandIn) =>
      url.href.replace(honest.host, host(honest.host, evil.host));
  const issuer =
    (iss: (honest: string, evil: string) => string) => (url: URL, honest: StandIn, evil: StandIn) =>
      changed(url, { iss: iss(honest.origin, evil.origin) });

  it.each([
    ['comes to the path of the evil one', inPath((_honest, evil) => evil)],
    ['comes to a name that only begins like its own', inPath((host) => `${host}.evil.example`)],
    ['comes to another port', inPath((host) => host.replace(/\d+$/, '1'))],
    ['comes to its name in another spelling', inPath((host) => host.replace('localhost', '127.0.0.1'))],
    ['comes to its name inside another', inPath((host) => `${host}%2Fevil.example`)],
    ['comes to its name behind a user', inPath((host) => `evil@${host}`)],
    ['names the evil issuer', issuer((_honest, evil) => evil)],
    ['names a path below the honest one as its issuer', issuer((honest) => `${honest}/evil`)],
    ['names nothing as its issuer', issuer(() => '')],
  ])('a login begun at the honest instance, whose response %s', async (_what, changedBy) => {
    const stage = await twoInstances();
    const { honest, evil, visitor } = stage;
    const page = await open(visitor, changedBy(await atHonest(stage), honest, evil));
    expect([page.status, page.json().code]).toEqual([403, 'login_mismatch']);
    nothingWasSentTo(honest, evil);
  });

  it('a response without iss, if the instance promised one; with it the login continues', async () => {
    const stage = await twoInstances();
    const { honest, site, visitor } = stage;
    honest.answerWith('/.well-known/oauth-authorization-server', 200, {
      ...metadataOf(honest.origin),
      authorization_response_iss_parameter_supported: true,
    });
    const withIss = changed(await comeBack(visitor, site, honest.host), { iss: honest.origin });
    const without = await atHonest(stage);
    expect((await open(visitor, without)).json().code).toBe('login_mismatch');
    nothingWasSentTo(honest);
    await open(visitor, withIss);
    expect(await whoIsLoggedIn(visitor, site)).toBe('alice');
  });
});

describe('a metadata document that names', () => {
  it.each([
    'issuer',
    'authorization_endpoint',
    'token_endpoint',
    'app_registration_endpoint',
    'revocation_endpoint',
    'userinfo_endpoint',
  ])("another server's %s is refused, and the other server hears nothing", async (name) => {
    const { honest, evil, site, visitor } = await twoInstances();
    const document = { ...metadataOf(evil.origin), [name]: `${honest.origin}/oauth/token` };
    evil.answerWith('/.well-known/oauth-authorization-server', 200, document);
    const page = await start(visitor, site, evil.host);
    expect([page.status, page.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'instance_insecure', instance: evil.host }),
    ]);
    nothingWasSentTo(honest);
    expect(evil.registrations).toBe(0);
  });

  it('only redirects to the document of another server changes nothing', async () => {
    const { honest, evil, site, visitor } = await twoInstances();
    const path = '/.well-known/oauth-authorization-server';
    evil.answerWith(path, 302, '', { Location: honest.origin + path });
    await visitor.login(site, evil.host);
    expect(site.verified[0].id).toMatch(`${evil.origin}#`);
    expect(honest.requestsTo(/POST/)).toEqual([]);
  });
});

it('an instance that redirects to another one loses its visitors to it, and gets none of their secrets', async () => {
  const { honest, evil, site, visitor } = await twoInstances();
  evil.answerWith('/api/v1/instance', 301, '', { Location: `${honest.origin}/api/v1/instance` });
  await visitor.login(site, evil.host);
  expect(site.verified[0]).toMatchObject({ id: expect.stringContaining(`${honest.origin}#`) as string });
  expect(evil.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(JSON.stringify(evil.requests)).not.toMatch(/code=|authorization"|client_secret/);
});

it.each(['/oauth/token', '/api/v1/accounts/verify_credentials'])(
  '%s cannot redirect our request, and what is in it, to another server',
  async (path) => {
    const { honest, evil, site, visitor } = await twoInstances();
    const callback = await comeBack(visitor, site, evil.host);
    evil.answerWith(path, 307, '', { Location: honest.origin + path });
    expect((await open(visitor, callback)).status).not.toBe(200);
    nothingWasSentTo(honest);
  },
);

it('a stored record whose endpoints are elsewhere is ignored', async () => {
  const store = new LockingStore();
  const { honest, evil, site, visitor } = await twoInstances({ options: { store } });
  await leave(visitor, site, honest.host);
  for (const [key, text] of store.records) {
    const record = JSON.parse(text) as object;
    if ('tokenEndpoint' in record) {
      store.records.set(key, JSON.stringify({ ...record, tokenEndpoint: `${evil.origin}/oauth/token` }));
    }
  }
  await visitor.login(site, honest.host);
  nothingWasSentTo(evil);
  expect(site.verified[0].id).toMatch(`${honest.origin}#`);
});
