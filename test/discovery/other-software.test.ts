/** A visitor types a server whose accounts cannot log in: the message says so, and names the software. */

import { anInstance, aSite, leave, start } from '../support/stage.js';
import { names } from '../support/hostile.js';
import { OtherServer, otherServers, type OtherHabits } from '../support/stand-in/other-server.js';
import { aMisskey, aURLClientSite } from '../support/url-client-stage.js';
import { Visitor } from '../support/visitor.js';

let server: OtherServer;
afterEach(() => server?.close());

const sentence = (host: string, name: string) =>
  `The server ${host} runs on ${name}, which offers other sites no login like that of Mastodon. Its accounts cannot log in here.`;

async function typedAt(habits: OtherHabits, typed = (host: string) => host) {
  server = await OtherServer.start(habits);
  const site = await aSite({ instances: [server] });
  return start(new Visitor(), site, typed(server.host));
}

it.each([
  ['Lemmy', otherServers.lemmy],
  ['PeerTube', otherServers.peertube],
  ['Mobilizon', otherServers.mobilizon],
  ['BookWyrm', otherServers.bookwyrm],
  ['Funkwhale', otherServers.funkwhale],
  ['WriteFreely', otherServers.writefreely],
  ['Ghost', otherServers.ghost],
  ['Threads', otherServers.threads],
  ['WordPress', otherServers.wordpress],
])('%s', async (name, habits) => {
  for (const typed of [(host: string) => host, (host: string) => `@alice@${host}`]) {
    const page = await typedAt(habits, typed);
    expect([page.status, page.json()]).toMatchObject([
      422,
      { code: 'instance_unsupported', reason: 'other_software', message: sentence(server.host, name) },
    ]);
    await server.close();
  }
});

it.each([
  ['threads.net', 'Threads'],
  ['www.threads.com', 'Threads'],
  ['bsky.app', 'Bluesky'],
  ['bsky.social', 'Bluesky'],
  ['alice.bsky.social', 'Bluesky'],
])('%s, which has no NodeInfo', async (hostname, name) => {
  server = await OtherServer.start({ software: '', nodeInfo: '/none' }, { hostname });
  server.answerWith('/.well-known/nodeinfo', 404);
  const { lookup } = names({ [hostname]: ['127.0.0.1'] });
  const site = await aSite({ instances: [server], options: { outbound: { lookup } } });
  const page = await start(new Visitor(), site, server.host);
  expect(page.json()).toMatchObject({ message: sentence(server.host, name) });
});

it.each([
  ['a domain that is a handle at Bluesky', 200, 'did:plc:ewvi7nxzyoun6zhxrhs64oiz\n', true],
  ['a domain that is one by its own document', 200, 'did:web:a.example', true],
  ['a page about such identifiers', 200, 'A did:plc:ewvi7nxzyoun6zhxrhs64oiz', false],
  ['a page that begins with one', 200, 'did:plc:ewvi7nxzyoun6zhxrhs64oiz is mine', false],
  ['an error that contains one', 404, 'did:plc:ewvi7nxzyoun6zhxrhs64oiz', false],
])('%s', async (_what, status, text, isBluesky) => {
  server = await OtherServer.start({ software: '', nodeInfo: '/none' });
  server.answerWith('/.well-known/atproto-did', status, text, { 'Content-Type': 'text/plain' });
  const site = await aSite({ instances: [server] });
  const page = await start(new Visitor(), site, server.host);
  if (isBluesky) expect(page.json()).toMatchObject({ message: sentence(server.host, 'Bluesky') });
  else expect(page.json()).toMatchObject({ code: 'instance_unsupported' });
  expect(page.text.includes('Bluesky')).toBe(isBluesky);
  expect(server.requestsTo('/.well-known/atproto-did')[0]?.headers.accept).toBe('text/plain');
});

it('FoundKey, which is a Misskey with MiAuth only', async () => {
  const instance = await aMisskey({
    software: { name: 'foundkey', version: '13.0.0-preview6' },
    oauth: 'absent',
    json: 'ignored',
    refusal: 400,
  });
  const site = await aURLClientSite({ instances: [instance] });
  const page = await start(new Visitor(), site, instance.host);
  expect(page.json()).toMatchObject({ message: sentence(instance.host, 'FoundKey') });
});

it('Firefish, whose apps serve one login, is named', async () => {
  const instance = await anInstance('sharkey', {
    habits: { software: { name: 'firefish', version: '20250101' } },
  });
  const site = await aSite({ instances: [instance] });
  const page = await start(new Visitor(), site, instance.host);
  expect(page.json()).toMatchObject({ code: 'instance_unsupported', reason: 'single_use_apps' });
});

describe('the software name in NodeInfo', () => {
  it('is shown only if it is a known one, because the text comes from a stranger', async () => {
    const page = await typedAt({ software: 'evil-software', nodeInfo: '/x' });
    expect(page.json()).toMatchObject({ code: 'instance_unsupported' });
    expect(page.text).not.toMatch(/evil|other_software/);
  });

  it.each([
    ['constructor', '/x'],
    ['__proto__', '/x'],
    ['x'.repeat(10_000), '/x'],
  ])('causes no error if it is %.20s', async (software, nodeInfo) => {
    const page = await typedAt({ software, nodeInfo });
    expect([page.status, page.json()]).toMatchObject([422, { code: 'instance_unsupported' }]);
  });

  it('is fetched from the server itself only, wherever its index points', async () => {
    server = await OtherServer.start(otherServers.lemmy);
    const other = await anInstance();
    server.answerWith('/.well-known/nodeinfo', 200, {
      links: [
        null,
        { rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: `${other.origin}/inner` },
        { rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: 'http://169.254.169.254/' },
        { rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: 7 },
      ],
    });
    const site = await aSite({ instances: [server, other] });
    const page = await start(new Visitor(), site, server.host);
    expect([page.status, page.json()]).toMatchObject([422, { code: 'instance_unsupported' }]);
    expect(other.requests).toEqual([]);
  });

  it.each<[string, unknown, boolean]>([
    ['lists other documents first', [{ rel: 'https://a.example/ns', href: '/none' }], true],
    ['lists an object as the kind of one', [{ rel: { toString: 1 } }], true],
    ['lists a list as the kind of one', [{ rel: [{ toString: 1 }] }], true],
    ['is empty', undefined, false],
    ['has a text as its list', 'nodeinfo', false],
    ['is no object', null, false],
  ])('is read from an index that %s', async (_what, links, isNamed) => {
    server = await OtherServer.start(otherServers.lemmy);
    const own = (href: string) => ({ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href });
    const all = Array.isArray(links)
      ? [...links, own(`${server.origin}${otherServers.lemmy.nodeInfo}`)]
      : links;
    server.answerWith('/.well-known/nodeinfo', 200, links === null ? 'none' : { links: all });
    const site = await aSite({ instances: [server] });
    const page = await start(new Visitor(), site, server.host);
    expect([page.status, page.json()]).toMatchObject([422, { code: 'instance_unsupported' }]);
    expect(page.text.includes('Lemmy')).toBe(isNamed);
  });

  it('is not named by an error, nor by a redirect of its document', async () => {
    for (const [status, headers] of [
      [404, {}],
      [302, { Location: '/elsewhere' }],
    ] as const) {
      const document = { software: { name: 'lemmy' } };
      server = await OtherServer.start(otherServers.lemmy);
      server.answerWith('/elsewhere', 200, document);
      server.answerWith(otherServers.lemmy.nodeInfo, status, document, headers);
      const site = await aSite({ instances: [server] });
      expect((await start(new Visitor(), site, server.host)).text).not.toMatch(/Lemmy/);
      expect(server.requestsTo('/elsewhere')).toEqual([]);
      await server.close();
    }
  });

  it('is requested only if accounts cannot log in, so that no login waits for it', async () => {
    const instance = await anInstance('wordpress');
    const site = await aSite({ instances: [instance] });
    await leave(new Visitor(), site, instance.host);
    expect(instance.requestsTo(/well-known\/(nodeinfo|atproto)/)).toEqual([]);
  });
});

it('WordPress with Mastodon’s API, whose NodeInfo is elsewhere, is recognised by its version', async () => {
  const instance = await anInstance('wordpress');
  const site = await aSite({ instances: [instance] });
  await new Visitor().login(site, instance.host);
  expect(site.verified).toMatchObject([{ instance: { software: 'wordpress' } }]);
});
