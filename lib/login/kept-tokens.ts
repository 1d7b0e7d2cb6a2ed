/** Tokens that a site keeps: a new one for a refresh token (RFC 6749, section 6), and the end of one (RFC 7009). */

import { MastodonError } from '../errors.js';
import type { Client } from '../client/client.js';
import type { Credentials } from '../client/credentials.js';
import { canRevokeTokens } from '../discovery/software.js';
import type { Answer, Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { Instance, PinnedInstance } from '../options.js';
import { digest } from '../util/digest.js';
import { type Store } from '../store.js';
import { shareRefresh } from './shared-refresh.js';
import { readTokens, type Tokens } from './token.js';

export class KeptTokens {
  private readonly refreshing = new SingleFlight<Tokens>();

  constructor(
    private readonly network: Network,
    private readonly credentials: Credentials,
    private readonly store: Store,
    private readonly patienceMs: number,
  ) {}

  /**
   * With the client that the token was issued to. Callers with the same token share one request, in all processes that
   * share the store.
   * @throws MastodonError `token_refused` when it is no longer good; `login_restart` when the client is gone; else as
   *   an exchange of a code
   */
  refresh(instance: Instance, refreshToken: string): Promise<Tokens> {
    const refresh = () => this.refreshNow(instance, refreshToken);
    return this.refreshing.run(`${instance.origin} ${digest(refreshToken)}`, () =>
      shareRefresh(this.store, instance, refreshToken, this.patienceMs, refresh),
    );
  }

  private async refreshNow(instance: Instance, refreshToken: string): Promise<Tokens> {
    const { clients } = this.credentials;
    const issuedTo = await clients.ofGrant(instance, refreshToken);
    const client = issuedTo ?? (await this.credentials.clientsAt(instance))[0];
    if (!client) throw new MastodonError('login_restart', { instance: instance.host });
    const answer = await this.network.post(instance.tokenEndpoint, {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: client.clientId,
      client_secret: client.clientSecret,
    });
    const tokens = readTokens(answer, instance.host);
    // An answer without one means that the old one stays good.
    const kept = { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken };
    await clients.rememberGrant(instance, kept.refreshToken, client);
    return kept;
  }

  /**
   * Tries the clients that this site had at the instance, the current one first: a server revokes a token only for the
   * client that it was issued to.
   * @throws MastodonError `revocation_unsupported`; `token_refused` when it was for none of them; and like every request
   */
  async revoke(instance: Instance, accessToken: string): Promise<void> {
    if (!canRevokeTokens(instance.software))
      throw new MastodonError('revocation_unsupported', { instance: instance.host });
    for (const client of await this.credentials.clientsAt(instance)) {
      const answer = await sendRevocation(this.network, instance, client, accessToken);
      if (isRevoked(answer, instance.host)) return;
    }
    throw new MastodonError('token_refused', {
      instance: instance.host,
      cause: new Error('the token belongs to no client that this site has there'),
    });
  }
}

/** @returns false where another client may be the one to ask with */
export function isRevoked({ status }: Answer, instance: string): boolean {
  if (status >= 200 && status < 300) return true;
  const cause = new Error(`the revocation endpoint answered ${status}`);
  if (status === 404 || status === 405 || status === 501) {
    throw new MastodonError('revocation_unsupported', { instance, cause });
  }
  if (status === 429 || status >= 500) throw new MastodonError('instance_unreachable', { instance, cause });
  return false;
}

function sendRevocation(
  network: Network,
  instance: PinnedInstance,
  client: Client,
  token: string,
): Promise<Answer> {
  if (instance.revocationEndpoint === undefined) {
    throw new MastodonError('revocation_unsupported', { instance: instance.host });
  }
  const { clientId, clientSecret } = client;
  return network.post(instance.revocationEndpoint, {
    token,
    client_id: clientId,
    client_secret: clientSecret,
  });
}

/** Best effort, after a login and not in its way: nobody is told of a failure. */
export async function revokeQuietly(
  network: Network,
  instance: PinnedInstance,
  client: Client,
  accessToken: string,
): Promise<void> {
  if (!canRevokeTokens(instance.software) || instance.revocationEndpoint === undefined) return;
  await sendRevocation(network, instance, client, accessToken).catch(() => undefined);
}
