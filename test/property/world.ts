/** Browsers, processes of one site over one store, and instances, for generated logins; and what must hold after each step. */

import { randomBytes } from 'node:crypto';
import { MemoryStore } from 'express-session';
import { MastodonLogin } from '../../lib/core/index.js';
import { ErrorCode } from '../../lib/errors.js';
import { createLogin } from '../../lib/web/index.js';
import type { LoginOptions } from '../../lib/options.js';
import { BadStore } from '../support/bad-store.js';
import { startInstance, type PersonaName, type StandIn } from '../support/instance.js';
import { startSite } from '../support/site.js';
import { Visitor } from '../support/visitor.js';

/** A login's outcome: the profile's ID, or the code of the failure. */
export type Outcome = { readonly id: string } | { readonly code: string | undefined };

/** One browser at one site: its cookies, or the key that a program keeps for it. */
export type Jar = Map<string, string>;

/** One process of the site, by one of its entry points. */
interface Process {
  begin(jar: Jar, typed: string): Promise<{ redirect: string } | { code: string | undefined }>;
  finish(jar: Jar, pathAndQuery: string): Promise<Outcome>;
  close(): Promise<void>;
}

export const entryPoints = ['web', 'core', 'passport'] as const;
export type EntryPoint = (typeof entryPoints)[number];

/** An authorization response that a browser may bring back. */
export interface Callback {
  readonly url: URL;
  readonly browser: number;
  readonly instance: number;
  /** The account that consented; absent from a denial. */
  readonly account?: string;
  /** The ID of the profile that alone may come of it. */
  readonly id: string;
  /** The site's cookies were there when it was begun, and no fault has happened since. */
  isClean: boolean;
  /** Opened before, by any browser. */
  isOpened: boolean;
}

export const origin = 'https://site.example';
export const callbackURL = `${origin}/auth/mastodon/callback`;

/** Everything that one part of a login may take at most, the slack of a busy machine included. */
const boundMs = 15_000;
const families: readonly PersonaName[] = ['mastodon45', 'pleroma', 'gotosocial'];

export class World {
  readonly store = new BadStore();
  readonly jars: Jar[] = [new Map(), new Map(), new Map()];
  readonly callbacks: Callback[] = [];
  private readonly injectedCodes = new Set<unknown>();
  readonly events: string[] = [];
  instances: StandIn[] = [];
  processes: Process[] = [];
  /** Faults are active, or their effects (cooldowns, dead clients) may last. */
  hasFaults = false;
  steps = 0;
  private readonly sessions = new MemoryStore();

  static async start(entryPoint: EntryPoint): Promise<World> {
    const world = new World(entryPoint);
    world.instances = await Promise.all(families.map((family) => startInstance(family)));
    world.processes = await Promise.all([world.newProcess(), world.newProcess()]);
    return world;
  }

  private constructor(private readonly entryPoint: EntryPoint) {}

  /** Ends a process in the middle of what it does, and starts another one in its place. */
  async restart(index: number): Promise<void> {
    const before = this.processes[index];
    this.processes[index] = await this.newProcess();
    await before?.close();
  }

  async close(): Promise<void> {
    this.store.heal();
    this.store.release();
    await Promise.all([...this.processes, ...this.instances].map((one) => one.close()));
  }

  /** Begins a login in a browser, and lets the instance answer it. */
  async begin(
    process: number,
    browser: number,
    instance: number,
    account: string | undefined,
  ): Promise<void> {
    const at = this.at(this.instances, instance);
    const jar = this.at(this.jars, browser);
    const begun = await this.bounded(this.at(this.processes, process).begin(jar, at.host));
    if ('code' in begun) {
      this.expectKnown(begun.code);
      if (!this.hasFaults) throw new Error(`a login could not be begun: ${begun.code}`);
      return;
    }
    const asked = new URL(begun.redirect);
    expect([asked.origin, asked.searchParams.get('code_challenge_method')]).toEqual([at.origin, 'S256']);
    const visitor = new Visitor();
    const decision =
      account === undefined ? visitor.deny(asked.href) : visitor.approve(asked.href, { as: account });
    // A family without a way back from a denial, or an instance that forgot the app, keeps the visitor.
    const back = await decision.catch(() => undefined);
    if (back === undefined) return;
    const id = account === undefined ? '' : `${at.origin}#${at.account(account).id}`;
    const known = { browser, instance, id, isClean: !this.hasFaults, isOpened: false };
    this.callbacks.push({ url: new URL(back), ...known, ...(account !== undefined && { account }) });
  }

  /** Opens a callback URL in a browser. */
  async finish(process: number, browser: number, callback: Callback): Promise<void> {
    const mustSucceed =
      browser === callback.browser && callback.isClean && !callback.isOpened && !this.hasFaults;
    const mayNot = browser !== callback.browser || callback.account === undefined;
    const wasOpened = callback.isOpened && !this.hasFaults;
    callback.isOpened = true;
    const outcome = await this.opened(process, browser, callback.url);
    if ('code' in outcome) {
      this.expectKnown(outcome.code);
      if (!mustSucceed || callback.account === undefined) return;
      throw new Error(`a login of ${callback.account} failed without a fault: ${outcome.code}`);
    }
    expect(outcome.id).toBe(callback.id);
    expect({ mayNot, wasOpened, outcome }).toEqual({ mayNot: false, wasOpened: false, outcome });
  }

  /** Opens a callback URL that an attacker changed, in the victim's browser. @param injected the login whose code is in it */
  async finishChanged(process: number, browser: number, url: URL, injected?: Callback): Promise<void> {
    // A response with a repeated parameter is refused before its login is taken out of the store.
    const isRead = ['state', 'code', 'error', 'iss'].every(
      (name) => url.searchParams.getAll(name).length <= 1,
    );
    const state = url.searchParams.get('state');
    for (const callback of this.callbacks) {
      if (isRead && callback.url.searchParams.get('state') === state) callback.isOpened = true;
    }
    // The instance may see its code, which is spent then.
    if (injected) {
      injected.isClean = false;
      this.injectedCodes.add(injected.url.searchParams.get('code'));
    }
    const outcome = await this.opened(process, browser, url);
    if ('code' in outcome) return this.expectKnown(outcome.code);
    // Only PKCE tells an injected code from the login's own, and some families do not know PKCE.
    const hasPKCE = injected && this.at(this.instances, injected.instance).persona.token.pkce;
    expect([hasPKCE, outcome.id]).toEqual([false, injected?.id]);
  }

  /** Opens one callback URL in two processes at once. */
  async finishTwice(browser: number, callback: Callback): Promise<void> {
    const wasOpened = callback.isOpened;
    callback.isOpened = true;
    const outcomes = await Promise.all([0, 1].map((process) => this.opened(process, browser, callback.url)));
    const ids = outcomes.flatMap((outcome) => ('id' in outcome ? [outcome.id] : []));
    for (const outcome of outcomes) if ('code' in outcome) this.expectKnown(outcome.code);
    const mayNot = browser !== callback.browser || callback.account === undefined;
    expect(ids.every((id) => id === callback.id)).toBe(true);
    if (mayNot || (wasOpened && !this.hasFaults)) expect(ids).toEqual([]);
    // A store that forgets or answers by halves cannot give each login out once; no code is good twice all the same.
    expect(ids.length).toBeLessThanOrEqual(1);
  }

  /** What must hold after every step. */
  invariants(): void {
    const exchanges = this.instances.flatMap((instance) =>
      instance.requestsTo('POST /oauth/token').map(({ body }) => [instance.origin, body['code']] as const),
    );
    for (const instance of this.instances) {
      for (const { code } of instance.codes.values()) {
        // A code reaches the instance that issued it, once; unless the attacker put it into another response.
        if (this.injectedCodes.has(code)) continue;
        const sent = exchanges.filter(([, text]) => text === code).map(([to]) => to);
        expect(sent.length <= 1 && sent.every((to) => to === instance.origin)).toBe(true);
      }
    }
    const told = this.events.join('\n');
    for (const instance of this.instances) {
      const { codes, tokens, apps } = instance;
      const clientSecrets = [...apps.values()].map(({ clientSecret = '' }) => clientSecret);
      for (const secret of [...codes.keys(), ...tokens.keys(), ...clientSecrets])
        expect(told).not.toContain(secret);
    }
    for (const { url } of this.callbacks)
      expect(told).not.toContain(url.searchParams.get('state') ?? 'x'.repeat(9));
    // Records of logins, keys and lookups for each step, and those of clients.
    expect(this.store.inner.records.size).toBeLessThanOrEqual(60 + 12 * this.steps);
  }

  private async opened(process: number, browser: number, url: URL): Promise<Outcome> {
    const jar = this.at(this.jars, browser);
    return this.bounded(this.at(this.processes, process).finish(jar, url.pathname + url.search));
  }

  private expectKnown(code: string | undefined): void {
    expect(Object.keys(ErrorCode)).toContain(code);
  }

  /** Nothing hangs. */
  private async bounded<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${boundMs} ms`)), boundMs);
    });
    return Promise.race([work, tooLong]).finally(() => clearTimeout(timer));
  }

  private at<T>(list: readonly T[], index: number): T {
    return list[index % list.length]!;
  }

  private newProcess(): Promise<Process> {
    const options = {
      clientName: 'A site of many processes',
      callbackURL,
      store: this.store,
      developmentInstances: this.instances.map((instance) => instance.origin),
      outbound: { timeoutMs: 2000, loginTimeoutMs: 4000 },
      log: (event: object) => void this.events.push(JSON.stringify(event)),
    };
    return { web: webProcess, core: coreProcess, passport: passportProcess }[this.entryPoint](
      options,
      this.sessions,
    );
  }
}

const failed = (error: unknown) => {
  const { code } = error as { code?: string };
  if (code === undefined) throw error;
  return { code };
};

async function webProcess(options: LoginOptions): Promise<Process> {
  const login = createLogin(options);
  const request = (jar: Jar, path: string, init: RequestInit = {}) =>
    new Request(origin + path, { ...init, headers: { cookie: cookieOf(jar) } });
  return {
    begin: (jar, instance) =>
      login.begin(request(jar, '/auth/mastodon', { method: 'POST' }), { instance }).then((response) => {
        keep(jar, response.headers);
        return { redirect: response.headers.get('location') ?? '' };
      }, failed),
    finish: (jar, path) => login.finish(request(jar, path)).then(({ profile: { id } }) => ({ id }), failed),
    close: async () => undefined,
  };
}

/** The program keeps the browser's keys as docs/core.md says: one that finished a login begins no other. */
async function coreProcess(options: LoginOptions): Promise<Process> {
  const login = new MastodonLogin(options);
  const keys = (jar: Jar) => [...jar.keys()];
  return {
    async begin(jar, instance) {
      try {
        const [current] = keys(jar);
        if (current === undefined || (await login.hasFinished(current))) {
          const former = keys(jar).slice(0, 3);
          jar.clear();
          for (const key of [randomBytes(32).toString('base64url'), ...former]) jar.set(key, '');
        }
        return { redirect: (await login.begin(instance, keys(jar))).redirect };
      } catch (error) {
        return failed(error);
      }
    },
    finish: (jar, path) => login.finish(path, keys(jar)).then(({ profile: { id } }) => ({ id }), failed),
    close: async () => undefined,
  };
}

async function passportProcess(options: LoginOptions, store: MemoryStore): Promise<Process> {
  // Callbacks that other tabs wait for stay usable.
  const site = await startSite({ options, session: { store }, keepSessionInfo: true });
  const send = async (jar: Jar, path: string, init: RequestInit) => {
    const headers = { cookie: cookieOf(jar), connection: 'close' };
    const response = await fetch(site.origin + path, { ...init, headers, redirect: 'manual' });
    keep(jar, response.headers);
    return response;
  };
  const codeOf = async (response: Response) => ({
    code: ((await response.json()) as { code?: string }).code,
  });
  return {
    async begin(jar, instance) {
      const body = new URLSearchParams({ instance });
      const response = await send(jar, '/auth/mastodon', { method: 'POST', body });
      const redirect = response.headers.get('location');
      return redirect === null ? codeOf(response) : { redirect };
    },
    async finish(jar, path) {
      const response = await send(jar, path, {});
      if (response.status !== 302) return codeOf(response);
      const me = await send(jar, '/me', {});
      return { id: ((await me.json()) as { user: { id: string } }).user.id };
    },
    close: () => site.close(),
  };
}

function cookieOf(jar: Jar): string {
  return [...jar].map((pair) => pair.join('=')).join('; ');
}

function keep(jar: Jar, headers: Headers): void {
  for (const line of headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0/i.test(line)) jar.delete(name);
    else jar.set(name, value);
  }
}
