/** The attacker reads the issuer's store, or writes to it, to become another user or to impersonate the issuer. */

import * as openid from 'openid-client';
import { anIssuer, answerOf, ask, discover, logIn, logInAt, openPage, television } from '../issuer/stage';
import { anInstance, JSONStore } from '../support/stage';
import { Visitor } from '../support/visitor';

const secret = 'the secret of the configuration: 0123456789';

async function aStage(options: Parameters<typeof anIssuer>[1] = {}) {
  const store = new JSONStore();
  const instance = await anInstance();
  const stage = await anIssuer([instance], { store, ...options });
  return { store, instance, stage };
}

const dumpOf = (store: JSONStore) => JSON.stringify([...store.records]);

describe.each([
  ['with a secret', secret],
  ['without one', undefined],
])('a reader of the store, %s,', (_what, given) => {
  it('finds no session, token or code that can be used', async () => {
    const { store, instance, stage } = await aStage({ secret: given });
    const visitor = new Visitor();
    const config = await discover(stage);
    const asked = await ask(config);
    const page = await openPage(visitor, asked.url);
    const dumps = [dumpOf(store)];
    const answer = answerOf(await logInAt(visitor, page, instance));
    dumps.push(dumpOf(store));
    const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
    const device = await openid.initiateDeviceAuthorization(await discover(stage, television), {});
    dumps.push(dumpOf(store));
    const cookies = [...(visitor.jars.get(new URL(stage.issuerURL).host)?.entries() ?? [])];
    const session = cookies.find(([name]) => name.endsWith('-session'))?.[1] ?? '';
    const uid = page.url.split('/').at(-1) ?? '';
    const code = answer.searchParams.get('code') ?? '';
    for (const text of [session, uid, code, tokens.access_token, device.device_code]) {
      expect(text.length).toBeGreaterThan(20);
      for (const dump of dumps) expect(dump).not.toContain(text);
    }
    expect(dumps.join('')).not.toContain(device.user_code.replace('-', ''));
  });
});

it('a reader of the store finds no signing key, and no data of a user, if there is a secret', async () => {
  const { store, instance, stage } = await aStage({ secret, isFirstStart: true });
  await logIn(stage, instance);
  const issuers = [...store.records].filter(([key]) => key.includes(':issuer-'));
  // Values are JSON texts themselves. The names include their quotes, because encrypted text may contain three
  // letters by chance.
  const dump = issuers.map(([, value]) => String(value)).join('\n');
  expect(issuers.length).toBeGreaterThan(5);
  expect(dump).toContain('"encrypted"');
  for (const text of ['"d"', '"jwk"', '"RSA"', 'alice', 'mastodon_handle', 'accountId']) {
    expect(dump).not.toContain(text);
  }
});

it('a writer to the store does not become another user by a copy of their records', async () => {
  const { store, instance, stage } = await aStage({ secret });
  await logIn(stage, instance);
  const ofSessions = () => [...store.records].filter(([key]) => /:issuer-Session:/.test(key));
  const [[of = '', record = ''] = []] = ofSessions();
  const { visitor: mallory, config } = await logIn(stage, instance, { as: 'bob' });
  const own = ofSessions().find(([key]) => key !== of);
  // Each record names its key, which the attacker has corrected.
  const { keptUnder } = JSON.parse(own?.[1] ?? '') as { keptUnder: string };
  store.records.set(own?.[0] ?? '', JSON.stringify({ ...(JSON.parse(record) as object), keptUnder }));
  const { url } = await ask(config, { prompt: 'none' });
  expect(answerOf(await openPage(mallory, url)).searchParams.get('error')).toBe('login_required');
});

it('a process with another secret does not start, and says why', async () => {
  const { store, stage } = await aStage({ secret });
  const other = anIssuer([], {
    store,
    issuerURL: stage.issuerURL,
    secret: `another ${secret}`,
    isFirstStart: true,
  });
  await expect(other).rejects.toThrow('encrypted with another secret');
});

it('an operator whose shared store is readable gets one warning, as the issuer starts', async () => {
  const { stage } = await aStage();
  expect(stage.events.filter(([event]) => event === 'warning')).toEqual([
    ['warning', { hint: expect.stringContaining('the option secret is not set') as string }],
  ]);
  const other = await aStage({ secret });
  expect(other.stage.events).toEqual([]);
});
