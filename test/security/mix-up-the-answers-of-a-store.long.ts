/**
 * A database client assigns responses to the wrong requests, as node-redis before version 6 does once a connection
 * has broken under load: a read of one record returns another. The attacker hopes to get the record of another
 * user.
 */

import { createIssuer } from '../../lib/issuer/index.js';
import { aStage as anIssuerStage, ask, logIn, openPage, shop } from '../issuer/stage.js';
import type { StandIn } from '../support/instance.js';
import { JSONStore } from '../support/json-store.js';
import { anInstance, aSite, comeBack, open, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

class ConfusedStore extends JSONStore {
  /** Which record the store returns in place of another. */
  readonly instead = new Map<string, string>();
  /** The number of abandoned responses. Each request gets the response of an earlier one. */
  behind = 0;
  private readonly answers: Promise<unknown>[] = [];

  override get(key: string): Promise<unknown> {
    const answer = super.get(this.instead.get(key) ?? key);
    this.answers.push(answer);
    return this.answers.at(-1 - this.behind) ?? answer;
  }

  /** A request for a record of one kind gets one of the other kind, and vice versa. */
  swap(these: readonly string[], those: readonly string[]): void {
    for (const one of these) for (const other of those) this.instead.set(one, other).set(other, one);
  }

  /** The keys of one kind of record, such as `client`. */
  keysOf(kind: string, host = ''): string[] {
    return [...this.records.keys()].filter((key) => key.includes(`:${kind}:${host}`));
  }
}

async function twoInstances(store: ConfusedStore) {
  const [one, other] = [await anInstance('mastodon45'), await anInstance('pleroma')];
  const site = await aSite({ instances: [one, other], options: { store } });
  return { one, other, site };
}

const secretsOf = (instance: StandIn) =>
  [...instance.apps.values()].flatMap(({ clientSecret }) =>
    clientSecret === undefined ? [] : [clientSecret],
  );
/** In every place where they can be sent: in a body, a header, an address. */
const knows = (instance: StandIn, secrets: readonly string[]) =>
  secrets.some((secret) => JSON.stringify(instance.requests).includes(secret));

it('no instance receives the secret that another gave out', async () => {
  const store = new ConfusedStore();
  const { one, other, site } = await twoInstances(store);
  for (const instance of [one, other]) await new Visitor().login(site, instance.host);
  for (const kind of ['client', 'credentials', 'code-check']) {
    store.swap(store.keysOf(kind, one.host), store.keysOf(kind, other.host));
  }
  expect(store.instead.size).toBe(6);
  for (const instance of [one, other]) await new Visitor().login(site, instance.host);
  expect(knows(one, secretsOf(one))).toBe(true);
  expect([knows(one, secretsOf(other)), knows(other, secretsOf(one))]).toEqual([false, false]);
});

it('no visitor is logged in by the login of another', async () => {
  const store = new ConfusedStore();
  const { one, other, site } = await twoInstances(store);
  const [alice, bob] = [new Visitor(), new Visitor()];
  const callbacks = [
    [alice, await comeBack(alice, site, one.host, 'alice')],
    [bob, await comeBack(bob, site, other.host, 'bob')],
  ] as const;
  const [first = '', second = ''] = store.keysOf('login');
  store.swap([first], [second]);
  for (const [visitor, callback] of callbacks) {
    expect((await open(visitor, callback)).json()).toMatchObject({ code: 'store_failed' });
  }
  expect(site.verified).toEqual([]);
});

describe('a used login that the store did not delete is not used again', () => {
  /** @param confuse makes the store return other records where the mark is that the login was used */
  async function comesAgain(confuse: (store: ConfusedStore, mark: string, login: string) => void) {
    const store = new ConfusedStore();
    const { one, site } = await twoInstances(store);
    const alice = new Visitor();
    const callback = await comeBack(alice, site, one.host);
    const [login = ''] = store.keysOf('login');
    const began = store.records.get(login) ?? '';
    expect((await open(alice, callback)).status).toBe(200);
    store.records.set(login, began);
    const [mark = ''] = store.keysOf('used');
    confuse(store, mark, login);
    expect((await open(alice, callback)).json()).toMatchObject({ code: 'store_failed' });
    const code = new URL(callback).searchParams.get('code');
    expect(one.requestsTo('POST /oauth/token').filter(({ body }) => body['code'] === code)).toHaveLength(1);
  }

  it('if the record that marks it as used cannot be read', () =>
    comesAgain((store, mark, login) => store.instead.set(mark, login)));

  it.each([
    ['a session of the site', { cookie: { path: '/' }, passport: { user: 1 } }],
    ['a number, as other questions are answered', 1],
    ['a text', 'OK'],
    ['a list', ['a', 'b']],
  ])('if the store returns something other than that record: %s', (_what, answer) =>
    comesAgain((store, mark) => store.records.set(mark, JSON.stringify(answer))),
  );
});

it('the operator gets an error for every login that begins meanwhile', async () => {
  const store = new ConfusedStore();
  const { one, site } = await twoInstances(store);
  await new Visitor().login(site, one.host);
  store.behind = 1;
  expect((await start(new Visitor(), site, one.host)).json()).toMatchObject({ code: 'store_failed' });
  store.behind = 0;
  expect(site.errors).toMatchObject([
    {
      code: 'store_failed',
      cause: { message: expect.stringMatching(/another key's record|lost/) as unknown },
    },
  ]);
});

it.each([1, 2, 3, 7])(
  'no visitor is logged in as another user by answers of %i questions before',
  async (behind) => {
    const store = new ConfusedStore();
    const { one, other, site } = await twoInstances(store);
    for (const instance of [one, other]) await new Visitor().login(site, instance.host);
    store.behind = behind;
    const come = async (n: number) => {
      const [instance, as] = n % 2 === 0 ? ([one, 'alice'] as const) : ([other, 'bob'] as const);
      const page = await new Visitor().login(site, instance.host, { as });
      const { user } = page.json() as { user?: { id: string; username: string } };
      if (user) expect([user.username, user.id.startsWith(`${instance.origin}#`)]).toEqual([as, true]);
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => come(n)));
    store.behind = 0;
    expect((await new Visitor().login(site, one.host)).json()).toMatchObject({ user: { username: 'alice' } });
  },
);

describe('an issuer', () => {
  /** Two people are logged in, and a read of this kind for one returns the other's record. */
  async function twoPeople(kind: string) {
    const store = new ConfusedStore();
    const { instance, stage } = await anIssuerStage({ store });
    const alice = await logIn(stage, instance, { as: 'alice' });
    const ofAlice = store.keysOf(kind);
    const bob = await logIn(stage, instance, { as: 'bob' });
    const ofBob = store.keysOf(kind).filter((key) => !ofAlice.includes(key));
    expect([ofAlice.length, ofBob.length]).not.toContain(0);
    store.swap(ofAlice, ofBob);
    return { alice, bob };
  }

  it('gives an access token no data of another user', async () => {
    const { alice, bob } = await twoPeople('issuer-AccessToken');
    for (const [{ tokens, config }, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      const answer = await fetch(String(config.serverMetadata().userinfo_endpoint), { headers });
      const text = await answer.text();
      expect([answer.status, text.includes(String(other.claims?.sub))]).toEqual([500, false]);
    }
  });

  it('takes no visitor for the owner of another session', async () => {
    const { alice, bob } = await twoPeople('issuer-Session');
    for (const { visitor, config } of [alice, bob]) {
      const page = await openPage(visitor, (await ask(config)).url);
      expect([page.status, page.text.includes('name="instance"')]).toEqual([503, false]);
    }
  });

  it('that starts meanwhile does not replace its signing keys', async () => {
    const store = new ConfusedStore();
    const { instance, stage } = await anIssuerStage({ store });
    await logIn(stage, instance);
    const [keys = ''] = store.keysOf('issuer-keys');
    const [session = ''] = store.keysOf('issuer-Session');
    const before = store.records.get(keys);
    store.instead.set(keys, session);
    const { issuerURL } = stage;
    const again = createIssuer({ issuerURL, clientName: 'The same one', clients: [shop], store });
    await expect(again).rejects.toMatchObject({ code: 'store_failed' });
    expect([store.keysOf('issuer-keys').length, store.records.get(keys)]).toEqual([1, before]);
  });
});
