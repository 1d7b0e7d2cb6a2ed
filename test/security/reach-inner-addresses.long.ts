/** The attacker makes the site connect to addresses that only the site can reach. */

import { metadata } from '../support/stand-in/personas/common.js';
import {
  aRawServer,
  loopbackAddress,
  lowPortsUnavailable,
  names,
  refusal,
  startTrap,
  until,
  type Answers,
  type Names,
  type RawServer,
} from '../support/hostile.js';
import type { Site } from '../support/site.js';
import { anInstance, aSite, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const inner = loopbackAddress();
const [a = 0, b = 0, c = 0, d = 0] = inner.split('.').map(Number);
const asNumber = ((a * 256 + b) * 256 + c) * 256 + d;
const hex = (part: number) => part.toString(16).padStart(2, '0');
const groups = `${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`;
const replaceDigits = (zero: number) => inner.replace(/\d/g, (digit) => String.fromCodePoint(zero + +digit));

/** Spellings of the inner address in a URL. */
const notations = {
  decimal: inner,
  'with a trailing dot': `${inner}.`,
  'one number': String(asNumber),
  'one hexadecimal number': `0x${asNumber.toString(16)}`,
  'one octal number': `0${asNumber.toString(8)}`,
  'octal parts': inner.replace(/\d+/g, (part) => `0${Number(part).toString(8)}`),
  'hexadecimal parts': inner.replace(/\d+/g, (part) => `0x${hex(Number(part))}`),
  'two parts': `${a}.${asNumber % 2 ** 24}`,
  'three parts': `${a}.${b}.${c * 256 + d}`,
  'mixed parts': `0x${hex(a)}.0${b.toString(8)}.${c * 256 + d}`,
  'fullwidth digits': replaceDigits(0xff10),
  'mathematical digits': replaceDigits(0x1d7ce),
  'ideographic dots': inner.replaceAll('.', '\u3002'),
  percents: inner.replace(/\d/g, (digit) => `%3${digit}`),
  'soft hyphens': inner.replaceAll('.', '\u00ad.'),
  'an IPv4-mapped IPv6 address': `[::ffff:${inner}]`,
  'the same in hexadecimal': `[::ffff:${groups}]`,
  'an IPv4-compatible IPv6 address': `[::${inner}]`,
  NAT64: `[64:ff9b::${groups}]`,
  'local NAT64': `[64:ff9b:1::${groups}]`,
  '6to4': `[2002:${groups}::]`,
  'IPv6 loopback': '[::1]',
  'IPv6 loopback in full': '[0:0:0:0:0:0:0:1]',
  'the unspecified address': '0.0.0.0',
  'the unspecified IPv6 address': '[::]',
  'a single zero': '0',
  localhost: 'localhost',
  'localhost in capitals': 'LOCALHOST',
  'localhost with a dot': 'localhost.',
  'below localhost': 'inner.localhost',
  'below localhost with a dot': 'inner.localhost.',
  'fullwidth localhost': '\uff4cocalhost',
  'a single label': 'intranet',
  'a multicast name': 'printer.local',
  'an internal name': 'metadata.google.internal',
  'a home network': 'router.home.arpa',
  'an onion service': `${'a'.repeat(56)}.onion`,
  'the metadata address': '169.254.169.254',
  'the metadata address as a number': '2852039166',
  'the IPv6 metadata address': '[fd00:ec2::254]',
  'a private address': '10.0.0.1',
};

/** The attacker's names, and their addresses. */
const leadingInside: Readonly<Record<string, Answers>> = {
  'one.example': [inner],
  'mixed.example': ['2a00:1:2:3::4', inner],
  'mixed-first.example': [inner, '2a00:1:2:3::4'],
  'mapped.example': [`::ffff:${inner}`],
  'mapped-hex.example': [`::ffff:${groups}`],
  'compatible.example': [`::${inner}`],
  'nat64.example': [`64:ff9b::${groups}`],
  '6to4.example': [`2002:${groups}::`],
  'loopback6.example': ['::1'],
  'unspecified.example': ['0.0.0.0'],
  'unspecified6.example': ['::'],
  'metadata.example': ['169.254.169.254'],
  'metadata6.example': ['fd00:ec2::254'],
  'ten.example': ['10.0.0.1'],
  'carrier.example': ['100.100.100.200'],
  'zone.example': ['fe80::1%lo'],
  'no-address.example': ['inner'],
  'octal.example': ['0177.0.0.1'],
};

/**
 * The address of `localhost`. No instance of this file can have its port: it would be at the very origin that a
 * target names.
 */
let trap: RawServer;
/** The inner address, on the same port and on the default ones, if the test can listen there. */
const innerTraps: RawServer[] = [];
const lowPorts = lowPortsUnavailable();

beforeAll(async () => {
  trap = await startTrap();
  if (lowPorts !== undefined) return;
  for (const port of [trap.port, 80, 443]) innerTraps.push(await startTrap({ address: inner, port }));
});

afterEach(async () => {
  expect([trap, ...innerTraps].map((one) => one.connections())).toEqual([trap, ...innerTraps].map(() => 0));
});

afterAll(async () => void (await Promise.all([trap, ...innerTraps].map((one) => one.close()))));

interface Scene {
  readonly site: Site;
  readonly names: Names;
}

/**
 * A site in whose network every name leads to an inner address, and which trusts the given instances for
 * development.
 */
async function stage(
  instances: readonly { origin: string }[] = [],
  table?: Record<string, Answers>,
  timeoutMs = 10_000,
) {
  const resolved = names(table ? table : (name) => (name === 'localhost' ? ['127.0.0.1'] : [inner]));
  const outbound = { lookup: resolved.lookup, timeoutMs };
  const site = await aSite({ instances, options: { outbound } });
  return { site, names: resolved } satisfies Scene;
}

/** Every URL by which the attacker may name an inner address. */
const targets: Record<string, () => string> = {
  ...Object.fromEntries(
    // A host is read in the same way after each scheme, so every other notation has one of them.
    Object.entries(notations).map(([what, host], n) =>
      n % 2 === 0
        ? [`${what}, https`, () => `https://${host}/`]
        : [`${what}, http on a port`, () => `http://${host}:${trap.port}/`],
    ),
  ),
  'a name, https': () => 'https://one.example/',
  'a name, http': () => 'http://one.example/',
  'a name on a port': () => `https://one.example:${trap.port}/`,
  'a name with credentials': () => 'https://me:secret@one.example/',
  'an address with credentials': () => `http://me:secret@${inner}:${trap.port}/`,
  'a public name as credentials': () => `http://mastodon.social@${inner}:${trap.port}/`,
  backslashes: () => `http:\\\\${inner}:${trap.port}\\`,
  'no scheme': () => `//${inner}:${trap.port}/`,
  'a file': () => 'file:///etc/passwd',
  'a file on a host': () => `file://${inner}/etc/passwd`,
  data: () => 'data:application/json,{"uri":"inner.example"}',
  ftp: () => `ftp://${inner}:${trap.port}/`,
  gopher: () => `gopher://${inner}:${trap.port}/_x`,
  'a socket': () => 'unix:/var/run/docker.sock',
};

it(`is watched on the default ports too${lowPorts === undefined ? '' : ` (not here: ${lowPorts})`}`, () => {
  expect(innerTraps).toHaveLength(lowPorts === undefined ? 3 : 0);
});

describe('typed', () => {
  const typed = [
    ...Object.entries(notations),
    ...Object.entries(notations).map(
      ([what, host]) => [`${what}, as a URL`, `http://${host}/@alice`] as const,
    ),
    ...Object.entries(notations).map(([what, host]) => [`${what}, in a handle`, `@alice@${host}`] as const),
    ...Object.entries(notations).map(
      ([what, host]) => [`${what}, after acct:`, `acct:alice@${host}`] as const,
    ),
    ['with credentials', `https://alice:secret@${inner}/`],
    ['after a name as credentials', `https://mastodon.social@${inner}/`],
    ['after a name and a backslash', `https://mastodon.social\\@${inner}/`],
    ['a name with port 443', 'one.example:443'],
    ['a name with a port', 'one.example:6379'],
    ['a name with an empty port', 'one.example:'],
    ['a name with a port in a URL', 'https://one.example:8443/'],
    ['with a fragment for an end', `${inner}#.example.com`],
    ['with a query for an end', `${inner}?.example.com`],
    ['with a path for an end', `${inner}/.example.com`],
    ['with a NUL for an end', `${inner}\0.example.com`],
    ['with a line break in it', inner.replace('.', '.\n')],
    ['with a tab in it', inner.replace('.', '\t.')],
    ['with a zero-width space in it', inner.replace('.', '\u200b.')],
    ['with a header in it', `${inner}\r\nHost: one.example`],
    ['with two dots at the end', 'localhost..'],
    ['with another scheme', `ftp://${inner}/`],
    ['with slashes alone', `//${inner}/`],
  ] as const;

  it.each(typed)('%s: %j is refused before any request', async (_what, text) => {
    const { site, names } = await stage();
    const { status, code } = refusal(await start(new Visitor(), site, text));
    expect(code).toBe('instance_invalid');
    expect(status).toBe(400);
    expect(names.asked).toEqual([]);
  });
});

describe('in the answer of a name server', () => {
  it.each(Object.keys(leadingInside))('to %s', async (host) => {
    const { site, names } = await stage([], { ...leadingInside });
    expect(refusal(await start(new Visitor(), site, host))).toEqual({
      status: 502,
      code: 'instance_unreachable',
    });
    expect(names.asked).toContain(host);
  });

  it('to the domain of a handle', async () => {
    const { site } = await stage([], { ...leadingInside });
    const { code } = refusal(await start(new Visitor(), site, '@alice@one.example'));
    expect(code).toBe('instance_unreachable');
  });

  it('which is another one the second time', async () => {
    // Unassigned, so nothing answers there: the first answer is a public address, the second an inner one.
    const { site, names } = await stage([], { 'changing.example': [['3ffe:dead::1'], [inner]] }, 200);
    for (let tries = 0; tries < 3; tries++) {
      const { code } = refusal(await start(new Visitor(), site, 'changing.example'));
      expect(['instance_unreachable', 'timeout']).toContain(code);
    }
    expect(names.asked.length).toBeGreaterThan(1);
  });
});

describe('in a redirect of a document', () => {
  const documents = [
    '/api/v1/instance',
    '/.well-known/oauth-authorization-server',
    '/nodeinfo/2.0',
    '/.well-known/webfinger',
  ];

  it.each(Object.entries(targets))('to %s', async (_what, target) => {
    const instance = await anInstance('mastodon42');
    for (const path of [...documents, '/.well-known/host-meta']) {
      instance.answerWith(path, 302, '', { Location: asHeader(target()) });
    }
    const { site } = await stage([instance]);
    await start(new Visitor(), site, `alice@${instance.host}`);
    for (const path of documents) expect(instance.requestsTo(path).length).toBeGreaterThan(0);
    // If no API answers, host-meta is requested, too.
    for (const v of [1, 2]) instance.answerWith(`/api/v${v}/instance`, 404, {});
    const { site: another } = await stage([instance]);
    expect(refusal(await start(new Visitor(), another, instance.host)).code).toBe('instance_unsupported');
    expect(instance.requestsTo('/.well-known/host-meta')).toHaveLength(1);
    expect([...site.errors, ...another.errors]).toEqual([]);
  });

  it('in the last of several steps', async () => {
    const instance = await anInstance();
    instance.answerWith('/api/v1/instance', 301, '', { Location: '/second' });
    instance.answerWith('/second', 307, '', { Location: '/third' });
    instance.answerWith('/third', 308, '', { Location: `http://${inner}:${trap.port}/` });
    const { site } = await stage([instance]);
    expect(refusal(await start(new Visitor(), site, instance.host)).code).toBe('instance_unreachable');
    expect(instance.requestsTo('/third')).toHaveLength(1);
  });
});

describe('in a redirect that is not followed', () => {
  it.each(['POST /api/v1/apps', 'POST /oauth/token', 'GET /api/v1/accounts/verify_credentials'])(
    'from %s',
    async (route) => {
      for (const status of [301, 302, 303, 307, 308]) {
        const instance = await anInstance();
        const other = await anInstance();
        const { site } = await stage([instance, other]);
        const isToken = route === 'POST /oauth/token';
        // At the token endpoint the redirect comes with the exchange of the code, not with the check of the server.
        if (isToken) expect((await start(new Visitor(), site, instance.host)).status).toBe(302);
        // Even to an address that is allowed.
        instance.answerWith(route, status, '', {
          Location: `${other.origin}/api/v1/accounts/verify_credentials`,
        });
        const page = await new Visitor().login(site, instance.host);
        expect(refusal(page).code).toMatch(/^(registration_refused|token_refused|response_invalid)$/);
        expect(instance.requestsTo(route).length).toBeGreaterThan(0);
        expect(other.connections).toBe(0);
      }
    },
  );
});

describe('in a document', () => {
  const endpoints = [
    'authorization',
    'token',
    'app_registration',
    'revocation',
    'userinfo',
    'pushed_authorization_request',
  ];

  it.each([
    ...Object.entries(targets).map(([what, target], n) => [what, target, endpoints[n % endpoints.length]]),
    ...endpoints.map((endpoint) => ['a name', () => 'https://one.example/', endpoint]),
  ] as [string, () => string, string][])(
    'as an endpoint in the metadata: %s',
    async (_what, target, endpoint) => {
      const instance = await anInstance('mastodon45', {
        habits: {
          metadata: (origin, scopes) => ({ ...metadata(origin, scopes), [`${endpoint}_endpoint`]: target() }),
        },
      });
      const { site } = await stage([instance]);
      expect(refusal(await start(new Visitor(), site, instance.host))).toEqual({
        status: 403,
        code: 'instance_insecure',
      });
      expect(instance.requestsTo(/^POST/)).toEqual([]);
    },
  );

  it.each(Object.entries(targets))(
    'as a link of NodeInfo, WebFinger and host-meta: %s',
    async (_what, target) => {
      const instance = await anInstance('mastodon42');
      instance.answerWith('/.well-known/nodeinfo', 200, {
        links: [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href: target() }],
      });
      instance.answerWith('/.well-known/webfinger', 200, {
        subject: `acct:alice@${instance.host}`,
        links: [{ rel: 'self', type: 'application/activity+json', href: target() }],
      });
      instance.answerWith(
        '/.well-known/host-meta',
        200,
        `<XRD><Link rel="lrdd" template="${escapeXML(target())}{uri}"/></XRD>`,
        { 'Content-Type': 'application/xrd+xml' },
      );
      const { site } = await stage([instance]);
      expect((await start(new Visitor(), site, `@alice@${instance.host}`)).status).toBe(302);
      for (const v of [1, 2]) instance.answerWith(`/api/v${v}/instance`, 404, {});
      const { site: another } = await stage([instance]);
      expect(refusal(await start(new Visitor(), another, instance.host)).code).toBe('instance_unsupported');
      expect(instance.requestsTo('/.well-known/webfinger').length).toBeGreaterThan(0);
      expect(instance.requestsTo('/.well-known/host-meta').length).toBeGreaterThan(0);
    },
  );

  it.each(Object.entries(notations))('as the domain of an account’s handle: %s', async (_what, host) => {
    const instance = await anInstance();
    instance.account('alice').fields = { acct: `alice@${host}:${trap.port}` };
    const { site } = await stage([instance]);
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
    expect(site.verified[0]).toMatchObject({ handleVerified: false, handle: `alice@${instance.host}` });
    const about = { uri: host, account_domain: host, version: '4.5.0' };
    instance.answerWith('/api/v1/instance', 200, about);
    instance.account('alice').fields = {};
    const { site: another } = await stage([instance]);
    expect((await new Visitor().login(another, instance.host)).status).toBe(200);
    expect(another.verified[0]).toMatchObject({ handle: `alice@${instance.host}` });
  });

  it('as the account’s own domain, which has an inner address', async () => {
    const instance = await anInstance();
    instance.account('alice').fields = { acct: 'alice@one.example' };
    const { site, names } = await stage([instance]);
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
    expect(site.verified[0]).toMatchObject({ handleVerified: false });
    expect(names.asked).toContain('one.example');
  });
});

describe('as the instance in a callback', () => {
  it.each(Object.entries(notations))('%s', async (_what, host) => {
    const { site, names } = await stage();
    const path = `/auth/mastodon/callback/${encodeURIComponent(host)}`;
    const query = `state=${'A'.repeat(43)}&code=x&iss=http://${encodeURIComponent(host)}`;
    expect(refusal(await new Visitor().get(`${site.origin}${path}?${query}`)).code).toBe('login_expired');
    expect(names.asked).toEqual([]);
  });
});

describe('through an origin listed for development', () => {
  it('that has another scheme, port or name', async () => {
    const instance = await anInstance();
    const { port } = instance;
    const { site } = await stage([instance]);
    for (const text of [`localhost`, `localhost:${trap.port}`, `127.0.0.1:${port}`, `a.localhost:${port}`]) {
      expect(refusal(await start(new Visitor(), site, text)).code).toBe('instance_invalid');
    }
    instance.answerWith('/api/v1/instance', 302, '', {
      Location: `http://127.0.0.1:${port}/api/v1/instance`,
    });
    expect(refusal(await start(new Visitor(), site, instance.host)).code).toBe('instance_unreachable');
    instance.answerWith('/api/v1/instance', 302, '', {
      Location: `http://me@localhost:${port}/api/v1/instance`,
    });
    expect(refusal(await start(new Visitor(), site, instance.host)).code).toBe('instance_unreachable');
    expect(instance.requestsTo('/api/v1/instance')).toHaveLength(2);
  });
});

it('does reach a listener without the defence', async () => {
  // Shows that the listeners of this file would have detected a request.
  const reachable = await aRawServer((socket) => socket.destroy());
  const origin = `http://localhost:${reachable.port}`;
  const { site } = await stage([{ origin }]);
  await start(new Visitor(), site, `localhost:${reachable.port}`);
  await until(() => reachable.connections() > 0);
});

/** Headers are bytes; a server would send other characters like this. */
function asHeader(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function escapeXML(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
