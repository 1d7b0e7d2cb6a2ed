/** What judges is asked about: answers, instances and logins that no server had a part in. */

import type { Answer } from '../../lib/http/network.js';
import type { Instance, LoginTransaction } from '../../lib/options.js';
import type { MastodonStrategyOptions } from '../../lib/passport/options.js';

export function answerOf(
  status: number,
  body: unknown,
  contentType = 'application/json',
  headers: Answer['headers'] = {},
): Answer {
  return {
    status,
    url: new URL('https://social.example/'),
    contentType,
    headers,
    text: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

export function anInstanceRecord(changes: Partial<Instance> = {}): Instance {
  const origin = changes.origin ?? 'https://social.example';
  return {
    origin,
    host: new URL(origin).host,
    authorizationEndpoint: `${origin}/oauth/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
    registrationEndpoint: `${origin}/api/v1/apps`,
    revocationEndpoint: `${origin}/oauth/revoke`,
    issuer: origin,
    promisesIssuer: false,
    ...changes,
  };
}

export function aLogin(changes: Partial<LoginTransaction> = {}): LoginTransaction {
  return {
    instance: anInstanceRecord(),
    audience: 'this site',
    clientId: 'client',
    credentialsKey: 'key',
    redirectURI: 'https://site.example/callback/social.example',
    scope: 'read',
    codeVerifier: 'v'.repeat(43),
    expiresAt: Date.now() + 60_000,
    ...changes,
  };
}

export const leastOptions: MastodonStrategyOptions = {
  clientName: 'A site',
  callbackURL: 'https://site.example/callback',
};

/** The code of the MastodonError that `work` throws; undefined if it throws nothing. */
export function codeThrownBy(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return undefined;
}
