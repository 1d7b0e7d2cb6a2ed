/** The second half of a login: answer → transaction → token → account → profile. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';
import { inItsScript } from '../discovery/address.js';
import type { Credentials } from '../client/credentials.js';
import type { Policy } from '../discovery/policy.js';
import { Scout } from '../discovery/scout.js';
import { Budget } from '../http/budget.js';
import { Gate } from '../http/gate.js';
import type { Network } from '../http/network.js';
import type { LoginTransaction, Settings } from '../options.js';
import { fetchAccount } from './account.js';
import type { BrowserLogins } from './begun-logins.js';
import {
  assertSameInstance,
  codeOf,
  instanceInPath,
  readCallback,
  type CallbackParams,
  type Target,
} from './response.js';
import type { Extras, FinishedWithScope } from './door.js';
import { exchange, type Exchanged } from './exchange.js';
import { revokeQuietly } from './kept-tokens.js';
import { profileOf, type MastodonProfile } from './profile.js';
import { isLiveTransaction } from './transaction.js';

export class Completions {
  private readonly gate: Gate;
  /** Nobody waits for these, so an instance that never answers must not collect them. */
  private readonly revocations: Gate;

  constructor(
    private readonly network: Network,
    private readonly policy: Policy,
    private readonly credentials: Credentials,
    private readonly settings: Settings,
    private readonly audience: string,
  ) {
    const { maxConcurrentCallbacks, maxConcurrentCallbacksPerInstance, maxWaiting, timeoutMs } =
      settings.outbound;
    this.gate = new Gate({
      inAll: maxConcurrentCallbacks,
      perInstance: maxConcurrentCallbacksPerInstance,
      waiting: maxWaiting,
      waitMs: timeoutMs,
    });
    this.revocations = new Gate({ inAll: 64, perInstance: 4, waiting: maxWaiting, waitMs: timeoutMs });
  }

  /** Waiting and work share one budget, as at the start. @throws MastodonError with the application's state */
  async run(answer: Target, logins: BrowserLogins, extras: Extras): Promise<FinishedWithScope> {
    const params = readCallback(answer);
    const host = instanceInPath(answer);
    const budget = new Budget(this.settings.outbound.loginTimeoutMs);
    const network = this.network.within(budget);
    // Taken only when there is room to finish it: who is turned away here can open the same address again.
    const work = async () => {
      const login = await this.take(logins, params, host);
      try {
        const { exchanged, profile } = await this.complete(network, logins, login, params, host, extras);
        return {
          ...exchanged.tokens,
          profile,
          state: login.applicationState,
          askedScope: login.scope,
          revoke: () => this.revokeLater(login, exchanged),
        };
      } catch (error) {
        throw error instanceof MastodonError ? told(error, login) : error;
      }
    };
    return this.gate.run(host, work, budget);
  }

  /** Best effort, after the login and not in its way. */
  private revokeLater({ instance }: LoginTransaction, { client, tokens }: Exchanged): void {
    const work = () => revokeQuietly(this.network, instance, client, tokens.accessToken);
    void this.revocations.run(instance.host, work).catch(() => undefined);
  }

  private async complete(
    network: Network,
    logins: BrowserLogins,
    login: LoginTransaction,
    params: CallbackParams,
    hostInPath: string,
    extras: Extras,
  ): Promise<{ exchanged: Exchanged; profile: MastodonProfile }> {
    const { instance } = login;
    assertSameInstance(login, params, hostInPath);
    await this.policy.assertAllowed(instance.host);
    if (extras.isWanted && !(await extras.isWanted(login.applicationState))) {
      throw new MastodonError('login_expired', { cause: new Error('nobody waits for this login any more') });
    }
    const exchanged = await this.exchange(network, login, params, extras).catch(async (error: unknown) => {
      // The instance knows the client: nothing is suspicious about this browser's next login.
      if (error instanceof MastodonError && knowsTheClient.has(error.code))
        await logins.finished(instance.host);
      throw error;
    });
    const [account] = await Promise.all([
      fetchAccount(network, instance, exchanged.tokens.accessToken),
      this.credentials.codes.after(instance, exchanged.client),
    ]);
    // The instance names the domain of its handles: that one is asked under the rules of a start.
    const scout = new Scout(network, instance.origin, async (host) => this.policy.assertAllowed(host));
    const profile = await profileOf(scout, this.settings.developmentOrigins, instance, account);
    if (exchanged.tokens.refreshToken !== undefined) {
      await this.credentials.clients.rememberGrant(instance, exchanged.tokens.refreshToken, exchanged.client);
    }
    await logins.finished(instance.host);
    return { exchanged, profile };
  }

  private async exchange(
    network: Network,
    login: LoginTransaction,
    params: CallbackParams,
    extras: Extras,
  ): Promise<Exchanged> {
    const code = codeOf(params, login.instance.host);
    return exchange(network, this.credentials, login, code, extras.token ?? {});
  }

  /** Taken out before anything is sent, so that nothing can be tried twice with it. */
  private async take(logins: BrowserLogins, params: CallbackParams, host: string): Promise<LoginTransaction> {
    if (params.state !== undefined) {
      const login = await logins.take(params.state);
      const why = problemWith(login, this.audience);
      if (login && why === undefined) return login;
      throw new MastodonError('login_expired', { cause: new Error(why) });
    }
    // Hollo reports a denial without `state`. It is believed only of a browser that began a login there.
    const begun = params.error === 'access_denied' && host !== '' ? await logins.unfinished(host) : undefined;
    if (begun) {
      const state = await begun.applicationState?.();
      throw new MastodonError('access_denied', { instance: host, state });
    }
    throw new MastodonError('login_expired', { cause: new Error('the answer has no state') });
  }
}

/** How a login ends of which the person saw more than an error page of the instance. */
const knowsTheClient: ReadonlySet<MastodonErrorCode> = new Set([
  'access_denied',
  'token_refused',
  'response_invalid',
]);

/** In the words of the person who began the login, and with the site's own state of it. */
function told(
  error: MastodonError,
  { instance, isInItsScript, applicationState }: LoginTransaction,
): MastodonError {
  const typedInstance =
    isInItsScript === true && error.instance === instance.host ? inItsScript(instance.host) : undefined;
  return error.with({ typedInstance, state: applicationState });
}

function problemWith(login: LoginTransaction | undefined, audience: string): string | undefined {
  if (!login) return 'the site’s own state store has no such login for this browser';
  if (!isLiveTransaction(login)) return 'the login has expired';
  return login.audience === audience ? undefined : 'the login was begun for another site or strategy';
}
