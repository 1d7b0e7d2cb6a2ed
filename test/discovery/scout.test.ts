/** Whom one start of a login asks, and for what. */

import { Scout } from '../../lib/discovery/scout.js';
import { MastodonError } from '../../lib/errors.js';
import { answerOf } from '../support/records.js';

const home = 'https://home.example';
const document = '/.well-known/webfinger?resource=acct%3Aalice%40home.example';

/** Servers that answer with a redirect to the address given for them, or else with JSON. */
function scout(redirects: Record<string, string>, allowed = (_host: string) => true) {
  const sent: string[] = [];
  const asked: string[] = [];
  const get = async (target: string) => {
    sent.push(target);
    const location = redirects[target];
    const answer = location === undefined ? answerOf(200, {}) : answerOf(302, '', '', { location });
    return { ...answer, url: new URL(target) };
  };
  const assertAllowed = async (host: string) => {
    asked.push(host);
    if (!allowed(host)) throw new MastodonError('instance_not_allowed', { instance: host });
  };
  return { scout: new Scout({ get }, home, assertAllowed), sent, asked };
}

it('a redirect to another server names it, and chooses neither path nor query there', async () => {
  const stage = scout({ [home + document]: 'https://victim.example/expensive?search=x' });
  const { url } = await stage.scout.get(home + document);
  expect(url.href).toBe(`https://victim.example${document}`);
  expect(stage.sent).toEqual([home + document, `https://victim.example${document}`]);
});

it('not even after a redirect to a path of its own', async () => {
  const stage = scout({
    [home + document]: '/expensive?search=x',
    [`${home}/expensive?search=x`]: 'https://victim.example/expensive?search=x',
  });
  await stage.scout.get(home + document);
  expect(stage.sent.at(-1)).toBe(`https://victim.example${document}`);
});

it('a redirect on the same server is followed as it is', async () => {
  const stage = scout({ [home + document]: '/wf.php' });
  expect((await stage.scout.get(home + document)).url.href).toBe(`${home}/wf.php`);
});

it('a server that is not allowed hears nothing, and the site is asked once for each', async () => {
  const stage = scout({ [home + document]: 'https://victim.example/' }, (host) => host !== 'victim.example');
  for (let i = 0; i < 3; i++) {
    await expect(stage.scout.get(home + document)).rejects.toMatchObject({ code: 'instance_not_allowed' });
  }
  expect([stage.sent, stage.asked]).toEqual([[home + document], ['victim.example']]);
});

it('one document is asked for once, however often and by whatever way it is come to', async () => {
  const stage = scout({ [`${home}/a`]: 'https://victim.example/' });
  await Promise.all(['/a', '/a'].map((path) => stage.scout.get(home + path)));
  await stage.scout.get('https://victim.example/a');
  expect(stage.sent).toEqual([`${home}/a`, 'https://victim.example/a']);
});

it('two servers that redirect to each other end, also when both are asked at once', async () => {
  const stage = scout({ [`${home}/a`]: 'https://victim.example/', 'https://victim.example/a': `${home}/` });
  await Promise.all([stage.scout.get(`${home}/a`), stage.scout.get('https://victim.example/a')]);
  expect(stage.sent.length).toBeLessThanOrEqual(8);
});

it('at most four servers are asked', async () => {
  const stage = scout({});
  const hosts = Array.from({ length: 6 }, (_, i) => `https://h${i}.example/a`);
  const ends = await Promise.allSettled(hosts.map((url) => stage.scout.get(url)));
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(stage.sent).toHaveLength(3);
});

it('a redirect to what is no address is an answer that cannot be read', async () => {
  const stage = scout({ [home + document]: 'https://' });
  await expect(stage.scout.get(home + document)).rejects.toMatchObject({ code: 'response_invalid' });
});
