/** For any answer of an instance, the validators return a valid value or throw a `MastodonError`. */

import fc from 'fast-check';
import { readClient } from '../../lib/client/client.js';
import { assertCodeRefused, isUnknownClient } from '../../lib/client/verification.js';
import { readRegistration, throttledFor } from '../../lib/client/registration.js';
import { lrddTargets, readFinger } from '../../lib/discovery/webfinger.js';
import { isInstance } from '../../lib/discovery/discovery.js';
import { readInstance } from '../../lib/discovery/instance-document.js';
import { readMetadata } from '../../lib/discovery/metadata.js';
import { jsonObject, jsonObjectOrNone } from '../../lib/http/answer.js';
import { readAccount } from '../../lib/login/account.js';
import { buildProfile, readClaims } from '../../lib/login/profile.js';
import { readTokens } from '../../lib/login/exchange.js';
import { isRevoked } from '../../lib/login/tokens.js';
import { assertLive } from '../../lib/login/transactions.js';
import { anInstanceRecord, answerOf, codeThrownBy } from '../support/stage.js';
import { anyText, holds, jsonWith, orRefusal } from './runs.js';

const origin = 'https://social.example';
const instance = anInstanceRecord();
const status = fc.oneof(
  fc.constant(200),
  fc.constantFrom(201, 302, 400, 401, 403, 404, 422, 429, 500, 503),
  fc.integer({ min: 100, max: 999 }),
);
const type = fc.oneof(
  fc.constantFrom('application/json', 'application/jrd+json; charset=utf-8', 'text/html', ''),
  anyText,
);
const mostlyJSON = fc.oneof(
  { weight: 5, arbitrary: fc.constant('application/json') },
  { weight: 1, arbitrary: type },
);
/** A URL of this origin, of another one, or a text that is almost a URL. */
const url = fc.oneof(
  fc.constantFrom(
    `${origin}/x`,
    `${origin}:8443/x`,
    `${origin}.evil.example/`,
    `${origin}@evil.example/`,
    'http://social.example/',
    'javascript:1',
  ),
  fc.webUrl(),
  anyText,
  fc.tuple(fc.constant(origin), anyText).map((parts) => parts.join('')),
);
const isOurs = (text: unknown) => typeof text === 'string' && new URL(text).origin === origin;

function answers(...keys: string[]) {
  const body = fc.oneof(
    jsonWith(...keys).map((value) => JSON.stringify(value)),
    fc.json(),
    anyText,
  );
  return fc.tuple(status, body, mostlyJSON).map((parts) => answerOf(...parts));
}

it('jsonObject: an object without __proto__, or a refusal', () =>
  holds(
    fc.property(
      fc.oneof(
        fc.json(),
        anyText,
        fc.json().map((text) => `{"__proto__":${text},"a":{"__proto__":${text}}}`),
      ),
      type,
      (text, contentType) => {
        const object = orRefusal(() => jsonObject(answerOf(200, text, contentType)));
        expect(jsonObjectOrNone(answerOf(200, text, contentType))).toEqual(object);
        if (!object) return;
        expect(Array.isArray(object)).toBe(false);
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
        expect(JSON.stringify(object)).not.toContain('"__proto__":');
      },
    ),
  ));

it('brackets of any depth end in a refusal, never in a stack overflow', () =>
  holds(
    fc.property(
      fc.integer({ min: 65, max: 100_000 }),
      fc.constantFrom('[', '{"a":', '[{"a":'),
      (depth, open) => {
        expect(orRefusal(() => jsonObject(answerOf(200, `{"x":${open.repeat(depth)}`)))).toBeUndefined();
      },
    ),
    20,
  ));

it('readMetadata and readInstance: every URL is on the requested origin', () =>
  holds(
    fc.property(
      jsonWith('issuer', 'scopes_supported', 'authorization_response_iss_parameter_supported', 'x_endpoint'),
      fc.record(
        {
          issuer: url,
          authorization_endpoint: url,
          token_endpoint: url,
          app_registration_endpoint: url,
          revocation_endpoint: url,
        },
        { requiredKeys: [] },
      ),
      fc.boolean(),
      answers('uri', 'domain', 'version', 'account_domain'),
      jsonWith('software'),
      (wild, urls, honest, about, nodeInfo) => {
        const document = honest
          ? { ...wild, issuer: origin, authorization_endpoint: `${origin}/a`, token_endpoint: `${origin}/t` }
          : { ...wild, ...urls };
        const metadata = orRefusal(() => readMetadata(document, origin));
        if (metadata) {
          expect(metadata.issuer).toBe(origin);
          for (const [name, value] of Object.entries(metadata))
            if (name.endsWith('Endpoint')) expect(isOurs(value)).toBe(true);
        }
        const byURL = {
          ...document,
          code_challenge_methods_supported: ['S256'],
          authorization_response_iss_parameter_supported: true,
        };
        for (const [document_, takesURLClients] of [
          [undefined, false],
          [document, false],
          [byURL, true],
        ] as const) {
          const found = orRefusal(() =>
            readInstance({ origin, instance: about, metadata: document_, nodeInfo }, takesURLClients),
          );
          // A record that may be stored must be accepted when it is read.
          if (found) expect(isInstance(JSON.parse(JSON.stringify(found)))).toBe(true);
        }
      },
    ),
  ));

it('readRegistration: credentials that can be sent, or a refusal', () =>
  holds(
    fc.property(answers('client_id', 'client_secret'), (answer) => {
      const client = orRefusal(() => readRegistration(answer));
      if (!client) return;
      for (const text of Object.values(client)) expect(text).toMatch(/^[\x20-\x7e]{1,2048}$/);
      expect(client.clientId).not.toMatch(/^https?:/i);
    }),
  ));

it('readTokens: a token that fits into a header, or a refusal', () =>
  holds(
    fc.property(answers('access_token', 'refresh_token', 'token_type', 'error'), (answer) => {
      const tokens = orRefusal(() => readTokens(answer));
      expect(typeof isUnknownClient(answer)).toBe('boolean');
      // Every answer that gives a token for a code counts as an accepted code.
      if (!tokens) return;
      expect(codeThrownBy(() => assertCodeRefused(answer))).toBe('instance_insecure');
      for (const text of [tokens.accessToken, tokens.refreshToken ?? 'x'])
        expect(text).toMatch(/^[\x21-\x7e]+$/);
    }),
  ));

it('isRevoked: only an empty or JSON answer without an error, and with 200 or 204, is a success', () =>
  holds(
    fc.property(answers('error'), (answer) => {
      if (orRefusal(() => isRevoked(answer, 'social.example')) !== true) return;
      expect([200, 204]).toContain(answer.status);
      const document = answer.text.trim() === '' ? {} : jsonObjectOrNone(answer);
      expect(document).toBeDefined();
      expect(document).not.toHaveProperty('error');
    }),
  ));

it('throttledFor: a wait of at most ten minutes, or none', () =>
  holds(
    fc.property(
      fc.oneof(
        anyText,
        fc.nat().map(String),
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      ),
      anyText,
      fc.nat(),
      (after, reset, now) => {
        const wait = throttledFor({ 'retry-after': after, 'x-ratelimit-reset': reset }, now);
        if (wait !== undefined) expect(wait > 0 && wait <= 600_000).toBe(true);
      },
    ),
  ));

const claims = fc.record(
  {
    id: fc.oneof(anyText, fc.nat(), fc.double(), fc.maxSafeInteger(), fc.jsonValue()),
    username: fc.oneof(fc.stringMatching(/^\w{1,10}$/), anyText, fc.jsonValue()),
    acct: fc.oneof(anyText, fc.emailAddress(), fc.jsonValue()),
    display_name: fc.oneof(anyText, fc.jsonValue()),
    url: fc.oneof(url, fc.jsonValue()),
    uri: fc.oneof(url, fc.jsonValue()),
    avatar: fc.oneof(url, fc.jsonValue()),
    pleroma: fc.oneof(fc.record({ ap_id: url }), fc.jsonValue()),
  },
  { requiredKeys: [] },
);

it('readAccount and the profile: the user is one of the instance, whatever the answer claims', () =>
  holds(
    fc.property(
      fc.oneof(
        claims,
        claims.map((fields) => ({ ...fields, id: '7', username: 'alice' })),
      ),
      status,
      fc.boolean(),
      (fields, code, proved) => {
        const account = orRefusal(() => readAccount(answerOf(code, fields), 'social.example'));
        const read = account && orRefusal(() => readClaims(account, instance, new Set([instance.origin])));
        if (!account || !read) return;
        const proof = proved
          ? { handle: 'alice@example.com', actor: `${origin}/users/alice`, origin }
          : undefined;
        const profile = buildProfile(instance, account, read, proof);
        expect(profile.id).toMatch(/^https:\/\/social\.example#[A-Za-z0-9_-]{1,128}$/);
        // A name with a character that no handle has makes no handle; a plain one always does.
        const isPlain = /^\w(?:[\w.-]*\w)?$/.test(profile.username);
        if (profile.handle === '') expect([isPlain, profile.handleVerified]).toEqual([false, false]);
        else {
          expect(profile.handle.split('@')).toEqual([
            profile.username,
            proof ? 'example.com' : 'social.example',
          ]);
        }
        expect(profile.username).toBe(profile.username.trim());
        expect(profile.username).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>]/u);
        expect(profile.displayName.trim()).not.toBe('');
        if (profile.actor !== undefined) expect(isOurs(profile.actor)).toBe(true);
        for (const text of [profile.profileUrl, profile.actor, ...profile.photos.map(({ value }) => value)]) {
          if (text !== undefined) expect(text).toMatch(/^https?:\/\/[^\s<>"@/]+(\/|$)/);
        }
        if (profile.profileUrl !== undefined) {
          expect(proof ? ['example.com', 'social.example'] : ['social.example']).toContain(
            new URL(profile.profileUrl).host,
          );
        }
        const acct = typeof fields.acct === 'string' ? fields.acct : '';
        const isOwn = !acct.includes('@') || acct.toLowerCase().endsWith('@social.example');
        if (profile.handle !== '') expect(profile.handleVerified).toBe(proof !== undefined || isOwn);
      },
    ),
  ));

it('readFinger: a handle and a web address, or nothing', () =>
  holds(
    fc.property(
      jsonWith('subject', 'links'),
      fc.oneof(
        anyText,
        fc.emailAddress().map((mail) => `acct:${mail}`),
      ),
      fc.array(
        fc.oneof(
          fc.record({
            rel: fc.constantFrom('self', 'x'),
            type: fc.constantFrom('application/activity+json', 'text/html'),
            href: url,
          }),
          fc.jsonValue(),
        ),
      ),
      (wild, subject, links) => {
        for (const document of [wild, { subject, links }]) {
          const finger = readFinger(document);
          if (!finger) continue;
          expect(finger.subject).toMatch(/^acct:[^@\s]+@[^@\s]+$/);
          expect(finger.subject).toBe(finger.subject.toLowerCase());
          expect(finger.actor.protocol).toMatch(/^https?:$/);
        }
      },
    ),
  ));

it('lrddTargets: at most three URLs', () => {
  const link = fc
    .tuple(fc.constantFrom('Link', 'x:Link', 'link'), fc.constantFrom('rel="lrdd"', "rel='lrdd'", ''), url)
    .map(([tag, rel, template]) => `<${tag} ${rel} template="${template}"/>`);
  const json = jsonWith('links').map((value) => JSON.stringify(value));
  return holds(
    fc.property(
      fc.oneof(
        anyText,
        fc.array(fc.oneof(link, anyText), { maxLength: 8 }).map((parts) => parts.join('')),
        json,
      ),
      (text) => {
        const targets = lrddTargets(text);
        expect(targets.length).toBeLessThanOrEqual(3);
        for (const target of targets) expect(target).toBeInstanceOf(URL);
      },
    ),
  );
});

it('a stored record is a login, a client or an instance only if all of it is valid', () =>
  holds(
    fc.property(
      fc.anything(),
      jsonWith('origin', 'host', 'issuer', 'instance', 'clientId', 'expiresAt', 'generation', 'state'),
      (anything, wild) => {
        for (const value of [anything, wild, { ...wild, instance }]) {
          expect(orRefusal(() => (assertLive(value, 'this site'), true))).toBeUndefined();
          expect(readClient(value, Date.now())).toBeUndefined();
          expect(isInstance(value)).toBe(false);
        }
        expect(isInstance({ ...wild, ...instance })).toBe(
          ['undefined', 'string'].includes(typeof wild['software']) &&
            ['undefined', 'string'].includes(typeof wild['accountDomain']) &&
            (wild['scopesSupported'] === undefined || Array.isArray(wild['scopesSupported'])),
        );
      },
    ),
  ));
