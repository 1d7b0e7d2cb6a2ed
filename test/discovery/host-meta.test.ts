/** Where a domain's host-meta points. */

import { lrddTargets } from '../../lib/discovery/webfinger.js';

const target = 'https://social.example/.well-known/webfinger?resource=';
const link = (attributes: string) => `<?xml version="1.0"?>\n<XRD><Link ${attributes}/></XRD>`;
const hrefs = (text: string) => lrddTargets(text).map((url) => url.href);

it.each([
  ['as Mastodon writes it', link(`rel="lrdd" template="${target}{uri}"`)],
  ['with a type, in single quotes', link(`type='x' rel='lrdd' template='${target}{uri}'`)],
  ['over several lines', link(`\n rel="lrdd"\n template="${target}{uri}"\n`)],
  ['with spaces between', link(`rel = "lrdd" template = "${target}{uri}"`)],
  ['among others', link(`rel="self" href="x"/><Link rel="lrdd" template="${target}{uri}"`)],
  ['as JSON behind a line break', `\n${JSON.stringify({ links: [{ rel: 'lrdd', template: target }] })}`],
  [
    'with a prefix',
    `<xrd:XRD xmlns:xrd="y"><xrd:Link rel="lrdd" template="${target}{uri}"></xrd:Link></xrd:XRD>`,
  ],
  ['as JSON', JSON.stringify({ links: [{ rel: 'x' }, null, { rel: 'lrdd', template: `${target}{uri}` }] })],
])('host-meta names the lrdd template, %s', (_what, text) => {
  expect(hrefs(text)).toEqual([target]);
});

it.each([
  ['nothing', ''],
  ['no relation', link(`template="${target}{uri}"`)],
  ['another relation', link(`rel="self" template="${target}{uri}"`)],
  ['a template that is no URL', link('rel="lrdd" template="/webfinger?{uri}"')],
  ['no template', link('rel="lrdd" href="https://social.example"')],
  [
    'an entity that would be expanded',
    `<!DOCTYPE x [<!ENTITY y "${target}">]><Link rel="lrdd" template="&y;"/>`,
  ],
  ['another relation in JSON', JSON.stringify({ links: [{ rel: 'self', template: target }] })],
  ['a template that is a list', JSON.stringify({ links: [{ rel: 'lrdd', template: [target] }] })],
  ['broken JSON', '{"links":[{"rel":"lrdd"'],
  ['JSON of another shape', '{"links":{"rel":"lrdd","template":"https://social.example"}}'],
])('host-meta names no template, with %s', (_what, text) => {
  expect(hrefs(text)).toEqual([]);
});

it('the template may have more than one parameter', () => {
  expect(hrefs(link('rel="lrdd" template="https://social.example/?x=1&amp;y={uri}"'))).toEqual([
    'https://social.example/?x=1&y=',
  ]);
});

it('at most three templates are read', () => {
  const text = Array.from(
    { length: 1000 },
    (_, i) => `<Link rel="lrdd" template="https://h${i}.example/"/>`,
  ).join('');
  expect(hrefs(text)).toHaveLength(3);
});

it.each([
  '<Link ',
  '<',
  'rel = "',
  '<Link rel="lrdd" '.repeat(3),
  '<a:'.repeat(2),
  `<Link ${' '.repeat(50)}`,
])('a quarter of a megabyte of %j is read quickly', (piece) => {
  const begun = performance.now();
  hrefs(piece.repeat(Math.ceil(262_144 / piece.length)));
  expect(performance.now() - begun).toBeLessThan(5000);
});
