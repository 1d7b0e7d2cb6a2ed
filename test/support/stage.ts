/** The beginning of most tests: servers that close by themselves, a login in its steps, answers without a network. */

import { MemoryStore } from 'express-session';
import type { KeyValueStore } from '../../lib/options.js';
import { startInstance, startSplitPair, type StandIn } from './instance.js';
import { startSite, type Site, type SiteOptions } from './site.js';
import { Visitor, type Page } from './visitor.js';

export { ExpiringStore, JSONStore, LockingStore } from './json-store.js';
export { aLogin, anInstanceRecord, answerOf, codeThrownBy, failureOf, leastOptions } from './records.js';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));

function closing<T extends { close(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

export async function anInstance(...args: Parameters<typeof startInstance>): Promise<StandIn> {
  return closing(await startInstance(...args));
}

export async function aSplitPair(...args: Parameters<typeof startSplitPair>) {
  return closing(await startSplitPair(...args));
}

export async function aSite(options: SiteOptions = {}): Promise<Site> {
  return closing(await startSite(options));
}

/** Another process of the same site: it listens at its own address, and its settings have the address of `site`. */
export async function anotherProcessOf(site: Site, options: SiteOptions): Promise<Site> {
  return aSite({ ...options, options: { ...options.options, callbackURL: site.callbackURL } });
}

/** The same URL at another process of the site, at which the visitor has the same cookies. */
export function atProcess(other: Site, visitor: Visitor, url: URL | string): string {
  const { origin } = new URL(url);
  visitor.jars.set(new URL(other.origin).host, new Map(visitor.jars.get(new URL(origin).host)));
  return String(url).replace(origin, other.origin);
}

/** A site of two processes with one store and one store of sessions, an instance and a visitor. */
export async function twoProcesses(
  store: KeyValueStore,
  persona: Parameters<typeof startInstance>[0] = 'mastodon45',
) {
  const instance = await anInstance(persona);
  const options = { instances: [instance], options: { store }, session: { store: new MemoryStore() } };
  const site = await aSite(options);
  return { instance, site, other: await anotherProcessOf(site, options), visitor: new Visitor() };
}

/** A site, an instance and a visitor. */
export async function aStage(
  persona: Parameters<typeof startInstance>[0] = 'mastodon45',
  options: SiteOptions = {},
) {
  const instance = await anInstance(persona);
  const site = await aSite({ instances: [instance], ...options });
  return { instance, site, visitor: new Visitor() };
}

/**
 * A stage whose visitor has consented at the instance. `callback` is not opened yet, the invalid-code check is over,
 * and later requests are the only ones in `instance.requests`.
 */
export async function aReturn(...args: Parameters<typeof aStage>) {
  const stage = await aStage(...args);
  return { ...stage, callback: await comeBackQuietly(stage) };
}

/** Like `comeBack`; the invalid-code check is over, and the instance has forgotten all requests so far. */
export async function comeBackQuietly({
  instance,
  site,
  visitor,
}: Pick<Awaited<ReturnType<typeof aStage>>, 'instance' | 'site' | 'visitor'>): Promise<URL> {
  const callback = await comeBack(visitor, site, instance.host);
  await codesAreChecked(instance);
  instance.resetRequests();
  return callback;
}

/** Types `typed` at the site; the page is a redirect to the instance, or a refusal. */
export function start(visitor: Visitor, site: { origin: string }, typed: string): Promise<Page> {
  return visitor.post(`${site.origin}/auth/mastodon`, { instance: typed });
}

/** What a page of the site says about a login: the user's name, or the code of the failure. */
export function outcomeOf(page: Page): string {
  const { user, code } = page.json() as { user?: { username: string }; code?: string };
  return user?.username ?? code ?? `status ${page.status}`;
}

/** The authorization URL to which the site redirects. */
export async function leave(visitor: Visitor, site: { origin: string }, typed: string): Promise<string> {
  const page = await start(visitor, site, typed);
  if (page.location === undefined) throw new Error(`Not sent away: ${page.status} ${page.text}`);
  return page.location;
}

/** Waits for the invalid-code check after a registration, while the visitor is at the instance. */
export async function codesAreChecked(instance: StandIn): Promise<void> {
  const giveUpAt = performance.now() + 5000;
  while (instance.requestsTo('POST /oauth/token').length === 0) {
    if (performance.now() > giveUpAt) throw new Error('no invalid code was offered');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The callback URL to which the instance redirects the visitor, with code and state, not yet opened. */
export async function comeBack(
  visitor: Visitor,
  site: { origin: string },
  typed: string,
  as = 'alice',
): Promise<URL> {
  return new URL(await visitor.approve(await leave(visitor, site, typed), { as }));
}

/** The URL of a callback that no instance made: its parameters, and the state of a login that the visitor began. */
export async function forgedCallback(
  visitor: Visitor,
  site: Site,
  instance: { host: string },
  params: Record<string, string | undefined>,
): Promise<URL> {
  const { searchParams } = new URL(await leave(visitor, site, instance.host));
  const state = searchParams.get('state') ?? '';
  return changed(new URL(`${site.callbackURL}/${instance.host}`), { state, ...params });
}

export async function open(visitor: Visitor, url: URL | string): Promise<Page> {
  return visitor.follow(await visitor.get(String(url)));
}

/** The same URL with some parameters replaced; `undefined` removes one. */
export function changed(url: URL, params: Record<string, string | undefined>): URL {
  const copy = new URL(url);
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) copy.searchParams.delete(name);
    else copy.searchParams.set(name, value);
  }
  return copy;
}

export async function whoIsLoggedIn(visitor: Visitor, site: { origin: string }): Promise<string | undefined> {
  const page = await visitor.get(`${site.origin}/me`);
  return (page.json() as { user: { username?: string } | null }).user?.username;
}

/**
 * The secrets of a login: its code and state, and the client credentials and tokens.
 * @param back the callback's URL
 */
export function secretsOf(instance: StandIn, back: URL): (string | null | undefined)[] {
  const secrets = [
    back.searchParams.get('code'),
    back.searchParams.get('state'),
    ...instance.tokens.keys(),
    ...[...instance.apps.values()].map(({ clientSecret }) => clientSecret),
  ];
  expect(secrets.length).toBeGreaterThan(3);
  return secrets;
}
