/** An issuer on its own server, clients with an independent OpenID library, and their visitors. */

import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import * as openid from 'openid-client';
import { createIssuer, type Issuer, type IssuerClient, type IssuerOptions } from '../../lib/issuer';
import { Keyring } from '../../lib/issuer/keys';
import { loadOIDCProvider } from '../../lib/issuer/oidc-provider';
import { IssuerStore } from '../../lib/issuer/store';
import { Keyv } from 'keyv';
import type { KeyValueStore } from '../../lib/options';
import { Store } from '../../lib/store';
import type { Certificate } from '../support/certificate';
import { listenLocally } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';

export interface IssuerStage {
  readonly issuerURL: string;
  readonly origin: string;
  readonly issuer: Issuer;
  /** The log events, in order. */
  readonly events: [event: string, fields: Readonly<Record<string, unknown>>][];
  close(): Promise<void>;
}

/** oidc-provider prints a warning on Node.js 20. */
beforeAll(async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  await loadOIDCProvider();
  warn.mockRestore();
});

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});

/** The redirect URI of the clients. Nothing listens there. */
export const redirectURI = 'http://client.localhost:1/callback';

export const shop: IssuerClient = {
  client_id: 'shop',
  client_secret: 'the secret of the shop, which is long',
  client_name: 'The Shop',
  redirect_uris: [redirectURI],
};

export const app: IssuerClient = {
  client_id: 'app',
  client_name: 'An App',
  token_endpoint_auth_method: 'none',
  redirect_uris: [redirectURI],
};

export const television: IssuerClient = {
  client_id: 'television',
  client_name: 'A Television',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
};

export interface IssuerStageOptions extends Partial<IssuerOptions> {
  /** Path of the issuer's URL. */
  base?: string;
  /** Serve https with this certificate. */
  tls?: Certificate;
  /**
   * Makes the issuer generate its own keys, which takes half a second, in memory unless a store is given. Default
   * false.
   */
  isFirstStart?: boolean;
  /** Handles the server's requests in place of the router. */
  serve?: (issuer: Issuer) => RequestListener;
}

export async function anIssuer(
  instances: readonly StandIn[],
  { base = '', tls, serve, isFirstStart = false, ...options }: IssuerStageOptions = {},
): Promise<IssuerStage> {
  const server = tls ? createSecureServer({ ...tls }) : createServer();
  const origin = `${tls ? 'https' : 'http'}://localhost:${await listenLocally(server)}`;
  open.push({ close: () => void (server.listening && server.close()) });
  const events: IssuerStage['events'] = [];
  const store = options.store ?? (isFirstStart ? undefined : new Keyv());
  if (store && !isFirstStart) await giveKeys(store, options.issuerURL ?? origin + base, options.secret);
  const issuer = await createIssuer({
    issuerURL: origin + base,
    clientName: 'An issuer under test',
    developmentInstances: instances.map((instance) => instance.origin),
    clients: [shop, app, television],
    deviceFlow: true,
    log: ({ event, ...fields }) => events.push([event, fields]),
    ...options,
    store,
  });
  server.on('request', serve?.(issuer) ?? issuer.router);
  const stage: IssuerStage = {
    issuerURL: options.issuerURL ?? origin + base,
    origin,
    issuer,
    events,
    async close() {
      await issuer.close();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  open.push(stage);
  return stage;
}

let keys: Promise<object> | undefined;

/** One set of keys for all issuers of a test file, as if each had been started before. */
export async function giveKeys(backend: KeyValueStore, issuerURL: string, secret?: string): Promise<void> {
  const store = new IssuerStore(new Store(backend, 1000), issuerURL, secret);
  if (!(await store.has(['keys']))) await store.set(['keys'], await (keys ??= madeKeys()));
}

async function madeKeys(): Promise<object> {
  const store = new IssuerStore(new Store(undefined, 1000), 'https://login.example');
  await new Keyring(store).open();
  return (await store.get(['keys'])) as object;
}

/** A client that has read the issuer's discovery document. */
export async function discover(
  { issuerURL }: { issuerURL: string },
  client: IssuerClient = shop,
): Promise<openid.Configuration> {
  const { client_id: id, client_secret: secret } = client;
  const method = secret === undefined ? openid.None() : openid.ClientSecretBasic(secret);
  return openid.discovery(new URL(issuerURL), id, {}, method, { execute: [openid.allowInsecureRequests] });
}

/** One authorization request: its URL, and the values for checking the response. */
export interface Asked {
  readonly config: openid.Configuration;
  readonly url: URL;
  readonly checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string };
}

export async function ask(
  config: openid.Configuration,
  params: Readonly<Record<string, string>> = {},
): Promise<Asked> {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedState = openid.randomState();
  const expectedNonce = openid.randomNonce();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectURI,
    scope: 'openid profile',
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...params,
  });
  return { config, url, checks: { pkceCodeVerifier, expectedState, expectedNonce } };
}

/** The page that an authorization request leads to, without leaving the issuer. */
export async function openPage(visitor: Visitor, url: URL | string): Promise<Page> {
  return visitor.follow(await visitor.get(String(url)));
}

/** Every form of a page: its action and its fields. */
export function formsOf(page: Page): { action: string; fields: Record<string, string>; text: string }[] {
  return [...page.text.matchAll(/<form[^>]* method="post"([^>]*)>(.*?)<\/form>/gs)].map(
    ([, head = '', inner = '']) => {
      const fields = [...inner.matchAll(/<input([^>]*)>/g)].map(([, input = '']) => [
        / name="([^"]*)"/.exec(input)?.[1] ?? '',
        unescaped(/ value="([^"]*)"/.exec(input)?.[1] ?? ''),
      ]);
      const action = /action="([^"]*)"/.exec(head)?.[1];
      return {
        action: action === undefined ? page.url : new URL(unescaped(action), page.url).href,
        fields: Object.fromEntries(fields) as Record<string, string>,
        text: inner,
      };
    },
  );
}

function unescaped(text: string): string {
  return text.replace(/&#(\d+);/g, (_match, code: string) => String.fromCharCode(Number(code)));
}

/** Presses a button of a page: submits the form that contains `text`. */
export async function press(
  visitor: Visitor,
  page: Page,
  fields: Readonly<Record<string, string>> = {},
  text = '',
): Promise<Page> {
  const form = formsOf(page).find((one) => one.text.includes(text));
  if (!form) throw new Error(`No form "${text}" at ${page.url} (${page.status}): ${page.text}`);
  return visitor.post(form.action, { ...form.fields, ...fields });
}

/** Types the instance on the login page, consents there, and returns; the last URL is the client's. */
export async function logInAt(
  visitor: Visitor,
  page: Page,
  instance: { readonly host: string },
  as = 'alice',
): Promise<Page> {
  const left = await press(visitor, page, { instance: instance.host, action: 'login' }, 'name="instance"');
  if (left.location === undefined) throw new Error(`Not sent away: ${left.status} ${left.text}`);
  return visitor.follow(await visitor.get(await visitor.approve(left.location, { as })));
}

/** The client's URL that the issuer redirects the visitor to. */
export function answerOf(page: Page): URL {
  if (page.location === undefined) throw new Error(`Not sent back: ${page.status} ${page.url} ${page.text}`);
  return new URL(page.location);
}

/** The error in an authorization response. */
export async function errorAt(visitor: Visitor, url: URL | string): Promise<string | null> {
  return answerOf(await openPage(visitor, url)).searchParams.get('error');
}

/** A whole login: the tokens and their claims. */
export async function logIn(
  stage: { issuerURL: string },
  instance: { readonly host: string },
  {
    client = shop,
    as = 'alice',
    visitor = new Visitor(),
    params = {} as Readonly<Record<string, string>>,
  } = {},
) {
  const config = await discover(stage, client);
  const asked = await ask(config, params);
  const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance, as));
  const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
  return { config, asked, answer, tokens, visitor, claims: tokens.claims() };
}

/** An instance, an issuer in front of it and a visitor. */
export async function aStage(options: Parameters<typeof anIssuer>[1] = {}) {
  const instance = await anInstance();
  const stage = await anIssuer([instance], options);
  return { instance, stage, visitor: new Visitor() };
}
