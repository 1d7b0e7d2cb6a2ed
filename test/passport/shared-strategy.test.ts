/**
 * `passport.authenticate(strategy)` uses one object for all requests: no request may receive the result of another.
 */

import type { RequestHandler } from 'express';
import { aSite, anInstance } from '../support/stage.js';
import { Visitor, type Page } from '../support/visitor.js';

async function sharingSite() {
  const [slow, quick] = [await anInstance(), await anInstance('gotosocial')];
  const site = await aSite({ instances: [slow, quick] });
  const shared = site.passport.authenticate(site.strategy, { session: false }) as RequestHandler;
  site.app.get('/shared', shared);
  site.app.get('/shared/:instance', shared, (req, res) => void res.json(req.user));
  return { slow, quick, site };
}

/** Begins the first, then the second, which is answered while the first is still waiting. */
async function interleaved(
  begin: readonly [() => Promise<Page>, () => Promise<Page>],
  slow: { latencyMs: number; requests: unknown[] },
): Promise<[Page, Page]> {
  slow.latencyMs = 150;
  const before = slow.requests.length;
  const first = begin[0]();
  while (slow.requests.length === before) await new Promise((resolve) => setImmediate(resolve));
  let firstIsThere = false;
  void first.then(
    () => (firstIsThere = true),
    () => undefined,
  );
  const second = await begin[1]();
  expect(firstIsThere).toBe(false);
  return [await first, second];
}

it('two that start at the same time are each redirected to their own instance', async () => {
  const { slow, quick, site } = await sharingSite();
  const start = (host: string) => new Visitor().get(`${site.origin}/shared?instance=${host}`);
  await start(quick.host);
  const [first, second] = await interleaved([() => start(slow.host), () => start(quick.host)], slow);
  expect(new URL(first.location ?? '').origin).toBe(slow.origin);
  expect(new URL(second.location ?? '').origin).toBe(quick.origin);
});

it('two that return at the same time each get their own user', async () => {
  const { slow, quick, site } = await sharingSite();
  const callbackOf = async (visitor: Visitor, host: string, as: string) => {
    const { location = '' } = await visitor.get(`${site.origin}/shared?instance=${host}`);
    return (await visitor.approve(location, { as })).replace(
      `${site.callbackURL}/`,
      `${site.origin}/shared/`,
    );
  };
  const [alice, bob] = [new Visitor(), new Visitor()];
  const [ofAlice, ofBob] = [
    await callbackOf(alice, slow.host, 'alice'),
    await callbackOf(bob, quick.host, 'bob'),
  ];
  const [first, second] = await interleaved([() => alice.get(ofAlice), () => bob.get(ofBob)], slow);
  expect([first.json().username, second.json().username]).toEqual(['alice', 'bob']);
});

it('one that fails does not fail the other', async () => {
  const { slow, quick, site } = await sharingSite();
  const visitor = new Visitor();
  const { location = '' } = await visitor.get(`${site.origin}/shared?instance=${slow.host}`);
  const callback = (await visitor.approve(location)).replace(
    `${site.callbackURL}/`,
    `${site.origin}/shared/`,
  );
  const [first, second] = await interleaved(
    [() => visitor.get(callback), () => new Visitor().get(`${site.origin}/shared/${quick.host}?code=x`)],
    slow,
  );
  expect([first.json().username, second.status]).toEqual(['alice', 403]);
});
