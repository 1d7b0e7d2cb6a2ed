/** Answers, instances and pending logins as values, for tests without a server. */

import { MastodonError } from '../../lib/errors.js';
import type { Instance } from '../../lib/options.js';
import type { Fetcher } from '../../lib/discovery/webfinger.js';
import type { Answer } from '../../lib/http/request.js';
import type { Transaction } from '../../lib/login/transactions.js';
import type { MastodonStrategyOptions } from '../../lib/passport/options.js';

const someURL = 'https://social.example/';

export function answerOf(
  status: number,
  body: unknown,
  contentType = 'application/json',
  headers: Answer['headers'] = {},
): Answer {
  return {
    status,
    url: new URL(someURL),
    ok: status >= 200 && status <= 299,
    contentType,
    headers,
    text: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/**
 * Fetches documents without a network.
 * @param answerTo the answer to each request, from the requested URL unless it names another one
 */
export function fetching(
  answerTo: (url: string, options: Parameters<Fetcher['get']>[1]) => Promise<Answer>,
): Fetcher {
  return {
    developmentOrigins: new Set(),
    get: async (target, options) => {
      const answer = await answerTo(target, options);
      return answer.url.href === someURL ? { ...answer, url: new URL(target) } : answer;
    },
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

export function aLogin(changes: Partial<Transaction> = {}): Transaction {
  return {
    instance: anInstanceRecord(),
    audience: 'this site',
    appKey: 'app',
    clientId: 'client',
    redirectURI: 'https://site.example/callback/social.example',
    scope: 'read',
    codeVerifier: 'v'.repeat(43),
    typed: 'social.example',
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

/** The error of work that must fail. Errors of other kinds are thrown again. */
export async function failureOf(work: Promise<unknown>): Promise<MastodonError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MastodonError)) throw error;
  return error;
}
