/** What is read of a WebFinger answer, and when two of them prove a handle. */

import { proveHandle, readFinger } from '../../lib/instance/webfinger.js';
import type { Network } from '../../lib/net/network.js';
import { answerOf } from '../support/stage.js';

const actor = 'https://social.example/users/alice';
const self = { rel: 'self', type: 'application/activity+json', href: actor };
const honest = { subject: 'acct:alice@example.com', links: [{ rel: 'x' }, self] };

it.each([
  ['as Mastodon writes it', honest],
  ['in capitals', { ...honest, subject: 'acct:Alice@EXAMPLE.com' }],
  [
    'with the long type',
    {
      ...honest,
      links: [{ ...self, type: 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"' }],
    },
  ],
  ['among rubbish', { ...honest, links: [null, 7, 'self', [], {}, { rel: 'self' }, self] }],
])('subject and actor, %s', (_what, document) => {
  const finger = readFinger(document);
  expect([finger?.subject, finger?.actor.href]).toEqual(['acct:alice@example.com', actor]);
});

it.each([
  ['nothing', undefined],
  ['no subject', { links: [self] }],
  ['a subject that is no handle', { ...honest, subject: actor }],
  ['a subject with two @', { ...honest, subject: 'acct:a@b@example.com' }],
  ['a subject with a line break', { ...honest, subject: 'acct:alice@example.com\n' }],
  ['a subject without end', { ...honest, subject: `acct:${'a'.repeat(600)}@example.com` }],
  ['a subject that is a list', { ...honest, subject: ['acct:alice@example.com'] }],
  ['no links', { subject: honest.subject }],
  ['links that are no list', { ...honest, links: { 0: self, length: 1 } }],
  ['a page instead of an actor', { ...honest, links: [{ ...self, type: 'text/html' }] }],
  ['an actor that is a script', { ...honest, links: [{ ...self, href: 'javascript:alert(1)' }] }],
  ['an actor that is no URL', { ...honest, links: [{ ...self, href: 'https://' }] }],
  ['an actor without end', { ...honest, links: [{ ...self, href: actor + 'a'.repeat(2048) }] }],
])('nothing, from %s', (_what, document) => {
  expect(readFinger(document)).toBeUndefined();
});

describe('a handle is proved', () => {
  const jrd = (subject: string, href: string) => ({ subject: `acct:${subject}`, links: [{ ...self, href }] });
  const agreed = jrd('alice@example.com', actor);

  /** Asks two servers that answer so, whatever they are asked. */
  const prove = async (domain: object | undefined, web: object | undefined) => {
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      const document = url.startsWith('https://example.com/') ? domain : web;
      return document ? answerOf(200, document) : answerOf(404, '');
    };
    const network = { get } as unknown as Network;
    const proved = await proveHandle(network, new Set(), 'https://example.com', 'alice@example.com');
    return { proved, asked };
  };

  it('by both sides saying the same', async () => {
    const { proved, asked } = await prove(agreed, agreed);
    expect(proved).toEqual({ handle: 'alice@example.com', actor, origin: 'https://social.example' });
    expect(asked).toEqual([
      'https://example.com/.well-known/webfinger?resource=acct%3Aalice%40example.com',
      'https://social.example/.well-known/webfinger?resource=acct%3Aalice%40example.com',
    ]);
  });

  it('by one side, where there is only one', async () => {
    const home = jrd('alice@example.com', 'https://example.com/users/alice');
    const { proved, asked } = await prove(home, undefined);
    expect([proved?.origin, asked.length]).toEqual(['https://example.com', 1]);
  });

  it.each([
    ['only the domain says so', agreed, undefined],
    ['only the web host says so', undefined, agreed],
    ['they name different subjects', agreed, jrd('bob@example.com', actor)],
    ['they name different domains', agreed, jrd('alice@social.example', actor)],
    ['they name different actors', agreed, jrd('alice@example.com', 'https://social.example/users/bob')],
    ['the actor has moved on', agreed, jrd('alice@example.com', 'https://third.example/users/alice')],
  ])('and not when %s', async (_what, domain, web) => {
    expect((await prove(domain, web)).proved).toBeUndefined();
  });

  it.each([
    'http://social.example/x',
    'https://127.0.0.1/x',
    'https://localhost/x',
    'https://social.example:8443/x',
  ])('and nobody is asked at %s', async (href) => {
    const { proved, asked } = await prove(jrd('alice@example.com', href), agreed);
    expect([proved, asked.length]).toEqual([undefined, 1]);
  });
});
