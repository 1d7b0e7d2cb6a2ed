/** How WebFinger answers are read, and when two of them confirm a handle. */

import { MastodonError } from '../../lib/errors.js';
import { domainIn, followHandle, hostMetaOrigin, readFinger } from '../../lib/discovery/webfinger.js';
import type { Answer } from '../../lib/http/request.js';
import { answerOf, fetching } from '../support/records.js';

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
  ['a subject with half a character', { ...honest, subject: 'acct:al\ud800ice@example.com' }],
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

describe('the server in a host-meta document', () => {
  const xrd = (...templates: string[]) =>
    `<XRD>${templates.map((it) => `<Link rel="lrdd" template="${it}"/>`).join('')}</XRD>`;
  const named = async (answer: () => Promise<ReturnType<typeof answerOf>>) => {
    const asked: unknown[] = [];
    const fetcher = fetching((url, { accept }) => {
      asked.push([url, accept]);
      return answer();
    });
    return { origin: await hostMetaOrigin(fetcher, 'https://example.com'), asked };
  };

  it('is a public one, and another than the domain', async () => {
    const text = xrd(
      'https://example.com/.well-known/webfinger?resource={uri}',
      'https://127.0.0.1/webfinger?resource={uri}',
      'https://social.example/.well-known/webfinger?resource={uri}',
    );
    const { origin, asked } = await named(async () => answerOf(200, text, 'application/xrd+xml'));
    expect(origin).toBe('https://social.example');
    expect(asked).toEqual([
      ['https://example.com/.well-known/host-meta', expect.stringContaining('application/xrd+xml')],
    ]);
  });

  it('is none if the document does not exist', async () => {
    const text = xrd('https://social.example/.well-known/webfinger?resource={uri}');
    expect((await named(async () => answerOf(404, text, 'application/xrd+xml'))).origin).toBeUndefined();
    expect((await named(async () => Promise.reject(new Error('no answer')))).origin).toBeUndefined();
  });
});

describe('a handle is confirmed', () => {
  const jrd = (subject: string, href: string) => ({ subject: `acct:${subject}`, links: [{ ...self, href }] });
  const agreed = jrd('alice@example.com', actor);
  const there = { origin: 'https://social.example' };
  const question = (host: string) =>
    `https://${host}/.well-known/webfinger?resource=acct%3Aalice%40example.com`;
  const isDomain = (url: string) => url.startsWith('https://example.com/');

  /** Looks up `alice@example.com` with these answers. */
  async function follow(answerTo: Parameters<typeof fetching>[0]) {
    const asked: string[] = [];
    const fetcher = fetching((url, options) => {
      asked.push(url);
      return answerTo(url, options);
    });
    const server = await followHandle(fetcher, 'https://example.com', 'alice@example.com');
    return { server, confirmed: server?.confirmed, asked };
  }

  /** Two servers that always answer with these documents. */
  const confirm = (domain: object | undefined, web: object | undefined) =>
    follow(async (url) => {
      const document = isDomain(url) ? domain : web;
      return document ? answerOf(200, document) : answerOf(404, '');
    });

  it('by the same statement of both sides', async () => {
    const { confirmed, asked } = await confirm(agreed, agreed);
    expect(confirmed).toEqual({ handle: 'alice@example.com', actor, ...there });
    expect(asked).toEqual([question('example.com'), question('social.example')]);
  });

  it('by one side, if there is only one', async () => {
    const home = jrd('alice@example.com', 'https://example.com/users/alice');
    const { confirmed, asked } = await confirm(home, undefined);
    expect([confirmed?.origin, asked.length]).toEqual(['https://example.com', 1]);
  });

  it.each([
    ['only the domain says so', agreed, undefined],
    ['only the web host says so', undefined, agreed],
    ['they name different subjects', agreed, jrd('bob@example.com', actor)],
    ['they name different domains', agreed, jrd('alice@social.example', actor)],
    ['they name different actors', agreed, jrd('alice@example.com', 'https://social.example/users/bob')],
    ['the actor has moved on', agreed, jrd('alice@example.com', 'https://third.example/users/alice')],
  ])('not if %s', async (_what, domain, web) => {
    expect((await confirm(domain, web)).confirmed).toBeUndefined();
  });

  it('with the user name in the spelling of the account’s server, and the domain in that of the parser', async () => {
    const { confirmed } = await confirm(jrd('alice@EXAMPLE.com', actor), jrd('Alice@example。com', actor));
    expect(confirmed?.handle).toBe('Alice@example.com');
  });

  it.each([
    ['application/octet-stream', true],
    ['text/plain', true],
    ['', true],
    ['text/html', false],
  ])('by a document of the type %j: %j', async (type, isConfirmed) => {
    const { confirmed } = await follow(async () => answerOf(200, agreed, type));
    expect(confirmed !== undefined).toBe(isConfirmed);
  });

  it('by JSON as requested', async () => {
    const accepted: unknown[] = [];
    await follow(async (_url, { accept }) => {
      accepted.push(accept);
      return answerOf(200, agreed);
    });
    expect(accepted).toEqual(Array(2).fill('application/jrd+json, application/json'));
  });

  it('not by an error page', async () => {
    expect((await follow(async () => answerOf(404, agreed))).server).toBeUndefined();
  });

  it('only after the domain has answered: otherwise no other server receives a request', async () => {
    const { server, asked } = await follow(() => Promise.reject(new MastodonError('instance_unreachable')));
    expect([server, asked.length]).toEqual([undefined, 1]);
  });

  it('not if the account’s server does not answer: then the domain only names the server', async () => {
    const { server } = await follow(async (url) => {
      if (isDomain(url)) return answerOf(200, agreed);
      throw new MastodonError('instance_unreachable');
    });
    expect(server).toEqual(there);
  });

  it.each(['instance_not_allowed', 'login_busy'] as const)(
    'and a server that was not asked is told as such: %s',
    async (code) => {
      await expect(follow(() => Promise.reject(new MastodonError(code)))).rejects.toMatchObject({ code });
    },
  );

  it('not if a limit prevents the request to the account’s server: then the domain only names the server', async () => {
    const busy = new MastodonError('login_busy');
    const { server } = await follow(async (url) =>
      isDomain(url) ? answerOf(200, agreed) : Promise.reject(busy),
    );
    expect(server).toEqual({ ...there, refusal: busy });
  });

  it('not if the site refuses the account’s server: the login fails with that reason', async () => {
    const refusal = new MastodonError('instance_not_allowed');
    const following = follow(async (url) =>
      isDomain(url) ? answerOf(200, agreed) : Promise.reject(refusal),
    );
    await expect(following).rejects.toBe(refusal);
  });

  it('by one request, if the domain redirects it to the account’s server', async () => {
    const passedOn = { ...answerOf(200, agreed), url: new URL(question('social.example')) };
    const { confirmed, asked } = await follow(async () => passedOn);
    expect([confirmed?.origin, asked.length]).toEqual(['https://social.example', 1]);
  });

  it('not by other accounts that the domain names at the account’s server', async () => {
    const upload = { ...answerOf(200, agreed), url: new URL('https://social.example/uploads/1.json') };
    const { confirmed, asked } = await follow(async (url) => (isDomain(url) ? upload : answerOf(404, '')));
    expect(confirmed).toBeUndefined();
    expect(asked.at(-1)).toBe(question('social.example'));
  });

  it('by the server in host-meta, if the domain has no WebFinger', async () => {
    const xrd = '<XRD><Link rel="lrdd" template="https://social.example/uploads/1.json?{uri}"/></XRD>';
    const { confirmed, asked } = await follow(async (url) => {
      if (url === 'https://example.com/.well-known/host-meta')
        return answerOf(200, xrd, 'application/xrd+xml');
      return url === question('social.example') ? answerOf(200, agreed) : answerOf(404, '');
    });
    expect(confirmed).toEqual({ handle: 'alice@example.com', actor, ...there });
    expect(asked).toHaveLength(3);
  });

  it('not by a domain that gives an account elsewhere its own name: it only names the server', async () => {
    expect((await confirm(agreed, undefined)).server).toEqual(there);
  });

  it.each([
    'http://social.example/x',
    'https://127.0.0.1/x',
    'https://localhost/x',
    'https://social.example:8443/x',
  ])('not at %s, which receives no request', async (href) => {
    const { confirmed, asked } = await confirm(jrd('alice@example.com', href), agreed);
    expect([confirmed, asked.length]).toEqual([undefined, 1]);
  });

  describe('if the domain redirects the request to a server that fails', () => {
    const failing = (host: string, status = 503) => ({
      ...answerOf(status, ''),
      url: new URL(question(host)),
    });

    it('the message names that server', async () => {
      const { server } = await follow(async () => failing('social.example'));
      expect(server).toMatchObject({
        ...there,
        failure: { code: 'instance_unreachable', instance: 'social.example' },
      });
    });

    it('also with an error of its own', async () => {
      const { server } = await follow(async () => failing('social.example', 500));
      expect(server?.failure).toMatchObject({ reason: 'server_error' });
    });

    it('also if that server does not answer at all', async () => {
      const failure = new MastodonError('timeout', { instance: 'social.example' });
      expect((await follow(() => Promise.reject(failure))).server).toMatchObject({
        ...there,
        failure: { code: 'timeout', instance: 'social.example' },
      });
    });

    it.each<[string, () => Promise<Answer>]>([
      ['the domain itself that fails', async () => failing('example.com')],
      ['a server that knows no such account', async () => failing('social.example', 404)],
      ['a server at an address', async () => failing('127.0.0.1')],
    ])('but not where it is %s', async (_what, answer) => {
      expect((await follow(answer)).server).toBeUndefined();
    });
  });
});

it('the domain of a handle is what follows its last @', () => {
  expect([domainIn('alice@example.com'), domainIn('@alice@example.com')]).toEqual([
    'example.com',
    'example.com',
  ]);
});
