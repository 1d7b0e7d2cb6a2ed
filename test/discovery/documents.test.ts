/** The requests of one discovery: the hosts, the documents, and the number of requests. */

import { Documents } from '../../lib/http/request.js';
import type { StandIn } from '../support/instance.js';
import { contextOf, httpTo } from '../support/network.js';
import { anInstance } from '../support/stage.js';

const document = '/.well-known/webfinger?resource=acct%3Aalice%40home.example';

/** Servers that answer every request with JSON, unless a test makes one redirect. */
async function servers(count: number): Promise<StandIn[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const server = await anInstance();
      server.answerWith(/./, 200, { is: 'a document' });
      return server;
    }),
  );
}

const redirect = (from: StandIn, path: string | RegExp, location: string) =>
  from.answerWith(path, 302, '', { Location: location });

const asked = ({ requests }: StandIn) => requests.map(({ url }) => url);

function documentsOf(all: readonly StandIn[], allowInstance?: (host: string) => boolean) {
  const documents = new Documents(contextOf(httpTo(all, {}, allowInstance ? { allowInstance } : {})));
  return {
    documents,
    /** The URL at which the document was found. */
    get: async (url: string) => (await documents.get(url, {})).url.href,
  };
}

it('a redirect to another server changes the host only, and neither path nor query', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, '/.well-known/webfinger', `${victim.origin}/expensive?search=x`);
  expect(await documentsOf([home, victim]).get(home.origin + document)).toBe(victim.origin + document);
  expect([asked(home), asked(victim)]).toEqual([[document], [document]]);
});

it('not even after a redirect on the first server to another path', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, '/.well-known/webfinger', '/expensive?search=x');
  redirect(home, '/expensive', `${victim.origin}/expensive?search=x`);
  await documentsOf([home, victim]).get(home.origin + document);
  expect(asked(victim)).toEqual([document]);
});

const bob = '/.well-known/webfinger?resource=acct%3Abob%40victim.example';

it('a redirect of WebFinger may choose another account, because personal sites redirect all of it to their owner', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, '/.well-known/webfinger', victim.origin + bob);
  await documentsOf([home, victim]).get(home.origin + document);
  expect(asked(victim)).toEqual([bob]);
});

it.each([
  ['another path', document, '/api/v1/trigger?resource=acct:alice@victim.example'],
  ['another parameter', document, `${bob}&delete=all`],
  ['an account by another parameter', document, '/.well-known/webfinger?delete=acct:bob@victim.example'],
  ['the parameter twice', document, `${bob}&resource=acct:c@d.example`],
  ['no parameter', document, '/.well-known/webfinger'],
  ['another kind of resource', document, '/.well-known/webfinger?resource=https://victim.example/delete'],
  ['a resource that is no account', document, '/.well-known/webfinger?resource=acct:a%0d%0aX:%20y@b.example'],
  ['WebFinger in place of another document', '/nodeinfo/2.0', bob],
])('a redirect to another server does not choose %s', async (_what, path, target) => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, /./, victim.origin + target);
  await documentsOf([home, victim]).get(home.origin + path);
  expect(asked(victim)).toEqual([path]);
});

it('a redirect on the same server is followed to the path that it names', async () => {
  const [home] = (await servers(1)) as [StandIn];
  redirect(home, '/.well-known/webfinger', '/wf.php?x=1');
  expect(await documentsOf([home]).get(home.origin + document)).toBe(`${home.origin}/wf.php?x=1`);
});

it('a server that is not allowed receives no request, and allowInstance is called once for each', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  const hosts: string[] = [];
  const { get } = documentsOf([home, victim], (host) => {
    hosts.push(host);
    return host !== victim.host;
  });
  redirect(home, '/.well-known/webfinger', victim.origin);
  for (let i = 0; i < 3; i++) {
    await expect(get(home.origin + document)).rejects.toMatchObject({
      code: 'instance_not_allowed',
      instance: victim.host,
    });
  }
  await expect(get(`${victim.origin}/a`)).rejects.toMatchObject({ code: 'instance_not_allowed' });
  expect([asked(home), victim.connections, hosts]).toEqual([[document], 0, [home.host, victim.host]]);
});

it('one document is requested once, however often and by whichever way it is needed', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, '/a', victim.origin);
  const { get } = documentsOf([home, victim]);
  const found = await Promise.all([get(`${home.origin}/a`), get(`${home.origin}/a`)]);
  found.push(await get(`${victim.origin}/a`));
  expect(found).toEqual(Array(3).fill(`${victim.origin}/a`));
  expect([asked(home), asked(victim)]).toEqual([['/a'], ['/a']]);
});

it('a failure is cached like an answer', async () => {
  const [home] = (await servers(1)) as [StandIn];
  home.answer('/a', (req) => void req.socket.destroy());
  const { get } = documentsOf([home]);
  for (let i = 0; i < 3; i++)
    await expect(get(`${home.origin}/a`)).rejects.toMatchObject({ code: 'instance_unreachable' });
  // A GET is repeated once if a kept connection was closed.
  expect(home.requests.length).toBeLessThanOrEqual(2);
});

it('redirects between two servers end, also if requests to both start at once', async () => {
  const [home, victim] = (await servers(2)) as [StandIn, StandIn];
  redirect(home, '/a', victim.origin);
  redirect(victim, '/a', home.origin);
  const { get } = documentsOf([home, victim]);
  await Promise.all([get(`${home.origin}/a`), get(`${victim.origin}/a`)]);
  expect(home.requests.length + victim.requests.length).toBeLessThanOrEqual(8);
});

it('at most four servers receive requests', async () => {
  const all = await servers(6);
  const { get } = documentsOf(all);
  const ends = await Promise.allSettled(all.map(({ origin }) => get(`${origin}/a`)));
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  expect(ends[5]).toMatchObject({ reason: { code: 'instance_unsupported', instance: all[5]?.host } });
  expect(all.filter(({ connections }) => connections > 0)).toHaveLength(4);
});

it('redirects do not lead to more than four servers', async () => {
  const all = await servers(6);
  all.forEach((server, i) => redirect(server, '/a', all[i + 1]?.origin ?? ''));
  const { get } = documentsOf(all);
  await get(`${all[0]?.origin}/a`).catch(() => undefined);
  await expect(get(`${all[5]?.origin}/a`)).rejects.toMatchObject({ code: 'instance_unsupported' });
  expect(all.filter(({ connections }) => connections > 0)).toHaveLength(4);
});

it('a redirect to an invalid URL is an invalid answer', async () => {
  const [home] = (await servers(1)) as [StandIn];
  redirect(home, '/.well-known/webfinger', 'https://');
  await expect(documentsOf([home]).get(home.origin + document)).rejects.toMatchObject({
    code: 'response_invalid',
    instance: home.host,
  });
});

it('discovery knows whether a server has answered at all, to save further requests', async () => {
  const [home, other] = (await servers(2)) as [StandIn, StandIn];
  const { documents, get } = documentsOf([home, other]);
  home.answer('/a', (req) => void req.socket.destroy());
  await get(`${home.origin}/a`).catch(() => undefined);
  expect(documents.hasAnswered(home.origin)).toBe(false);
  await get(`${home.origin}/b`);
  expect([home, other].map(({ origin }) => documents.hasAnswered(origin))).toEqual([true, false]);
});
