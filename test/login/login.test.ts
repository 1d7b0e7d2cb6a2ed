/** A visitor of any instance can log in with every form of its address. */

import {
  soundFamilies,
  startInstance,
  startSplitPair,
  type PersonaName,
  type SplitStyle,
} from '../support/instance.js';
import { startSite } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

describe.each(soundFamilies)('an account at %s', (family) => {
  it('logs in, and is identified by its id there', async () => {
    const instance = await startInstance(family);
    const site = await startSite({ instances: [instance] });
    try {
      const page = await new Visitor().login(site, instance.host, { as: 'bob' });
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
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});

describe('a user name that only WordPress allows', () => {
  it.each(['Jane Doe', 'jane@shop.example', 'jane-'])(
    '%s logs in, and is identified by its id',
    async (name) => {
      const instance = await startInstance('wordpress');
      const account = instance.addAccount(name);
      const site = await startSite({ instances: [instance] });
      try {
        const page = await new Visitor().login(site, instance.host, { as: name });
        expect(page.json().user).toMatchObject({ id: `${instance.origin}#${account.id}`, username: name });
      } finally {
        await Promise.all([site.close(), instance.close()]);
      }
    },
  );
});

describe('the same instance', () => {
  it.each([
    ['a domain', (host: string) => host],
    ['a handle', (host: string) => `@alice@${host}`],
    ['a handle without the first @', (host: string) => `alice@${host}`],
    ['an acct: URI', (host: string) => `acct:alice@${host}`],
    ['a home URL', (host: string) => `https://${host}/`],
    ['a profile URL', (host: string) => `http://${host}/@alice`],
    ['capitals and spaces', (host: string) => `  ${host.toUpperCase()}  `],
  ])('is found by %s', async (_what, typed) => {
    const instance = await startInstance('mastodon45');
    const site = await startSite({ instances: [instance] });
    try {
      const page = await new Visitor().login(site, typed(instance.host));
      expect(page.json().user).toMatchObject({ username: 'alice', instance: { host: instance.host } });
    } finally {
      await Promise.all([site.close(), instance.close()]);
    }
  });
});

describe('a server whose handles have another domain', () => {
  const styles: SplitStyle[] = ['redirect', 'direct'];
  it.each(styles)('is found by its handle, and the handle is verified (WebFinger: %s)', async (style) => {
    const { accountDomain, webHost, close } = await startSplitPair('mastodon45', { style });
    const site = await startSite({ instances: [accountDomain, webHost] });
    try {
      const page = await new Visitor().login(site, `@alice@${accountDomain.host}`);
      expect(page.json().user).toMatchObject({
        id: `${webHost.origin}#${webHost.account('alice').id}`,
        handle: `alice@${accountDomain.host}`,
        handleVerified: true,
        actor: webHost.actorOf(webHost.account('alice')),
      });
    } finally {
      await Promise.all([site.close(), close()]);
    }
  });

  it('is found by the bare domain through host-meta', async () => {
    const { accountDomain, webHost, close } = await startSplitPair('mastodon45', { style: 'host-meta' });
    const site = await startSite({ instances: [accountDomain, webHost] });
    try {
      const page = await new Visitor().login(site, accountDomain.host);
      expect(page.json().user).toMatchObject({ instance: { host: webHost.host } });
    } finally {
      await Promise.all([site.close(), close()]);
    }
  });
});

describe('a visitor who denies', () => {
  it.each<PersonaName>(['mastodon45', 'hollo', 'wordpress'])(
    'is back at the site and told so (%s)',
    async (family) => {
      const instance = await startInstance(family);
      const site = await startSite({ instances: [instance], failureRedirect: true });
      try {
        const page = await new Visitor().login(site, instance.host, { deny: true });
        expect(page.json().messages).toEqual([
          `The login was cancelled on ${instance.host}. If that was a mistake, please log in again.`,
        ]);
      } finally {
        await Promise.all([site.close(), instance.close()]);
      }
    },
  );
});
