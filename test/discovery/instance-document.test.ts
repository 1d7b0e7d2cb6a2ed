/** Which instance the documents of a host describe, and why a host is none. */

import {
  documentOn,
  readInstance,
  readURLClientServer,
  type InstanceDocuments,
} from '../../lib/discovery/instance-document.js';
import type { MastodonError } from '../../lib/errors.js';
import type { Instance } from '../../lib/options.js';
import { answerOf } from '../support/records.js';

const origin = 'https://misskey.example';
const document = {
  issuer: origin,
  authorization_endpoint: `${origin}/oauth/authorize`,
  token_endpoint: `${origin}/oauth/token`,
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
};

it.each([origin, `${origin}/`])(
  'a server without registration, with PKCE and a name, is an instance (%s)',
  (issuer) => {
    expect(readURLClientServer({ ...document, issuer }, origin)).toEqual({
      ...{ origin, host: 'misskey.example', issuer: origin, promisesIssuer: true, clientMetadata: 'html' },
      authorizationEndpoint: `${origin}/oauth/authorize`,
      tokenEndpoint: `${origin}/oauth/token`,
    });
  },
);

it.each([
  ['registers by RFC 7591', { registration_endpoint: `${origin}/register` }],
  ['registers as Mastodon does', { app_registration_endpoint: `${origin}/api/v1/apps` }],
  ['has an issuer that is no text', { issuer: 7 }],
  ['is another', { issuer: 'https://other.example' }],
  ['has its token endpoint elsewhere', { token_endpoint: 'https://other.example/token' }],
  ['has its page elsewhere', { authorization_endpoint: 'https://other.example/authorize' }],
  ['has an empty issuer', { issuer: '' }],
  ['has no PKCE', { code_challenge_methods_supported: undefined }],
  ['does not name itself', { authorization_response_iss_parameter_supported: 'true' }],
])('a server that %s is not', (_what, changes) => {
  expect(readURLClientServer({ ...document, ...changes }, origin)).toBeUndefined();
});

it('a server without such a document is not an instance', () => {
  expect(readURLClientServer(undefined, origin)).toBeUndefined();
});

describe('the documents of a host', () => {
  const host = 'social.example';
  const own = `https://${host}`;
  const endpoints = {
    authorizationEndpoint: `${own}/oauth/authorize`,
    tokenEndpoint: `${own}/oauth/token`,
  };
  const unregistered: Instance = {
    ...{ origin: own, host, issuer: own, promisesIssuer: false, ...endpoints },
    revocationEndpoint: `${own}/oauth/revoke`,
  };
  const guessed = { ...unregistered, registrationEndpoint: `${own}/api/v1/apps` };
  const metadata = {
    issuer: own,
    authorization_endpoint: endpoints.authorizationEndpoint,
    token_endpoint: endpoints.tokenEndpoint,
  };
  const registering = { ...metadata, app_registration_endpoint: `${own}/register` };
  const binding = {
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
  const reading = {
    ...{ ...metadata, ...binding, scopes_supported: ['read', 'profile'] },
    client_id_metadata_document_supported: true,
  };
  const ofMisskey: Instance = {
    ...{ origin: own, host, issuer: own, promisesIssuer: true, ...endpoints },
    ...{ clientMetadata: 'html', api: 'misskey' },
  };
  const about = (body: object): Partial<InstanceDocuments> => ({ instance: answerOf(200, body) });
  const runs = (name: string) => ({ nodeInfo: { software: { name } } });
  const answered = (status: number, body: unknown = {}, type?: string) => ({
    instance: answerOf(status, body, type),
  });
  const noEndpoint = { error: { code: 'UNKNOWN_API_ENDPOINT' } };
  const misskey = { ...runs('misskey'), metadata: { ...metadata, ...binding } };

  const read = (documents: Partial<InstanceDocuments>, takesURLClients: boolean) =>
    readInstance(
      {
        ...answered(404),
        ...{ origin: own, metadata: undefined, nodeInfo: undefined },
        ...documents,
      },
      takesURLClients,
    );

  /** 300 characters. */
  const longest = `${host}/${'x'.repeat(285)}`;

  it.each<[string, Partial<InstanceDocuments>, boolean, Instance]>([
    ['v1', about({ uri: host }), false, { ...guessed, accountDomain: host }],
    ['v2', about({ domain: host }), false, guessed],
    ['a version alone', about({ version: '4.3.0' }), false, guessed],
    ['a URL in capitals', about({ uri: `HTTP://${host}` }), false, { ...guessed, accountDomain: host }],
    ['a URL of a page', about({ uri: `https://${host}/about` }), false, { ...guessed, accountDomain: host }],
    [
      'an address in a query',
      about({ uri: `${host}?https://x` }),
      false,
      { ...guessed, accountDomain: host },
    ],
    ['a long domain', about({ uri: longest }), false, { ...guessed, accountDomain: host }],
    ['a longer domain', about({ uri: `${longest}x` }), false, guessed],
    [
      'a domain that is none',
      about({ uri: host, account_domain: 7 }),
      false,
      { ...guessed, accountDomain: host },
    ],
    [
      'a domain of handles',
      about({ uri: own, account_domain: 'a.example' }),
      false,
      { ...guessed, accountDomain: 'a.example' },
    ],
    [
      'a version with a name',
      about({ version: '2.7.2 (compatible; Pleroma 2.9.0)' }),
      false,
      { ...guessed, software: 'pleroma' },
    ],
    ['a JSON refusal and NodeInfo', { ...answered(401), ...runs('A') }, false, { ...guessed, software: 'a' }],
    ['the same with 403', { ...answered(403), ...runs('A') }, false, { ...guessed, software: 'a' }],
    [
      'metadata without an instance',
      { ...answered(401, ''), metadata: registering },
      false,
      { ...guessed, registrationEndpoint: `${own}/register`, revocationEndpoint: `${own}/oauth/revoke` },
    ],
    [
      'metadata with registration, at a site with a document',
      { ...about({ version: '4.4.0' }), metadata: registering },
      true,
      { ...guessed, registrationEndpoint: `${own}/register` },
    ],
    ['no metadata, at a site with a document', about({ version: '4.2.0' }), true, guessed],
    [
      'metadata without registration, at a site with a document',
      { ...about({ version: '4.6.0' }), metadata: reading },
      true,
      { ...unregistered, promisesIssuer: true, scopesSupported: ['read', 'profile'], clientMetadata: 'json' },
    ],
    [
      'the same at a site without',
      { ...about({ version: '4.6.0' }), metadata: reading },
      false,
      { ...guessed, promisesIssuer: true, scopesSupported: ['read', 'profile'] },
    ],
    ['Misskey', { ...misskey, ...answered(400) }, true, { ...ofMisskey, software: 'misskey' }],
    [
      'Misskey by its error',
      { ...misskey, ...answered(404, noEndpoint), nodeInfo: undefined },
      true,
      ofMisskey,
    ],
    [
      'Misskey with the API of Mastodon',
      { ...misskey, ...about({ version: '4.2.1' }) },
      true,
      { ...guessed, software: 'misskey' },
    ],
  ])('describe an instance by %s', (_what, documents, takesURLClients, instance) => {
    expect(read(documents, takesURLClients)).toStrictEqual(instance);
  });

  const challenge = answered(200, '<div id="anubis_challenge">', 'text/html');
  const html = (status: number) => answered(status, '<title>', 'text/html');
  const unsupported = 'instance_unsupported';

  it.each<[string, Partial<InstanceDocuments>, boolean, string, string | undefined]>([
    ['a bot check', challenge, false, 'instance_blocked', undefined],
    ['a limit', { ...misskey, ...answered(429) }, true, 'instance_unreachable', 'server_busy'],
    ['a failure', { ...misskey, ...answered(500) }, true, 'instance_unreachable', 'server_error'],
    ['nothing', answered(404), false, unsupported, undefined],
    ['an object of another kind', answered(200), false, unsupported, undefined],
    ['another success', answered(201, { version: '4.3.0' }), false, unsupported, undefined],
    ['a page', html(200), false, unsupported, undefined],
    ['broken JSON', answered(200, '{'), false, 'response_invalid', undefined],
    ['a page of refusal', { ...html(401), ...runs('mastodon') }, false, unsupported, undefined],
    ['a refusal without NodeInfo', answered(401), false, unsupported, undefined],
    ['NodeInfo alone', { ...answered(404), ...runs('mastodon') }, false, unsupported, undefined],
    ['other software', { ...answered(404), ...runs('lemmy') }, false, unsupported, 'other_software'],
    ['apps for one login', { ...answered(404), ...runs('sharkey') }, false, unsupported, 'single_use_apps'],
    [
      'an instance whose apps serve one login',
      { ...about({ version: '4.2.1' }), ...runs('sharkey') },
      false,
      unsupported,
      'single_use_apps',
    ],
    [
      'Misskey’s error and apps for one login',
      { ...misskey, ...answered(404, noEndpoint), ...runs('sharkey') },
      true,
      unsupported,
      'single_use_apps',
    ],
    ['Misskey, at a site without a document', misskey, false, unsupported, 'speaks_misskey'],
    ['an old Misskey', runs('misskey'), true, unsupported, 'misskey_too_old'],
    ['a redirect of Misskey', { ...misskey, ...answered(302) }, true, unsupported, 'misskey_too_old'],
  ])('describe none by %s', (_what, documents, takesURLClients, code, reason) => {
    let error: unknown;
    try {
      read(documents, takesURLClients);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code, instance: host });
    expect((error as MastodonError).reason).toBe(reason);
    expect((error as MastodonError).software).toBe(reason === 'other_software' ? 'Lemmy' : undefined);
  });
});

it('a document counts only where it was asked for, and was found', () => {
  const answer = answerOf(200, { a: 1 });
  expect(documentOn('https://social.example', answer)).toEqual({ a: 1 });
  expect(documentOn('https://other.example', answer)).toBeUndefined();
  expect(documentOn('https://social.example', { ...answer, status: 404 })).toBeUndefined();
  expect(documentOn('https://social.example', undefined)).toBeUndefined();
});
