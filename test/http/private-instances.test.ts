/**
 * With `outbound.privateInstances`, an instance on the operator's network can be reached, and no other host there.
 */

import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import type { OutboundOptions } from '../../lib/options.js';
import { loopbackAddress, lowPortsUnavailable, names, type Answers } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { anInstance } from '../support/stage.js';
import { startAuthority, type Authority } from '../support/tls.js';

let authority: Authority;
beforeAll(() => {
  // Only the default port of https is used.
  expect(lowPortsUnavailable()).toBeUndefined();
  authority = startAuthority();
});
afterAll(() => authority.close());

const inner = loopbackAddress();

/** An instance on the inner network, with a certificate for all of its names. */
function anInnerInstance(): Promise<StandIn> {
  const tls = authority.issue(['social.lan', 'other.lan', 'below.social.lan', 'social', 'social.internal']);
  return anInstance('mastodon45', { tls, port: 443, address: inner, origin: 'https://social.lan' });
}

function aLogin(
  outbound: OutboundOptions,
  developmentInstances: string[] = [],
  table?: Record<string, Answers>,
) {
  const { lookup } = names(table ?? ((name) => (name === 'localhost' ? ['127.0.0.1'] : [inner])));
  return new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances,
    outbound: { lookup, ca: authority.ca, ...outbound },
  });
}

it('logs in at an instance whose name leads to a private address', async () => {
  const instance = await anInnerInstance();
  const login = aLogin({ privateInstances: ['social.lan'] });
  for (const typed of ['social.lan', '@alice@social.lan', 'https://social.lan/@alice']) {
    const { redirect } = await login.begin(typed, randomToken());
    expect(redirect).toMatch('https://social.lan/oauth/authorize?');
  }
  expect(instance.registrations).toBe(1);
});

it.each(['social.lan', '@alice@social.lan'])('names the option if it is missing: %s', async (typed) => {
  const instance = await anInnerInstance();
  await expect(aLogin({}).find(typed)).rejects.toMatchObject({
    code: 'instance_unreachable',
    cause: { message: expect.stringContaining('outbound.privateInstances') as unknown },
  });
  expect(instance.connections).toBe(0);
});

it('names it for a name that is not public, too', async () => {
  await expect(aLogin({}).find('social.internal')).rejects.toMatchObject({
    code: 'instance_invalid',
    cause: { message: expect.stringContaining('outbound.privateInstances') as unknown },
  });
  await anInnerInstance();
  const login = aLogin({ privateInstances: ['social.internal'] });
  expect(await login.find('social.internal')).toMatchObject({ origin: 'https://social.internal' });
});

describe('an attacker reaches', () => {
  const targets = [
    'https://other.lan',
    'https://below.social.lan',
    'https://social.internal',
    'http://social.lan',
    'https://social.lan:8443',
    `https://${inner}`,
  ];

  it.each(targets)('no other host on that network by a redirect: %s', async (target) => {
    const [instance, evil] = [await anInnerInstance(), await anInstance()];
    evil.answerWith(/^GET /, 302, '', { Location: `${target}/api/v1/instance` });
    const login = aLogin({ privateInstances: ['social.lan'] }, [evil.origin]);
    await expect(login.find(evil.host)).rejects.toMatchObject({ code: 'instance_unreachable' });
    expect(instance.connections).toBe(0);
  });

  it.each(targets.filter((target) => target.startsWith('https')))('nor by WebFinger: %s', async (target) => {
    const [instance, evil] = [await anInnerInstance(), await anInstance()];
    evil.answerWith(/^GET /, 404, '');
    const links = [{ rel: 'self', type: 'application/activity+json', href: `${target}/users/alice` }];
    evil.answerWith('/.well-known/webfinger', 200, JSON.stringify({ subject: `acct:a@${evil.host}`, links }));
    const login = aLogin({ privateInstances: ['social.lan'] }, [evil.origin]);
    await expect(login.find(`@a@${evil.host}`)).rejects.toMatchObject({ name: 'MastodonError' });
    expect(instance.connections).toBe(0);
  });

  const metadataServices = [
    '169.254.169.254',
    '100.100.100.200',
    '::ffff:100.100.100.200',
    'fd00:ec2:0::254',
  ];
  it.each([...metadataServices, 'fd20:ce::254', '0.0.0.0', 'fe80::1', '224.0.0.1'])(
    'nor %s by what a listed name leads to',
    async (address) => {
      const login = aLogin({ privateInstances: ['social.lan'] }, [], { 'social.lan': [address] });
      await expect(login.find('social.lan')).rejects.toMatchObject({
        code: 'instance_unreachable',
        cause: { code: 'EPRIVATE' },
      });
    },
  );
});

it.each([['https://social.lan'], ['social.lan:443'], ['Social.lan'], ['10.0.0.1'], ['*.lan'], [''], [7]])(
  'refuses %s',
  (host) => {
    expect(() => aLogin({ privateInstances: [host as string] })).toThrow(
      /^MastodonLogin: outbound\.privateInstances must hold host names such as "social\.lan"/,
    );
  },
);
