/** Browsers that preload pages, and programs that send HEAD requests. */

import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, press, startBridge } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

const preloads: [what: string, method: string, headers: Record<string, string>][] = [
  ['Sec-Purpose: prefetch', 'GET', { 'Sec-Purpose': 'prefetch' }],
  ['Sec-Purpose: prefetch;prerender', 'GET', { 'Sec-Purpose': 'prefetch;prerender' }],
  ['Purpose: prefetch', 'GET', { Purpose: 'prefetch' }],
  ['X-Moz: prefetch', 'GET', { 'X-Moz': 'prefetch' }],
  ['HEAD', 'HEAD', {}],
];

it.each(preloads)('%s uses up no authorization response', async (_what, method, headers) => {
  const { connect } = await startBridge([instance]);
  const client = await connect();
  const { url } = await client.request(instance.host);
  const visitor = new Visitor();
  const { location } = await press(visitor, url);
  const callback = await visitor.approve(location ?? '');
  const cookie = [...(visitor.jars.get(new URL(url).host) ?? [])].map((pair) => pair.join('=')).join('; ');
  const answer = await fetch(callback, { method, headers: { ...headers, Cookie: cookie } });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([503, 'no-store, no-transform']);
  expect((await visitor.get(callback)).status).toBe(200);
  await client.hear('fulfill');
});

it.each(preloads)('%s receives no cookie, and no page', async (_what, method, headers) => {
  const { connect } = await startBridge([instance]);
  const { url } = await (await connect()).request(instance.host);
  const answer = await fetch(url, { method, headers });
  expect([answer.status, answer.headers.get('set-cookie')]).toEqual([503, null]);
  expect((await agree(new Visitor(), url)).status).toBe(200);
});
