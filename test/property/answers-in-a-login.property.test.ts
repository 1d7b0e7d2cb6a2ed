/**
 * Every answer in a login is changed in a generated way. The login is correct or fails with a known code, and the
 * next one works.
 */

import fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import { ErrorCode } from '../../lib/errors.js';
import { createLogin, MastodonError } from '../../lib/web/index.js';
import { listenLocally } from '../support/free-port.js';
import { ExpiringStore } from '../support/json-store.js';
import { startInstance, type PersonaName, type SeenRequest, type StandIn } from '../support/instance.js';
import { Visitor } from '../support/visitor.js';
import { disturbances, inFront, type Disturbance } from './disturbances.js';
import { holds } from './runs.js';

const origin = 'https://site.example';
const families: readonly PersonaName[] = ['mastodon45', 'pleroma', 'hollo', 'snac', 'iceshrimp', 'wordpress'];

/** A server that no login may reach: its origin is among the odd values, and not in `developmentInstances`. */
let trap: Server;
let reached = 0;
let evil: string;
beforeAll(async () => {
  trap = createServer((_req, res) => void res.end(`{}${(reached += 1)}`));
  evil = `http://localhost:${await listenLocally(trap)}`;
});
afterAll(() => trap.close());

/** The changes to one member of a JSON document. */
const oddValues: Readonly<Record<string, (value: unknown) => unknown>> = {
  missing: () => undefined,
  null: () => null,
  'an empty text': () => '',
  'a long text': () => 'x'.repeat(70_000),
  'a control character': (value) => `${String(value)}\u0000\r\nSet-Cookie: a=b`,
  markup: () => '"><script>alert(1)</script>',
  zero: () => 0,
  'a huge number': () => 1e308,
  true: () => true,
  'an empty list': () => [],
  'a list of it': (value) => [value],
  'an object': () => ({ toString: 'x', length: 1, then: {} }),
  'deep brackets': () => JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`) as unknown,
  'a prototype': () => JSON.parse('{"__proto__":{"username":"admin"},"constructor":1}') as unknown,
  'another server': () => evil,
  'an endpoint elsewhere': () => `${evil}/oauth/token`,
  'a URL with a password': () => 'https://user:pass@social.example/',
  'an opaque URL': () => 'foo://"onfocus="alert(1)/',
  script: () => 'javascript:alert(1)',
};

/** Members by their position, so that one table fits every document. */
function changeMember(position: number, odd: (value: unknown) => unknown): Disturbance {
  return (answer) => {
    if (!/^[[{]/.test(answer.body ?? '')) return answer;
    const document = JSON.parse(answer.body ?? '') as Record<string, unknown>;
    const paths: [Record<string, unknown>, string][] = [];
    const walk = (object: Record<string, unknown>) => {
      for (const [name, value] of Object.entries(object)) {
        paths.push([object, name]);
        if (typeof value === 'object' && value !== null) walk(value as Record<string, unknown>);
      }
    };
    walk(document);
    const [object, name] = paths[position % Math.max(paths.length, 1)] ?? [];
    if (object && name !== undefined) object[name] = odd(object[name]);
    return { ...answer, body: JSON.stringify(document) };
  };
}

/** The changes to a whole answer. The last ones need a malicious server. */
const wholes: Readonly<Record<string, Disturbance>> = {
  ...disturbances,
  'too many requests for years': inFront(429, '', { 'Retry-After': '999999999' }),
  'a redirect elsewhere': (answer) => ({ ...answer, status: 302, headers: { Location: evil } }),
  'an opaque redirect': () => ({ status: 307, headers: { Location: 'foo://"x"/' } }),
  'a success instead of a refusal': (answer) => ({ ...answer, status: 200 }),
  'a refusal instead of a success': (answer) => ({ ...answer, status: 401 }),
  'another status': (answer) => ({ ...answer, status: 299 }),
};

const change: fc.Arbitrary<readonly [string, () => Disturbance]> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat({ max: 30 }), fc.constantFrom(...Object.keys(oddValues)))
      .map(([at, odd]) => [`member ${at}: ${odd}`, () => changeMember(at, oddValues[odd]!)] as const),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...Object.keys(wholes)).map((name) => [name, () => wholes[name]!] as const),
  },
);

/**
 * Changes the n-th answer to the site, counted over all its requests in this login. A visitor's requests do not
 * count.
 */
function changeAnswer(instance: StandIn, position: number, changed: Disturbance): () => string | undefined {
  let count = -1;
  let path: string | undefined;
  instance.alter = ({ method, path: at, headers }: SeenRequest, answer) => {
    if (headers['user-agent']?.startsWith('Mozilla')) return answer;
    count += 1;
    if (count !== position) return answer;
    path = `${method} ${at}`;
    return changed(answer);
  };
  return () => path;
}

async function logIn(instance: StandIn, store: ExpiringStore) {
  const login = createLogin({
    ...{ clientName: 'A site', callbackURL: `${origin}/callback`, store },
    developmentInstances: [instance.origin],
    outbound: { timeoutMs: 3000, loginTimeoutMs: 8000, failureCooldownMs: 1 },
  });
  const body = new URLSearchParams({ instance: instance.host });
  const begun = await login.begin(new Request(`${origin}/login`, { method: 'POST', body }));
  const away = new URL(begun.headers.get('location') ?? '');
  expect(away.origin).toBe(instance.origin);
  const cookie = begun.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const back = await new Visitor().approve(away.href);
  const { profile } = await login.finish(new Request(back, { headers: { cookie } }));
  return profile;
}

it('a login is the account’s own or ends in a known failure, whatever change one answer has', () =>
  holds(
    fc.asyncProperty(
      fc.constantFrom(...families),
      fc.nat({ max: 14 }),
      change,
      async (family, position, [, changed]) => {
        const instance = await startInstance(family);
        const store = new ExpiringStore();
        const changedPath = changeAnswer(instance, position, changed());
        try {
          const outcome = await logIn(instance, store).catch((error: unknown) => error as Error);
          if (!(outcome instanceof Error)) {
            expect(outcome.instance.origin).toBe(instance.origin);
            const isOfAccount = changedPath() === 'GET /api/v1/accounts/verify_credentials';
            if (!isOfAccount) expect(outcome.id).toBe(`${instance.origin}#${instance.account('alice').id}`);
            expect(outcome.id.startsWith(`${instance.origin}#`)).toBe(true);
            for (const url of [
              outcome.profileUrl,
              outcome.actor,
              ...outcome.photos.map(({ value }) => value),
            ]) {
              if (url !== undefined) expect(url).toMatch(/^https?:\/\/[^\s"<>]+$/);
            }
          } else if (!outcome.message.startsWith('Stuck at')) {
            // After a lost answer, the instance may know another app than the site does: the visitor is left on its
            // page.
            expect(outcome).toBeInstanceOf(MastodonError);
            const { code, message, instance: named } = outcome as MastodonError;
            expect(Object.keys(ErrorCode)).toContain(code);
            // A redirect may have led to another server, which is named then.
            expect(named ?? '').toMatch(/^[\w.:[\]-]*$/);
            expect(message).not.toMatch(/[<>"\u0000-\u001f]|alert|foo:/);
          }
          expect(reached).toBe(0);
        } finally {
          instance.alter = undefined;
          await instance.close();
        }
      },
    ),
    100,
  ));

it('the next login works, or waits for as long as a failure is cached', () =>
  holds(
    fc.asyncProperty(fc.nat({ max: 14 }), change, async (position, [, changed]) => {
      const instance = await startInstance('mastodon45');
      const store = new ExpiringStore();
      try {
        const changedPath = changeAnswer(instance, position, changed());
        await logIn(instance, store).catch(() => undefined);
        instance.alter = undefined;
        const outcomes: unknown[] = [];
        // A client that the instance does not know is verified after three abandoned starts in a row.
        for (let tries = 0; tries < 5; tries += 1) {
          const outcome = await logIn(instance, store).catch((error: unknown) => error as Error);
          if (!(outcome instanceof Error)) {
            expect(outcome.username).toBe('alice');
            return;
          }
          outcomes.push((outcome as { code?: string }).code ?? outcome.message);
        }
        // The endpoints that a server publishes are cached for a while.
        if (changedPath() === 'GET /.well-known/oauth-authorization-server') return;
        const remembered = ['registration_throttled', 'instance_insecure', 'instance_unsupported'];
        for (const code of outcomes) expect(remembered).toContain(code);
      } finally {
        instance.alter = undefined;
        await instance.close();
      }
    }),
    200,
  ));
