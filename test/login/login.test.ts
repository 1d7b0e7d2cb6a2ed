/** A visitor of any instance can log in with every form of its address. */

import { soundFamilies, type PersonaName } from '../support/instance.js';
import { aSite, aSplitPair, aStage } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

it.each(soundFamilies)('an account at %s logs in, and is identified by its id there', async (family) => {
  const { instance, site, visitor } = await aStage(family);
  const page = await visitor.login(site, instance.host, { as: 'bob' });
  expect(page.status).toBe(200);
  expect(page.json().user).toMatchObject({
    provider: 'mastodon',
    id: `${instance.origin}#${instance.account('bob').id}`,
    username: 'bob',
    displayName: 'Bob',
    handle: `bob@${instance.host}`,
    handleVerified: true,
    instance: { origin: instance.origin, host: instance.host },
  });
});

it.each(['Jane Doe', 'jane@shop.example', 'jane-'])(
  'the user name %s, which only WordPress allows, logs in, and is identified by its id',
  async (name) => {
    const { instance, site, visitor } = await aStage('wordpress');
    const account = instance.addAccount(name);
    const page = await visitor.login(site, instance.host, { as: name });
    expect(page.json().user).toMatchObject({ id: `${instance.origin}#${account.id}`, username: name });
  },
);

it.each([
  ['a domain', (host: string) => host],
  ['a handle', (host: string) => `@alice@${host}`],
  ['a handle without the first @', (host: string) => `alice@${host}`],
  ['an acct: URI', (host: string) => `acct:alice@${host}`],
  ['a home URL', (host: string) => `https://${host}/`],
  ['a profile URL', (host: string) => `http://${host}/@alice`],
  ['capitals and spaces', (host: string) => `  ${host.toUpperCase()}  `],
])('the same instance is found by %s', async (_what, typed) => {
  const { instance, site, visitor } = await aStage();
  const page = await visitor.login(site, typed(instance.host));
  expect(page.json().user).toMatchObject({ username: 'alice', instance: { host: instance.host } });
});

// By its handle: test/security/be-another-user.
it('a server whose handles have another domain is found by the bare domain through host-meta', async () => {
  const { accountDomain, webHost } = await aSplitPair('mastodon45', { style: 'host-meta' });
  const site = await aSite({ instances: [accountDomain, webHost] });
  const page = await new Visitor().login(site, accountDomain.host);
  expect(page.json().user).toMatchObject({ instance: { host: webHost.host } });
});

it.each<PersonaName>(['mastodon45', 'hollo', 'wordpress'])(
  'a visitor who denies is back at the site and told so (%s)',
  async (family) => {
    const { instance, site, visitor } = await aStage(family, { failureRedirect: true });
    const page = await visitor.login(site, instance.host, { deny: true });
    expect(page.json().messages).toEqual([
      `The login was cancelled on ${instance.host}. If that was a mistake, please log in again.`,
    ]);
  },
);
