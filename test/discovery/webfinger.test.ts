/** What is read of a WebFinger answer, and when two of them prove a handle. */

import { MastodonError } from '../../lib/errors.js';
import { followHandle, hostMetaOrigins, proveHandle, readFinger } from '../../lib/discovery/webfinger.js';
import type { Network } from '../../lib/http/network.js';
import { answerOf } from '../support/records.js';

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
  [
    'with the long type and more spaces',
    {
      ...honest,
      links: [{ ...self, type: 'application/ld+json;  profile="https://www.w3.org/ns/activitystreams"' }],
    },
  ],
  [
    'with the long type and no space',
    {
      ...honest,
      links: [{ ...self, type: 'application/ld+json;profile="https://www.w3.org/ns/activitystreams"' }],
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
  ['a subject that only ends like one', { ...honest, subject: 'xacct:alice@example.com' }],
  ['a subject below an inner name', { ...honest, subject: 'acct:alice@localhost' }],
  ['a subject at an address', { ...honest, subject: 'acct:alice@127.0.0.1' }],
  ['a link that is not to itself', { ...honest, links: [{ ...self, rel: 'alternate' }] }],
  ['a link without a relation', { ...honest, links: [{ ...self, rel: undefined }] }],
  [
    'a type that only begins like it',
    { ...honest, links: [{ ...self, type: 'application/activity+jsonp' }] },
  ],
  ['a type that only ends like it', { ...honest, links: [{ ...self, type: 'x application/activity+json' }] }],
  [
    'a long type that only ends like it',
    { ...honest, links: [{ ...self, type: 'x-application/ld+json; profile="activitystreams"' }] },
  ],
  [
    'an actor whose scheme only ends like it',
    { ...honest, links: [{ ...self, href: 'x-https://social.example/' }] },
  ],
  [
    'an actor behind a scheme',
    { ...honest, links: [{ ...self, href: 'view-source:https://social.example/' }] },
  ],
  ['a subject with two @', { ...honest, subject: 'acct:a@b@example.com' }],
  ['a subject with a line break', { ...honest, subject: 'acct:alice@example.com\n' }],
  ['a subject without end', { ...honest, subject: `acct:${'a'.repeat(600)}@example.com` }],
  ['a subject that is a list', { ...honest, subject: ['acct:alice@example.com'] }],
  ['no links', { subject: honest.subject }],
  ['links that are no list', { ...honest, links: { 0: self, length: 1 } }],
  ['a page instead of an actor', { ...honest, links: [{ ...self, type: 'text/html' }] }],
  ['an actor that is a script', { ...honest, links: [{ ...self, href: 'javascript:alert(1)' }] }],
  ['an actor that is no URL', { ...honest, links: [{ ...self, href: 'https://' }] }],
  ['an actor that is a list', { ...honest, links: [{ ...self, href: [actor] }] }],
  [
    'a type that is a list',
    { ...honest, links: [{ ...self, type: ['application/ld+json; profile="activitystreams"'] }] },
  ],
  ['an actor without end', { ...honest, links: [{ ...self, href: actor + 'a'.repeat(2048) }] }],
])('nothing, from %s', (_what, document) => {
  expect(readFinger(document)).toBeUndefined();
});

it('an actor has at most 2048 characters', () => {
  const href = actor.padEnd(2048, 'a');
  expect(readFinger({ ...honest, links: [{ ...self, href }] })?.actor.href).toBe(href);
});

describe('the servers that a host-meta names', () => {
  const xrd = (...templates: string[]) =>
    `<XRD>${templates.map((it) => `<Link rel="lrdd" template="${it}"/>`).join('')}</XRD>`;
  const named = async (answer: () => Promise<ReturnType<typeof answerOf>>) => {
    const asked: unknown[] = [];
    const get = (url: string, options: { readonly accept: string }) => {
      asked.push([url, options.accept]);
      return answer();
    };
    return { origins: await hostMetaOrigins({ get }, new Set(), 'https://example.com'), asked };
  };

  it('are others than the domain, and public ones', async () => {
    const text = xrd(
      'https://example.com/.well-known/webfinger?resource={uri}',
      'https://127.0.0.1/webfinger?resource={uri}',
      'https://social.example/.well-known/webfinger?resource={uri}',
    );
    const { origins, asked } = await named(async () => answerOf(200, text, 'application/xrd+xml'));
    expect(origins).toEqual(['https://social.example']);
    expect(asked).toEqual([
      ['https://example.com/.well-known/host-meta', expect.stringContaining('application/xrd+xml')],
    ]);
  });

  it('are none where there is no such document', async () => {
    const text = xrd('https://social.example/.well-known/webfinger?resource={uri}');
    expect((await named(async () => answerOf(404, text, 'application/xrd+xml'))).origins).toEqual([]);
    expect((await named(async () => Promise.reject(new Error('no answer')))).origins).toEqual([]);
  });
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

  it('as the account’s server spells the user, and as the parser spells the domain', async () => {
    const { proved } = await prove(jrd('alice@EXAMPLE.com', actor), jrd('Alice@example。com', actor));
    expect(proved?.handle).toBe('Alice@example.com');
  });

  it.each(['application/octet-stream', 'text/plain', ''])('by files of the type %j', async (type) => {
    const get = async () => answerOf(200, agreed, type);
    expect(await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toBeDefined();
  });

  it('asks for JSON', async () => {
    const asked: string[] = [];
    const get = async (_url: string, { accept }: { readonly accept: string }) => {
      asked.push(accept);
      return answerOf(200, agreed);
    };
    await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com');
    expect(asked).toEqual(Array(2).fill('application/jrd+json, application/json'));
  });

  it('by pages that are not there it is not', async () => {
    const get = async () => answerOf(404, agreed);
    expect(await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toBeUndefined();
  });

  it('where the domain is silent, nobody else is asked', async () => {
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      throw new MastodonError('instance_unreachable');
    };
    expect(
      await followHandle({ get }, new Set(), 'https://example.com', 'alice@example.com'),
    ).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  it('where the account’s server is silent, the domain only leads there', async () => {
    const get = async (url: string) => {
      if (url.startsWith('https://example.com/')) return answerOf(200, agreed);
      throw new MastodonError('instance_unreachable');
    };
    expect(await followHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toEqual({
      origin: 'https://social.example',
    });
  });

  it.each(['instance_not_allowed', 'login_busy'] as const)(
    'a server that was not asked is told as such: %s',
    async (code) => {
      const get = async () => Promise.reject(new MastodonError(code));
      await expect(
        followHandle({ get }, new Set(), 'https://example.com', 'alice@example.com'),
      ).rejects.toMatchObject({ code });
    },
  );

  it('by pages it is not', async () => {
    const get = async () => answerOf(200, agreed, 'text/html');
    expect(await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toBeUndefined();
  });

  it('by one request, where the domain passes it on to the account’s server', async () => {
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      return { ...answerOf(200, agreed), url: new URL(url.replace('example.com/', 'social.example/')) };
    };
    expect(await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toBeDefined();
    expect(asked).toHaveLength(1);
  });

  it('but not by what else the domain finds on the account’s server', async () => {
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      const upload = new URL('https://social.example/uploads/1.json');
      return url.startsWith('https://example.com/')
        ? { ...answerOf(200, agreed), url: upload }
        : answerOf(404, '');
    };
    expect(await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toBeUndefined();
    expect(asked.at(-1)).toMatch(/^https:\/\/social\.example\/\.well-known\/webfinger/);
  });

  it('by the server that host-meta names, where the domain has no WebFinger', async () => {
    const xrd = '<XRD><Link rel="lrdd" template="https://social.example/uploads/1.json?{uri}"/></XRD>';
    const asked: string[] = [];
    const get = async (url: string) => {
      asked.push(url);
      if (url === 'https://example.com/.well-known/host-meta')
        return answerOf(200, xrd, 'application/xrd+xml');
      if (!url.startsWith('https://social.example/.well-known/webfinger')) return answerOf(404, '');
      return { ...answerOf(200, agreed), url: new URL(url) };
    };
    const proved = await proveHandle({ get }, new Set(), 'https://example.com', 'alice@example.com');
    expect(proved).toEqual({ handle: 'alice@example.com', actor, origin: 'https://social.example' });
    expect(asked).toHaveLength(3);
  });

  it('but a domain that gives an account elsewhere its own name only leads there', async () => {
    const get = async (url: string) =>
      url.startsWith('https://example.com/') ? answerOf(200, agreed) : answerOf(404, '');
    expect(await followHandle({ get }, new Set(), 'https://example.com', 'alice@example.com')).toEqual({
      origin: 'https://social.example',
    });
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
