/** Starts a testing instance, and consents or denies there for the visitor. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Checks } from '../util/checks.js';
import type { KeyValueStore } from '../options.js';
import { parsedURL } from '../util/url.js';
import { accountsOf, type AccountOptions, type TestAccount } from './accounts.js';
import type { Self } from './documents.js';
import { OAuth } from './oauth.js';
import type { Question } from './records.js';
import { Posts } from './posts.js';
import { refuse, route, type RunningInstance } from './routes.js';
import { listenOnLoopback, once, serve } from './server.js';
import { simulatedSoftware } from './software.js';
import type * as urlClients from './url-clients.js';

/** `undefined` means the default. */
export interface InstanceOptions {
  /**
   * The server software that is simulated: `mastodon`, `hollo`, `gotosocial`, `pleroma`, `akkoma`, `pixelfed`, `friendica`
   * or `misskey`, with its metadata, scopes, refresh tokens and API. Any other name behaves like the newest Mastodon.
   * `{ name }` accepts a name that resembles one of these. Default `mastodon`.
   */
  readonly software?: string | { readonly name: string; readonly version?: string };
  /**
   * For `misskey`, which fetches a page of the site (`clientMetadataURL`): the site's origin on this machine, by the public origin
   * in that URL, as in `{ 'https://example.com': 'http://localhost:3000' }`. Default: none.
   */
  readonly sites?: Readonly<Record<string, string>>;
  /** The accounts; a text is a user name. Default: three, one of them with a hostile display name. */
  readonly accounts?: readonly (string | AccountOptions)[];
  /** Every visitor denies every site. Default false. */
  readonly deny?: boolean;
  /** Default 0: any free port. */
  readonly port?: number;
  /** `localhost` (default), `127.0.0.1` or `[::1]`. No other: the instance has no passwords. */
  readonly hostname?: string;
  /** The title of its pages. Default `Testing instance`. */
  readonly title?: string;
  /** Keeps apps, codes and tokens beyond the process. Default: in memory. */
  readonly store?: KeyValueStore;
}

const optionNames: ReadonlyArray<keyof InstanceOptions> = [
  ...(['software', 'sites', 'accounts', 'deny', 'port', 'hostname', 'title', 'store'] as const),
];

/** The visitor who consents. */
export interface ApproveOptions {
  /** User name of the account. Default: the first account. */
  readonly as?: string;
}

/** A running instance. */
export interface TestInstance {
  /** `http://localhost:49152`: for the option `developmentInstances`. */
  readonly origin: string;
  /** `localhost:49152`: what a visitor types. */
  readonly host: string;
  readonly accounts: readonly TestAccount[];
  /**
   * Signs in and consents, without a browser.
   * @param redirectURL the `Location` of the site's redirect to the instance
   * @returns the URL of the site's callback, with `code` and `state`
   * @throws Error when a real instance would keep the visitor on a page of its own; the message says why
   */
  approve(redirectURL: string | URL, options?: ApproveOptions): Promise<string>;
  /** Like `approve`, but the visitor denies. */
  deny(redirectURL: string | URL): Promise<string>;
  /** Deletes all apps, codes and tokens, as a new installation does. */
  forgetApps(): void;
  /** Stops the instance and closes its connections. */
  close(): Promise<void>;
}

/**
 * Starts an instance on loopback that a site's tests can log in at. It checks requests as strictly as the strictest real
 * servers.
 * @throws TypeError for an unknown option, a misspelt name of software, a hostname outside loopback, or two accounts with one
 * name or ID
 * @example
 * const instance = await startInstance({ accounts: ['ada'] });
 * const callback = await instance.approve(location); // the site's redirect to the instance
 */
export async function startInstance(options: InstanceOptions = {}): Promise<TestInstance> {
  new Checks('startInstance').options(options, optionNames);
  const { hostname = 'localhost', port = 0, title = 'Testing instance', deny = false } = options;
  const accounts = accountsOf(options.accounts);
  const software = simulatedSoftware(options.software ?? 'mastodon');
  const clientReader = software.isMisskey ? urlClientsOf(options.sites) : undefined;
  const server = await listenOnLoopback(hostname, port);
  const origin = `http://${hostname}:${(server.address() as AddressInfo).port}`;
  const self: Self = {
    ...{ origin, host: new URL(origin).host, accountDomain: new URL(origin).host, title, software, accounts },
    actorOf: ({ username }) => `${origin}/users/${encodeURIComponent(username)}`,
    profileOf: ({ username }) => `${origin}/@${encodeURIComponent(username)}`,
  };
  const oauth = new OAuth(self, options.store ?? new Map<string, unknown>(), clientReader);
  const parts: RunningInstance = {
    ...{ self, oauth, posts: new Posts(self), deny },
    refuse: (refusal, reason) => refuse(self, refusal, reason),
  };
  serve(server, self.host, (incoming) => route(parts, incoming));

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
    if (!('refusal' in question)) return question;
    throw new Error(`The instance would have kept the visitor on a page of its own: ${question.reason}`);
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

/** Loads the HTTP client, which only a Misskey needs: it fetches the metadata of its clients. */
function urlClientsOf(sites: InstanceOptions['sites']): urlClients.URLClients {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- import() fails in a CommonJS test of Jest
  const { URLClients } = require('./url-clients.js') as typeof urlClients;
  return new URLClients(sites);
}
