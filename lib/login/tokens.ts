/** Refreshes a site's tokens (RFC 6749, section 6), and revokes them (RFC 7009). */

import { describeApp, type ClientCredentials } from '../client/client.js';
import type { ClientOf } from '../client/clients.js';
import type { ClientLifecycle } from '../client/lifecycle.js';
import type { Instance, PinnedInstance } from '../options.js';
import { revokesMoreThanOneToken } from '../discovery/software.js';
import { MastodonError } from '../errors.js';
import { assertFromServer, jsonObjectOrNone } from '../http/answer.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { SingleFlight, type RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import { storeKey } from '../store.js';
import { digest, decrypt, encrypt } from '../util/crypto.js';
import { isToken, readTokens, type Tokens } from './exchange.js';

/** How long callers with the same token get the result of a refresh. Milliseconds. */
const sharedForMs = 10_000;

const purpose = 'passport-mastodon-oauth2 refreshed tokens';

/** Concurrency limits of revocations after logins. Callers do not wait for them. */
const revocationLimits = { inAll: 64, perInstance: 4 };

export class SiteTokens {
  private readonly refreshing = new SingleFlight<Tokens>();
  private readonly revocations: ConcurrencyLimit;

  constructor(private readonly lifecycle: ClientLifecycle) {
    const { maxWaiting: waiting } = lifecycle.settings.outbound;
    this.revocations = new ConcurrencyLimit({ ...revocationLimits, waiting });
  }

  /**
   * Refreshes a token with the client that it was issued to. A server that replaces refresh tokens may end the grant at the
   * second use of one (RFC 9700, section 4.14). So all callers with one token, in all processes that share the store, get the
   * result of one request for ten seconds. The store holds it, encrypted with the old token.
   * @throws MastodonError `token_refused` if the token is invalid; `login_restart` if the client is unknown; and the errors
   * of `exchangeCode`
   */
  refresh(caller: RequestContext, instance: Instance, token: string): Promise<Tokens> {
    const { host, origin } = instance;
    const { store } = this.lifecycle;
    assertToken(token, host);
    return this.refreshing.join(`${origin} ${digest(token)}`, caller, async (context) => {
      const key = storeKey('refreshed', host, origin, token);
      const result = async (): Promise<Tokens | undefined> => {
        const { text } = ((await store.cached(key)) ?? {}) as { readonly text?: unknown };
        const plain = typeof text === 'string' ? decrypt(token, purpose, text) : undefined;
        return plain === undefined ? undefined : (JSON.parse(plain) as Tokens);
      };
      const work = async (): Promise<Tokens> => {
        const tokens = await refresh(context, this.lifecycle, instance, token);
        await store.cache(key, { text: encrypt(token, purpose, JSON.stringify(tokens)) }, sharedForMs);
        return tokens;
      };
      // The second use may end the grant, so another process's use is awaited until the deadline. A caller whose deadline
      // passed before the answer came may ask again.
      return store.withLock(storeKey('lock', host, key), context.remainingMs, work, result);
    });
  }

  /**
   * Revokes an access token. A server revokes it only for the client that it was issued to. If that client is unknown, all
   * clients that this site had there are tried, the current one first. A server may confirm the revocation of another
   * client's token without revoking it (RFC 7009, section 2.2; Pleroma), so a confirmation does not end the tries.
   * @throws MastodonError `revocation_unsupported`; `token_refused` if no client's revocation was confirmed; and the errors
   * of a request
   */
  async revoke(context: RequestContext, instance: Instance, accessToken: string): Promise<void> {
    assertRevocable(instance);
    assertToken(accessToken, instance.host);
    const { clients } = this.lifecycle;
    const known = await clients.ofGrant(instance, accessToken);
    let isConfirmed = false;
    for (const of of known ? [known] : await clientsAt(this.lifecycle, instance)) {
      const credentials = await clients.credentials(of);
      if (credentials && (await revoke(context, instance, credentials, accessToken))) isConfirmed = true;
    }
    if (isConfirmed) return;
    const cause = 'the token belongs to no client that this site has there';
    throw new MastodonError('token_refused', { instance: instance.host, cause });
  }

  /** Revokes the token of a login in the background. A failure is reported to the log. */
  revokeLater(
    login: RequestContext,
    instance: PinnedInstance,
    credentials: ClientCredentials,
    accessToken: string,
  ): void {
    const { host } = instance;
    const revokeNow = async (context: RequestContext) => {
      if (!(await revoke(context, instance, credentials, accessToken)))
        throw new MastodonError('token_refused', { instance: host });
    };
    void login.inBackground(this.revocations, host, revokeNow, (error) => {
      const { code } = error as MastodonError;
      this.lifecycle.settings.log('revocation_failed', { instance: host, code });
    });
  }
}

/** Servers confirm the revocation of an empty token too. @throws MastodonError `token_refused` */
function assertToken(value: unknown, instance: string): void {
  const cause = 'the given value cannot be a token';
  if (!isToken(value)) throw new MastodonError('token_refused', { instance, cause });
}

async function refresh(
  context: RequestContext,
  lifecycle: ClientLifecycle,
  instance: Instance,
  token: string,
): Promise<Tokens> {
  const { clients } = lifecycle;
  const of = (await clients.ofGrant(instance, token)) ?? (await clientsAt(lifecycle, instance))[0];
  const credentials = of && (await clients.credentials(of));
  if (!credentials) throw new MastodonError('login_restart', { instance: instance.host });
  const form = {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: credentials.clientId,
    client_secret: credentials.clientSecret,
  };
  const tokens = await postForm(context, instance.tokenEndpoint, form, (answer) => {
    assertFromServer(answer);
    // The refresh token is given up only if the server refused it.
    const { status } = answer;
    const details = { instance: instance.host, cause: `the token endpoint answered ${status}` };
    if (status >= 500)
      throw new MastodonError('instance_unreachable', { ...details, reason: 'server_error' });
    if (status >= 300 && status < 400) throw new MastodonError('response_invalid', details);
    return readTokens(answer);
  });
  // Without a new refresh token in the response, the old one stays valid.
  const kept = { ...tokens, refreshToken: tokens.refreshToken ?? token };
  await clients.rememberGrant(instance, kept.refreshToken, of);
  return kept;
}

/** The clients that this site has or had at the instance: the current ones of its own scope first. */
async function clientsAt(lifecycle: ClientLifecycle, instance: Instance): Promise<ClientOf[]> {
  const { settings, clients } = lifecycle;
  const { host, key, clientId } = describeApp(instance, settings);
  if (clientId !== undefined) return [{ host, appKey: key, clientId }];
  const others = (await clients.scopes()).map((scope) => describeApp(instance, settings, scope).key);
  const keys = [...new Set([key, ...others])];
  const found = await Promise.all(
    keys.map(async (appKey) => {
      const client = await clients.current(host, appKey);
      const all = client ? [client, ...(client.former ?? [])] : [];
      return all.map(({ clientId: id }) => ({ host, appKey, clientId: id }));
    }),
  );
  return found.flat();
}

/** @returns false if the token may belong to another client. @throws MastodonError as `SiteTokens.revoke` */
async function revoke(
  context: RequestContext,
  instance: PinnedInstance,
  { clientId, clientSecret }: ClientCredentials,
  token: string,
): Promise<boolean> {
  const form = { token, client_id: clientId, client_secret: clientSecret };
  return postForm(context, assertRevocable(instance), form, (answer) => isRevoked(answer, instance.host));
}

/** @returns the revocation endpoint. @throws MastodonError `revocation_unsupported` */
function assertRevocable({ host, software, revocationEndpoint }: PinnedInstance): string {
  if (!revokesMoreThanOneToken.has(software) && revocationEndpoint !== undefined) return revocationEndpoint;
  throw new MastodonError('revocation_unsupported', { instance: host });
}

/**
 * Whether a response confirms a revocation. The status is not sufficient: a bot check or a parked domain also answers
 * 200.
 */
export function isRevoked(answer: Answer, instance: string): boolean {
  assertFromServer(answer);
  const { status, text } = answer;
  const cause = `the revocation endpoint answered ${status}`;
  if (status === 404 || status === 405 || status === 501)
    throw new MastodonError('revocation_unsupported', { instance, cause });
  if (status === 429 || status >= 500)
    throw new MastodonError('instance_unreachable', { instance, cause, reason: 'server_error' });
  if (status >= 400) return false;
  if (status !== 200 && status !== 204) throw new MastodonError('response_invalid', { instance, cause });
  const document = text.trim() === '' ? {} : jsonObjectOrNone(answer);
  if (document === undefined) throw new MastodonError('response_invalid', { instance, cause });
  return document.error === undefined;
}
