/** An OpenID provider whose visitors log in at any instance. `createIssuer` loads the package oidc-provider. */

// From version 6, TypeScript includes only the types that are named.
/// <reference types="node" preserve="true" />

import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { MastodonLogin } from '../login/login.js';
import type { Router } from '../pages/router.js';
import { Store } from '../store.js';
import { clientAddress } from '../util/client-address.js';
import { StoreAdapter } from './adapter.js';
import { checks, withAdvice } from './client-options.js';
import { hasMetadataDocument } from './client-names.js';
import { configurationOf } from './configuration.js';
import { IssuerCookies } from './cookies.js';
import { ClientDocuments } from './documents.js';
import { Interactions } from './interactions.js';
import { Keyring, type KeySet } from './keys.js';
import { AuthenticationLimit } from './limits.js';
import { IssuerLogins } from './logins.js';
import { askForConsent, endTokensAtLogout, keepSessionCookies, paceDevices } from './middleware.js';
import { loadOIDCProvider, type Adapter, type KoaContextWithOIDC, type Provider } from './oidc-provider.js';
import { lifetimes, readIssuerOptions, type IssuerOptions, type IssuerSettings } from './options.js';
import { routerOf, type Running } from './router.js';
import { Sessions } from './sessions.js';
import type { Shared } from './shared.js';
import { IssuerStore } from './store.js';
import { endWithoutSession, guardPages, keepUserCode } from './views.js';

export type { IssuerEvent } from '../events.js';
export type { IssuerClient, PlaceholderEmail } from './client-options.js';
export type { IssuerLog, IssuerOptions } from './options.js';
export type { Router } from '../pages/router.js';

export interface Issuer {
  /**
   * Serves the URLs of the issuer below `issuerURL`. Other requests go to `next`, or get a page with 404. Without `next`, a proxy
   * in front may remove the path of `issuerURL`.
   */
  readonly router: Router;
  /**
   * Adds a signing key for all processes on the same store. The key set has it at once, it signs five minutes later, and the
   * old key stays in the key set for another day. Users stay logged in.
   * @returns when the new key begins to sign
   * @throws MastodonError `store_failed`, `timeout`
   */
  rotateKeys(): Promise<Date>;
  /**
   * Logs a person out of the issuer everywhere: ends their sessions and tokens, refresh tokens and devices included.
   * @param subject the `sub` that clients know: `https://mastodon.social#7112`
   * @throws TypeError for other text, such as a handle
   * @throws MastodonError `store_failed`
   */
  endLogins(subject: string): Promise<void>;
  /** From now on the router answers 503. */
  close(): Promise<void>;
}

/**
 * Creates an OpenID provider whose visitors log in at their instances. Resolves when the signing keys are in the store.
 * @throws TypeError that names the option at fault
 * @throws Error if oidc-provider is not installed, or the keys in the store were encrypted with another `secret`
 * @throws MastodonError `store_failed` or `timeout` if the keys can be neither read nor written
 * @example
 * const issuer = await createIssuer({ issuerURL: 'https://login.example.com', clientName: 'My login', clients, store });
 * createServer(issuer.router).listen(8080);
 */
export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  const settings = readIssuerOptions(options);
  const { issuerURL, loginSettings } = settings;
  // Without a store, the login has a memory of its own, from which floods of requests to the issuer drop nothing.
  const login = new MastodonLogin(settings.login, checks);
  const oidc = await loadOIDCProvider();

  const backend = new Store(options.store, loginSettings.outbound.timeoutMs);
  const endingTtlMs = (settings.longestTtl + lifetimes.expired) * 1000;
  const store = new IssuerStore(backend, issuerURL, settings.secret, endingTtlMs);
  const keyring = new Keyring(store);
  await keyring.open();
  if (backend.isShared && settings.secret === undefined) settings.log('warning', { hint: withoutSecret });

  // oidc-provider has no context for the middleware around it.
  const requests = new AsyncLocalStorage<IncomingMessage>();
  const address = () => {
    const req = requests.getStore();
    return req && clientAddress(req, settings.trustedProxies);
  };
  const cookies = new IssuerCookies(issuerURL, () => keyring.current().cookieKeys);
  const documents = new ClientDocuments(loginSettings, store, address);
  const authentication = new AuthenticationLimit(oidc, address);
  const shared: Shared = {
    ...{ oidc, settings, login, store, keyring, cookies, documents, authentication, address },
  };

  const sessions = new Sessions(shared);
  const adapters = new Map<string, Adapter>([['Session', sessions]]);
  const adapter = (model: string): Adapter => {
    const known = adapters.get(model) ?? new StoreAdapter(shared, model);
    adapters.set(model, known);
    return known;
  };
  const interactions = new Interactions(shared, () => now().provider);
  const middleware = [
    guardPages,
    keepUserCode,
    askForConsent(shared),
    keepSessionCookies(shared, sessions),
    endTokensAtLogout(shared),
    endWithoutSession,
    paceDevices(),
    authentication.middleware,
  ];
  const build = (keySet: KeySet): Running => {
    const configuration = configurationOf(shared, keySet, adapter, interactions);
    const provider = new oidc.Provider(issuerURL, configuration);
    provider.proxy = true;
    const { compareClientSecret } = provider.Client.prototype;
    provider.Client.prototype.compareClientSecret = function (given) {
      authentication.check(this.clientId);
      return compareClientSecret.call(this, given);
    };
    for (const one of middleware) provider.use(one);
    logFailures(provider, settings);
    provider.on('grant.success', ({ oidc: { client } }) => {
      if (client && hasMetadataDocument(client)) void documents.remember(client);
    });
    return { keySet: keySet.id, provider, answer: provider.callback() };
  };
  let running = build(keyring.current());
  const now = (): Running => {
    const keySet = keyring.current();
    // oidc-provider reads its keys once. All its state is in the store, so a new provider can replace it.
    if (keySet.id !== running.keySet) running = build(keySet);
    return running;
  };
  await checkClients(running.provider, settings);

  let isClosed = false;
  const logins = new IssuerLogins(shared, interactions);
  const router = routerOf(shared, logins, interactions, now, () => isClosed);
  return {
    router: (req, ...others) => requests.run(req, router, req, ...others),
    rotateKeys: () => keyring.rotate(),
    async endLogins(subject) {
      // No account has another `sub`, such as a handle: the call would end nothing.
      if (!/^https?:\/\/[^/#]+#./.test(subject))
        checks.wrong('the subject of endLogins', 'be a sub, such as https://mastodon.social#7112', subject);
      await store.end(['PersonEnded', subject]);
    },
    async close() {
      isClosed = true;
    },
  };
}

const withoutSecret =
  'the option secret is not set: a reader of the store can take the signing keys and sign ID tokens. Set it to the output of ' +
  'openssl rand -hex 32, the same in all processes';

const refusals = ['authorization', 'grant', 'device_authorization', 'end_session', 'revocation'].map(
  (endpoint) => `${endpoint}.error`,
);

type RefusedRequest = {
  readonly error: string;
  readonly error_description?: string;
  readonly error_detail?: string;
};

/** Codes of refusals that are part of normal logins. */
const normalRefusals: ReadonlySet<string> = new Set([
  'access_denied',
  'authorization_pending',
  'consent_required',
  'login_required',
]);

/** A reason may quote what was sent. */
function shownReason(reason: string): string {
  return reason.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 200);
}

/** Logs failures, and refusals of clients with what to set. */
function logFailures(provider: Provider, { log }: IssuerSettings): void {
  const events = provider as EventEmitter;
  events.on('server_error', (_ctx, error: unknown) => log('failed', { error }));
  events.on('error', (error: NodeJS.ErrnoException, ctx?: { readonly req: IncomingMessage }) => {
    // The client closed the connection, or sent a broken request.
    const isClients = ctx?.req.socket.destroyed && /^(?:HPE_|ECONN|EPIPE)/.test(String(error.code));
    if (!isClients) log('failed', { error });
  });
  for (const event of refusals) {
    events.on(event, (ctx: KoaContextWithOIDC, { error: code, ...texts }: RefusedRequest) => {
      if (normalRefusals.has(code)) return;
      const client = ctx.oidc?.client?.clientId;
      const reason = texts.error_detail ?? texts.error_description;
      log('client_refused', {
        code,
        ...(client !== undefined && { client }),
        ...(reason !== undefined && { reason: withAdvice(shownReason(reason)) }),
      });
    });
  }
}

/** oidc-provider checks a client when it is first used. */
async function checkClients(provider: Provider, { clients }: IssuerSettings): Promise<void> {
  for (const [i, { client_id: id }] of clients.entries()) {
    try {
      await provider.Client.find(id);
    } catch (error) {
      const { error_description: description, message } = error as Error & { error_description?: string };
      throw new TypeError(`createIssuer: clients[${i}] (${id}): ${withAdvice(description ?? message)}`, {
        cause: error,
      });
    }
  }
}
