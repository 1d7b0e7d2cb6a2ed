/** For a moment, an attacker answers for a domain: its name was hijacked, or its web site was broken into. */

import { aSite, aSplitPair, anInstance, JSONStore, leave, start } from '../support/stage.js';
import { until } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { Visitor } from '../support/visitor.js';

afterEach(() => void jest.restoreAllMocks());

function later(milliseconds: number): void {
  jest.restoreAllMocks();
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + milliseconds);
}

const ways = ['its name', 'a handle there'] as const;

async function aHijack(way: (typeof ways)[number]) {
  const [{ accountDomain, webHost }, evil] = await Promise.all([aSplitPair(), anInstance()]);
  const store = new JSONStore();
  const site = await aSite({ instances: [accountDomain, webHost, evil], options: { store } });
  const typed = way === 'its name' ? accountDomain.host : `@alice@${accountDomain.host}`;
  const subject = `acct:alice@${accountDomain.host}`;
  const links = [{ rel: 'self', type: 'application/activity+json', href: `${evil.origin}/users/alice` }];
  const lead = ({ origin }: StandIn) => {
    const there = { Location: `${origin}/` };
    const undo = [
      accountDomain.answerWith('/.well-known/webfinger', 200, { subject, links }),
      accountDomain.answerWith(/^GET \/(api|nodeinfo|\.well-known\/oauth)/, 302, '', there),
    ];
    return () => undo.forEach((end) => end());
  };
  const sentTo = async () => new URL(await leave(new Visitor(), site, typed)).host;
  /** After some milliseconds a visitor uses the cached result, and all work that follows from it has ended. */
  const used = async (afterMs: number): Promise<string> => {
    later(afterMs);
    const before = accountDomain.requests.length;
    const host = await sentTo();
    await until(() => accountDomain.requests.length > before);
    return host;
  };
  return { accountDomain, webHost, evil, store, lead, sentTo, used };
}

describe.each(ways)('a domain that was once redirected by %s,', (way) => {
  it('leads one more visitor to the attacker: the first one after a minute', async () => {
    const { evil, webHost, store, lead, sentTo, used } = await aHijack(way);
    const undo = lead(evil);
    expect(await sentTo()).toBe(evil.host);
    undo();
    if (way === 'its name') lead(webHost);
    const remembered = () =>
      [...store.records].some(
        ([, text]) =>
          text.includes(`"origin":"${evil.origin}"`) &&
          !text.includes('clientId') &&
          !text.includes('"login"'),
      );
    expect(remembered()).toBe(true);
    expect(await used(61_000)).toBe(evil.host);
    await until(() => !remembered());
    expect(await sentTo()).toBe(webHost.host);
  });

  it('receives one request a minute at most, and keeps its mapping if it still answers the same', async () => {
    const { accountDomain, evil, lead, sentTo, used } = await aHijack(way);
    lead(evil);
    await sentTo();
    await used(61_000);
    const once = accountDomain.requests.length;
    for (let i = 0; i < 3; i++) expect(await sentTo()).toBe(evil.host);
    await new Promise((resolve) => setImmediate(resolve));
    expect(accountDomain.requests.length - once).toBeLessThan(8);
    const { length } = accountDomain.requests;
    for (let i = 0; i < 3; i++) await sentTo();
    expect(accountDomain.requests).toHaveLength(length);
  });

  it('that does not answer is not a contradiction', async () => {
    const { accountDomain, evil, lead, sentTo, used } = await aHijack(way);
    lead(evil);
    await sentTo();
    accountDomain.answerWith(/^GET /, 503, '');
    expect(await used(61_000)).toBe(evil.host);
    await until(() => accountDomain.requests.length > 0);
    expect(await sentTo()).toBe(evil.host);
  });
});

it('a stranger’s handle that names a domain with a cached mapping does not have it confirmed', async () => {
  const [{ accountDomain, webHost }, evil] = await Promise.all([
    aSplitPair('mastodon45', { style: 'host-meta' }),
    anInstance(),
  ]);
  const site = await aSite({ instances: [accountDomain, webHost, evil] });
  await leave(new Visitor(), site, accountDomain.host);
  evil.answerWith(/^GET /, 404, '');
  evil.answer('/.well-known/webfinger', (_req, res, { query }) => {
    const href = `${accountDomain.origin}/users/alice`;
    const links = [{ rel: 'self', type: 'application/activity+json', href }];
    res.writeHead(200, { 'Content-Type': 'application/jrd+json' });
    res.end(JSON.stringify({ subject: query['resource'], links }));
  });
  later(61_000);
  accountDomain.resetRequests();
  await start(new Visitor(), site, `@u@${evil.host}`);
  await new Promise((resolve) => setImmediate(resolve));
  expect(accountDomain.requestsTo('/api/v1/instance')).toHaveLength(1);
});
