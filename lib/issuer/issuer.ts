/** `createIssuer`: the login in front of which an OpenID provider stands. */

import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonLogin } from '../login/login.js';
import { MemoryStore } from '../memory-store.js';
import { Network } from '../http/network.js';
import { readOptions } from '../options.js';
import { notFoundPage, sendPage } from '../pages/page.js';
import { sendScript } from '../pages/script.js';
import { Store } from '../store.js';
import { Accounts } from './accounts.js';
import { StoreAdapter } from './adapter.js';
import { guardPages, keepUserCode } from './answers.js';
import { Bindings } from './bindings.js';
import { configurationOf, lifetimes, longestOf, type Parts } from './configuration.js';
import { IssuerCookies } from './cookies.js';
import { devicePace } from './device-pace.js';
import { documentFetch } from './documents.js';
import { IssuerHints } from './hints.js';
import { Interactions } from './interactions.js';
import { Keyring, type KeySet } from './keys.js';
import { loadLibrary, type Provider } from './library.js';
import { Logins } from './logins.js';
import { issuerChecks, readIssuerOptions, type IssuerOptions, type IssuerSettings } from './options.js';
import { clientErrorPage, expiredPage, failedPage, goneRequestPage } from './pages.js';
import { beforeAnswering, longestRequest, PostedRequests } from './posted.js';
import { RecordKeys } from './records.js';
import { routeOf, type Route } from './route.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

export interface Issuer {
  /** Serves the issuer's own addresses below `issuerURL`; anything else is `next`'s, or 404. */
  readonly router: Router;
  /**
   * Adds a signing key for all processes on the same store. It signs five minutes later, when all of them know it; the
   * old one is shown for another day. Nobody is logged out.
   * @returns when the new key begins to sign
   * @throws MastodonError `store_failed`, `timeout`
   */
  rotateKeys(): Promise<Date>;
  /** Nothing is accepted any more. */
  close(): Promise<void>;
}

/**
 * An OpenID provider behind which people log in at their instances. Resolves when its signing keys are there.
 * @throws TypeError that names the option at fault; Error when oidc-provider is not installed; MastodonError
 *   `store_failed` or `timeout` when the keys can be neither read nor made
 */
export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  const settings = readIssuerOptions(options);
  const login = new MastodonLogin(settings.login, issuerChecks);
  // Without a store of its own the login has a memory that floods of requests here push nothing out of.
  const backend = options.store ?? new MemoryStore();
  const network = readOptions({ ...settings.login, store: backend }, issuerChecks);
  const library = await loadLibrary();

  const store = new Store(backend, network.outbound.timeoutMs);
  const keys = new RecordKeys(settings.issuerURL);
  const keyring = new Keyring(store, keys);
  await keyring.open();

  const cookies = new IssuerCookies(settings.issuerURL);
  const accounts = new Accounts(store, keys, longestOf(settings) * 1000);
  const bindings = new Bindings(store, keys, lifetimes.interaction * 1000);
  const posted = new PostedRequests(store, keys);
  const hints = new IssuerHints(settings.issuerURL);
  const basePath = new URL(settings.issuerURL).pathname.replace(/\/$/, '');
  const adapterOptions = {
    ...{ store, keys },
    longestOfGrant: longestOf(settings),
    alreadyUsed: () => new library.errors.InvalidGrant('already used'),
  };
  const parts: Omit<Parts, 'keySet'> = {
    ...{ library, settings, cookies, accounts },
    fetch: documentFetch(new Network(network)),
    adapter: (model) => new StoreAdapter(adapterOptions, model),
    async loginURL({ req, res }, uid) {
      await bindings.bind(uid, cookies.giveBrowserKey(req, res));
      return `${basePath}/login/${uid}`;
    },
  };
  const pace = devicePace(store, keys);
  const build = (keySet: KeySet): Running => {
    const provider = new library.Provider(settings.issuerURL, configurationOf({ ...parts, keySet }));
    provider.proxy = true;
    provider.use(guardPages).use(keepUserCode).use(pace);
    provider.on('server_error', (_ctx, error) => settings.log('failed', { error }));
    (provider as EventEmitter).on('error', (error: Error, ctx?: { readonly req: IncomingMessage }) => {
      if (!isOfConnection(error, ctx?.req)) settings.log('failed', { error });
    });
    return { keySet: keySet.id, provider, answer: provider.callback() };
  };

  let running = build(keyring.current());
  const now = (): Running => {
    const keySet = keyring.current();
    // The library takes its keys once. All its state is in the store, so that another one takes its place unnoticed.
    if (keySet.id !== running.keySet) running = build(keySet);
    return running;
  };
  await checkClients(running.provider, settings);

  const interactions = new Interactions(() => now().provider);
  const logins = new Logins({
    ...{ settings, login, interactions, accounts, bindings, cookies, hints },
    developmentOrigins: network.developmentOrigins,
  });
  const serve = async (
    route: Exclude<Route, { name: 'button' }>,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> => {
    if (route.name === 'login') return logins.page(req, res, route.uid);
    if (route.name === 'client') {
      const { status, headers, body } = login.clientMetadata.answer(req.method, `/${route.host}`);
      return void res.writeHead(status, headers).end(body);
    }
    if (route.name === 'callback') return logins.callback(req, res, route.answer);
    if (route.uid !== undefined && !(await bindings.find(route.uid, cookies.browserKey(req)))) {
      return sendPage(res, expiredPage());
    }
    const asked = await posted.read(req, route.url);
    if (asked === 'gone') return sendPage(res, goneRequestPage());
    if (asked === 'too long') {
      const page = clientErrorPage(414, 'invalid_request', `longer than ${longestRequest} characters`);
      return sendPage(res, page);
    }
    if (asked === 'no form') {
      return sendPage(res, clientErrorPage(415, 'invalid_request', 'what is posted has to be a form'));
    }
    if ('redirect' in asked) {
      return void res.writeHead(303, { location: settings.issuerURL + asked.redirect }).end();
    }
    // Who logs requests as they are answered has the address that was asked for.
    const { url: address, originalUrl } = req as IncomingMessage & { originalUrl?: string };
    beforeAnswering(res, () => Object.assign(req, { url: address, originalUrl }));
    asPublished(req, asked.url, settings.issuerURL, basePath);
    await now().answer(req, res);
  };
  return {
    router(req, res, next) {
      const route = routeOf(req, basePath);
      if (route?.name === 'button' && sendScript(res, route.file, req.method)) return;
      // Other files below the same name are the application's.
      if (!route || route.name === 'button') return next ? next() : sendPage(res, notFoundPage());
      hints.routed(req);
      serve(route, req, res).catch((error: unknown) => {
        const isClients = error instanceof library.errors.OIDCProviderError && error.status < 500;
        if (!isClients) settings.log('failed', { error });
        if (res.headersSent) res.destroy();
        else if (isClients) sendPage(res, clientErrorPage(400, error.error, error.error_description));
        else
          sendPage(res, failedPage(500, 'Something went wrong on our side. Please try again in a moment.'));
      });
    },
    rotateKeys: () => keyring.rotate(),
    close: async () => undefined,
  };
}

/** Whoever asked has gone, or broke the request off: anybody can do so, and nobody here can mend it. */
function isOfConnection(error: NodeJS.ErrnoException, req: IncomingMessage | undefined): boolean {
  return req?.socket.destroyed === true && /^(?:HPE_|ECONN|EPIPE)/.test(String(error.code));
}

interface Running {
  readonly keySet: string;
  readonly provider: Provider;
  readonly answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

/**
 * The request as it would be without proxies and mounting points in between. The library writes the addresses that it
 * is asked at into its documents: who may choose a `Host` header must not choose them.
 */
function asPublished(req: IncomingMessage, url: string, issuerURL: string, basePath: string): void {
  const { host, protocol } = new URL(issuerURL);
  req.url = url;
  (req as { originalUrl?: string }).originalUrl = basePath + url;
  req.headers.host = host;
  req.headers['x-forwarded-host'] = host;
  req.headers['x-forwarded-proto'] = protocol.slice(0, -1);
}

/** The library looks at a client only when it is first asked for; by then somebody wants to log in. */
async function checkClients(provider: Provider, { clients }: IssuerSettings): Promise<void> {
  for (const [i, { client_id: id }] of clients.entries()) {
    try {
      await provider.Client.find(id);
    } catch (error) {
      const { error_description: description, message } = error as Error & { error_description?: string };
      throw new TypeError(`createIssuer: clients[${i}] (${id}): ${description ?? message}`, { cause: error });
    }
  }
}
