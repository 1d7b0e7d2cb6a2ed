/** Starts a testing instance, and stands in for the visitor's browser at it. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Checks } from '../util/checks.js';
import type { KeyValueStore } from '../options.js';
import { parsedURL } from '../util/url.js';
import { accountsOf, type AccountOptions, type TestAccount } from './accounts.js';
import type { Self } from './documents.js';
import { OAuth, type Question } from './oauth.js';
import { Posts } from './posts.js';
import { route } from './routes.js';
import { listenOnLoopback, once, serve } from './server.js';
import { softwareOf } from './software.js';
import type * as urlClients from './url-clients.js';

/** `undefined` means the default. */
export interface InstanceOptions {
  /**
   * What the instance says it runs, and some of the habits that come with it: `mastodon`, `hollo`, `gotosocial`,
   * `pleroma`, `akkoma`, `pixelfed`, `friendica` and `misskey` are known (metadata, scopes, refresh tokens, API). Any
   * other has the newest Mastodon's; as `{ name }`, if its name is nearly one of these. Default `mastodon`.
   */
  readonly software?: string | { readonly name: string; readonly version?: string };
  /**
   * For `misskey`, which fetches a page of the site (`clientMetadataURL`): the public origin in that URL, and where the site is
   * found on this machine, as in `{ 'https://example.com': 'http://localhost:3000' }`. Default: no site is.
   */
  readonly sites?: Readonly<Record<string, string>>;
  /** Who lives there; a text is a user name. Default: three people, one of them with a hostile display name. */
  readonly accounts?: readonly (string | AccountOptions)[];
  /** Everybody says no to every site. Default false. */
  readonly deny?: boolean;
  /** Default 0: any free one. */
  readonly port?: number;
  /** `localhost` (default), `127.0.0.1` or `[::1]`. Nothing else: whoever reaches it may be anybody there. */
  readonly hostname?: string;
  /** Stands in the head of its pages. Default `Testing instance`. */
  readonly title?: string;
  /** Where apps, codes and tokens are kept, if they are to outlive the process. Default: in memory. */
  readonly store?: KeyValueStore;
}

const optionNames: ReadonlyArray<keyof InstanceOptions> = [
  ...(['software', 'sites', 'accounts', 'deny', 'port', 'hostname', 'title', 'store'] as const),
];

/** Who says yes. */
export interface ApproveOptions {
  /** The user name of who signs in. Default: the first account. */
  readonly as?: string;
}

/** An instance that runs. */
export interface TestInstance {
  /** `http://localhost:49152`: what belongs into the strategy's `developmentInstances`. */
  readonly origin: string;
  /** `localhost:49152`: what a visitor types. */
  readonly host: string;
  readonly accounts: readonly TestAccount[];
  /**
   * Signs in and consents, without a browser.
   * @param redirectURL where the site sent the visitor: the `Location` of its answer
   * @returns the address that the instance sends the visitor back to: the site's callback, with `code` and `state`
   * @throws Error when a real instance would have kept the visitor on a page of its own; the message says why
   */
  approve(redirectURL: string | URL, options?: ApproveOptions): Promise<string>;
  /** The visitor says no. Otherwise as `approve`. */
  deny(redirectURL: string | URL): Promise<string>;
  /** The instance forgets all apps, codes and tokens, as one that was installed anew. */
  forgetApps(): void;
  /** Ends it, with all connections. */
  close(): Promise<void>;
}

/**
 * A small instance of the fediverse on loopback, that a site's tests can log in at: `const instance = await
 * startInstance()`. Its judgement is that of the strictest real servers; what it lacks is everything but the login.
 * @throws TypeError for an unknown option, software whose name is misspelt, a hostname that is not loopback's, or accounts that cannot be told apart
 */
export async function startInstance(options: InstanceOptions = {}): Promise<TestInstance> {
  new Checks('startInstance').options(options, optionNames);
  const { hostname = 'localhost', port = 0, title = 'Testing instance', deny = false } = options;
  const accounts = accountsOf(options.accounts);
  const software = softwareOf(options.software ?? 'mastodon');
  const urlClients = software.isMisskey ? urlClientsOf(options.sites) : undefined;
  const server = await listenOnLoopback(hostname, port);
  const name = hostname === '::1' ? '[::1]' : hostname;
  const origin = `http://${name}:${(server.address() as AddressInfo).port}`;
  const self: Self = { origin, host: new URL(origin).host, title, software, accounts };
  const store = options.store ?? new Map<string, unknown>();
  const oauth = new OAuth(origin, software, store, urlClients);
  const posts = new Posts(self);
  serve(server, self.host, (incoming) => route({ self, oauth, posts, deny }, incoming));

  const ask = async (redirectURL: string | URL): Promise<Question> => {
    const url = parsedURL(String(redirectURL));
    if (!url) {
      throw new Error(
        `${JSON.stringify(String(redirectURL))} is not the authorization page of ${origin}: the site has not sent the visitor there`,
      );
    }
    if (url.origin !== origin || url.pathname !== '/oauth/authorize') {
      throw new Error(`${url.origin}${url.pathname} is not the authorization page of ${origin}`);
    }
    const question = await oauth.readQuestion(once(url.searchParams));
    if (typeof question !== 'string') return question;
    throw new Error(`The instance would have kept the visitor on a page of its own: ${question}`);
  };

  return {
    origin,
    host: self.host,
    accounts,
    async approve(redirectURL, { as = accounts[0]?.username ?? '' } = {}) {
      const question = await ask(redirectURL);
      if (!accounts.some(({ username }) => username === as))
        throw new Error(`${self.host} has no account "${as}"`);
      return deny ? oauth.deny(question) : oauth.grant(question, as);
    },
    deny: async (redirectURL) => oauth.deny(await ask(redirectURL)),
    forgetApps: () => oauth.forget(),
    close: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** Loads the client of HTTP, which only an instance of Misskey needs: it fetches what its clients say of themselves. */
function urlClientsOf(sites: InstanceOptions['sites']): urlClients.URLClients {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- import() fails in a CommonJS test of Jest
  const { URLClients } = require('./url-clients.js') as typeof urlClients;
  return new URLClients(sites);
}
