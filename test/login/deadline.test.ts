/** Each half of a login has one deadline for all of its requests. */

import { aStage, comeBack, open, start } from '../support/stage.js';

it('an instance that answers each request just in time does not make a visitor wait for the sum', async () => {
  const outbound = { timeoutMs: 1000, loginTimeoutMs: 700 };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { outbound } });
  instance.latencyMs = 500;
  const began = performance.now();
  const page = await start(visitor, site, instance.host);
  // Two rounds of half a second each do not fit.
  expect([page.status, page.json().code]).toEqual([504, 'timeout']);
  expect(performance.now() - began).toBeLessThan(5000);
});

it('the same holds for the exchange of a code and the request for the account', async () => {
  const outbound = { timeoutMs: 3000, loginTimeoutMs: 2000 };
  const { instance, site, visitor } = await aStage('mastodon45', { options: { outbound } });
  const callback = await comeBack(visitor, site, instance.host);
  instance.latencyMs = 1500;
  const page = await open(visitor, callback);
  expect([page.status, page.json().code]).toEqual([504, 'timeout']);
  expect(site.verified).toEqual([]);
});
