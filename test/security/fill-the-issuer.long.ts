/** An attacker without an account makes the issuer store so many records that there is no room for other logins. */

import { anIssuer, app, ask, discover, logIn, openPage, press, redirectURI, shop } from '../issuer/stage';
import { anInstance, JSONStore } from '../support/stage';
import { Visitor } from '../support/visitor';

async function aStage(options: Parameters<typeof anIssuer>[1] = {}) {
  const store = new JSONStore();
  const instance = await anInstance();
  const stage = await anIssuer([instance], { store, trustedProxies: 1, ...options });
  const count = (kind: string) =>
    [...store.records.keys()].filter((key) => key.includes(`:issuer-${kind}:`)).length;
  return { store, instance, stage, count };
}

const from = (address: string) => ({ 'X-Forwarded-For': address });

describe('the records of one network at the issuer', () => {
  it('are at most 200 pending logins, and end none of another network', async () => {
    const { stage, count } = await aStage();
    const { url } = await ask(await discover(stage));
    const honest = new Visitor();
    const page = await honest.follow(await honest.get(url.href, from('198.51.100.1')));
    for (let i = 0; i < 21; i++) {
      await Promise.all(
        Array.from({ length: 10 }, () => new Visitor().get(url.href, from(`2001:db8:1:2::${i}`))),
      );
    }
    expect(count('Interaction')).toBe(201);
    // Records that belong to a dropped login are dropped with it.
    expect(count('Interaction-resume')).toBe(201);
    expect(count('browser')).toBe(201);
    expect((await honest.get(page.url)).text).toContain('Where does your account live?');
  }, 60_000);

  it('are at most 200 device codes', async () => {
    const { stage, count } = await aStage();
    const body = 'client_id=television&scope=openid';
    const headers = { ...from('203.0.113.7'), 'Content-Type': 'application/x-www-form-urlencoded' };
    for (let i = 0; i < 21; i++) {
      await Promise.all(
        Array.from({ length: 10 }, () =>
          fetch(`${stage.issuerURL}/device/code`, { method: 'POST', headers, body }),
        ),
      );
    }
    // Each with a record under its user code.
    expect(count('DeviceCode')).toBe(2 * 200);
    for (const use of ['confirm', 'answer', 'exchange']) expect(count(`DeviceCode-${use}`)).toBe(200);
  }, 60_000);
});

it('a login that the visitor cancels leaves no record', async () => {
  const { store, stage } = await aStage();
  const config = await discover(stage);
  const before = store.records.size;
  for (let i = 0; i < 3; i++) {
    const visitor = new Visitor();
    const page = await openPage(visitor, (await ask(config)).url);
    const end = await visitor.follow(await press(visitor, page, { action: 'cancel' }, 'Cancel'));
    expect(end.location).toContain('error=access_denied');
  }
  expect(store.records.size).toBe(before);
});

it('the session of a user does not grow by clients without the user’s consent', async () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ ...app, client_id: `app-${i}` }));
  const { store, stage, instance } = await aStage({ clients: [app, ...many] });
  const { visitor } = await logIn(stage, instance, { client: app });
  const size = () => [...store.records].filter(([key]) => key.includes(':issuer-Session:')).join('').length;
  const before = size();
  for (const client of many) {
    const { url } = await ask(await discover(stage, client), { prompt: 'none' });
    expect((await visitor.get(url.href)).location).toContain('error=consent_required');
  }
  expect(size()).toBe(before);
});

describe('a visitor who is not logged in leaves no record', () => {
  it.each(['/logout?state=x', '/device', '/device?user_code=BBBB-BBBB', '/logout/success'])(
    'at %s',
    async (path) => {
      const { store, stage } = await aStage();
      const before = store.records.size;
      const visitor = new Visitor();
      for (let i = 0; i < 3; i++) {
        expect((await visitor.get(stage.issuerURL + path)).status).toBe(200);
        expect((await new Visitor().get(stage.issuerURL + path)).status).toBe(200);
      }
      expect(store.records.size).toBe(before);
    },
  );

  it('with a cookie of a session that does not exist', async () => {
    const { store, stage } = await aStage();
    const { url } = await ask(await discover(stage), { prompt: 'none' });
    const before = store.records.size;
    const visitor = new Visitor();
    await visitor.get(`${stage.issuerURL}/device`);
    const { host } = new URL(stage.issuerURL);
    const [name] = [...(visitor.jars.get(host) ?? [])].find(([one]) => /-visitor$/.test(one)) ?? [''];
    const session = name.replace(/visitor$/, 'session');
    expect(session).toContain('session');
    for (let i = 0; i < 3; i++) {
      await new Visitor().get(url.href, { Cookie: `${session}=${'x'.repeat(21)}` });
    }
    expect(store.records.size).toBe(before);
  });
});

describe('a device request with long values', () => {
  it.each(['scope', 'login_hint', 'id_token_hint', 'ui_locales', 'made_up'])(
    'in its %s is not kept',
    async (name) => {
      const { store, stage } = await aStage();
      const size = () => [...store.records.values()].join('').length;
      const before = size();
      await fetch(`${stage.issuerURL}/device/code`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: 'television', scope: 'openid', [name]: 'x'.repeat(50_000) }),
      });
      expect(size() - before).toBeLessThan(4000);
    },
  );
});

it('an authorization request whose record would be much longer than its URL leaves no record', async () => {
  const { store, stage } = await aStage();
  // JSON writes each of these characters as six.
  const { url } = await ask(await discover(stage, app), { state: '\u0001'.repeat(2400) });
  const before = store.records.size;
  const page = await openPage(new Visitor(), url);
  expect(page.text + String(page.location)).toContain('invalid_request');
  expect(store.records.size).toBe(before);
});

it('guesses of secrets leave no record for clients that do not exist, which would make room for more', async () => {
  const { stage } = await aStage();
  const statusOf = async (address: string, client: string, secret: string) => {
    const Authorization = `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`;
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: 'x',
      redirect_uri: redirectURI,
    });
    const headers = { ...from(address), Authorization };
    return (await fetch(`${stage.issuerURL}/token`, { method: 'POST', headers, body })).status;
  };
  for (let i = 0; i < 10; i++) expect(await statusOf('203.0.113.7', 'shop', 'guess')).toBe(401);
  for (let i = 0; i < 1100; i += 50) {
    const madeUp = Array.from({ length: 50 }, (_, n) => `client-${i + n}`);
    await Promise.all(madeUp.map((client) => statusOf('198.51.100.1', client, 'guess')));
  }
  const right = encodeURIComponent(String(shop.client_secret));
  expect(await statusOf('203.0.113.7', 'shop', right)).toBe(429);
}, 60_000);
