/** The cost of a login: requests, round trips, connections. */

import { soundFamilies, type PersonaName, type StandIn } from '../support/instance.js';
import { aSplitPair, aSite, aStage, codesAreChecked, comeBack, leave, open } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const routes = ({ requests }: StandIn) => requests.map(({ method, path }) => `${method} ${path}`);

/** The longest chain of requests in which each was sent after the response to the one before it. */
function rounds({ requests, latencyMs }: Pick<StandIn, 'requests' | 'latencyMs'>): number {
  const depths: number[] = [];
  for (const { at } of requests) {
    const before = depths.filter((_depth, i) => (requests[i]?.at ?? at) + latencyMs <= at);
    depths.push(1 + Math.max(0, ...before));
  }
  return Math.max(0, ...depths);
}

describe.each<PersonaName>(['mastodon45', 'mastodon42', 'gotosocial', 'hollo'])('%s', (family) => {
  it.each(['its host', 'a handle'])(
    'the very first login, by %s, takes at most two rounds before the visitor is sent away',
    async (how) => {
      const { instance, site, visitor } = await aStage(family);
      // More time than a busy machine takes between two requests of one round trip.
      instance.latencyMs = 500;
      await leave(visitor, site, how === 'a handle' ? `@alice@${instance.host}` : instance.host);
      // The invalid-code check runs while the visitor is at the instance.
      const requests = instance.requests.filter(({ path }) => path !== '/oauth/token');
      expect(rounds({ requests, latencyMs: instance.latencyMs })).toBeLessThanOrEqual(2);
    },
  );
});

describe.each(soundFamilies)('%s', (family) => {
  it('any later start sends no request', async () => {
    const { instance, site, visitor } = await aStage(family);
    await visitor.login(site, instance.host);
    instance.resetRequests();
    for (const each of [visitor, new Visitor()]) await leave(each, site, instance.host);
    expect(instance.requests).toEqual([]);
  });

  it('the callback takes two requests on one connection', async () => {
    const { instance, site, visitor } = await aStage(family);
    // After the first login, the invalid-code check runs once more.
    await new Visitor().login(site, instance.host);
    const callback = await comeBack(visitor, site, instance.host);
    instance.resetRequests();
    const before = instance.connections;
    await open(visitor, callback);
    expect(routes(instance)).toEqual(['POST /oauth/token', 'GET /api/v1/accounts/verify_credentials']);
    expect(instance.connections - before).toBeLessThanOrEqual(1);
  });
});

it('a handle that was found once causes no request again', async () => {
  const { accountDomain, webHost } = await aSplitPair();
  const site = await aSite({ instances: [accountDomain, webHost] });
  await leave(new Visitor(), site, `@alice@${accountDomain.host}`);
  await codesAreChecked(webHost);
  for (const server of [accountDomain, webHost]) server.resetRequests();
  await leave(new Visitor(), site, `@alice@${accountDomain.host}`);
  expect([...accountDomain.requests, ...webHost.requests]).toEqual([]);
});
