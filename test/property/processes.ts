/** One process of a site, with each of the entry points and its own clock. It can be killed at any operation. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { MemoryStore } from 'express-session';
import WebSocket from 'ws';
import { createBridge } from '../../lib/bridge/index.js';
import { MastodonLogin } from '../../lib/core/index.js';
import { createIssuer } from '../../lib/issuer/index.js';
import type { KeyValueStore, LoginOptions } from '../../lib/options.js';
import { localBus, type Bus } from '../../lib/stores/bus.js';
import { createLogin } from '../../lib/web/index.js';
import { giveKeys, shop } from '../issuer/stage.js';
import type { BadStore } from '../support/bad-store.js';
import { listenLocally } from '../support/free-port.js';
import { startSite } from '../support/site.js';
import type { Jar, Page } from './jar.js';

/** `code` is absent if the visitor sees a page without one, `status` if the failure is not an HTTP response. */
export type Failure = { readonly code?: string | undefined; readonly status?: number | undefined };

/** The outcome of a login: the profile's ID, or the failure. */
export type Outcome = { readonly id: string } | Failure;

/** One process of the site, by one of its entry points. */
export interface Process {
  /** Begins a login in a browser. */
  begin(jar: Jar, typed: string): Promise<{ redirect: string } | Failure>;
  /** Opens the path and query of an authorization response. */
  finish(jar: Jar, pathAndQuery: string): Promise<Outcome>;
  close(): Promise<void>;
}

export const entryPoints = ['web', 'core', 'passport', 'bridge', 'issuer'] as const;
export type EntryPoint = (typeof entryPoints)[number];

export const origin = 'https://site.example';
const callbackURL = `${origin}/auth/mastodon/callback`;

/** State that the processes of one site share, and that the programs behind it keep. */
export class Shared {
  readonly sessions = new MemoryStore();
  readonly bus = localBus();
  /** For the bridge: the program that waits for a login, by the login's `state`. */
  readonly programs = new Map<string, Program>();
  /** For the issuer: the client's request that a login belongs to, by the login's `state`. */
  readonly asked = new Map<string, Asked>();

  constructor(readonly store: BadStore) {}
}

/** How far a clock is ahead of the real one; milliseconds. */
export type Clock = () => number;

const clocks = new AsyncLocalStorage<Clock>();
const realNow = Date.now;
Date.now = () => realNow() + (clocks.getStore()?.() ?? 0);

/** Runs a program, and everything that comes of it, by a clock of its own. */
export function byClock<T>(clock: Clock, work: () => T): T {
  return clocks.run(clock, work);
}

/** A process that works until it is killed during an operation. */
export class Life {
  readonly died: Promise<'killed'>;
  /** Operations of the store and requests so far. */
  operations = 0;
  private killAt = Infinity;
  private readonly ends: (() => unknown)[] = [];
  private readonly unanswered: (() => void)[] = [];
  private isOver = false;
  private die: (how: 'killed') => void = () => undefined;

  /** @param userAgent by which an instance knows the requests of this process */
  constructor(
    readonly userAgent: string,
    private readonly clock: Clock,
  ) {
    this.died = new Promise((resolve) => (this.die = resolve));
  }

  get isDead(): boolean {
    return this.operations > this.killAt;
  }

  /** Allows `operations` more store operations and requests, and none after them. */
  killAfter(operations: number): void {
    this.killAt = this.operations + operations;
  }

  onDeath(work: () => unknown): void {
    this.ends.push(work);
  }

  /** Counts an operation. @returns whether it happens */
  step(): boolean {
    this.operations += 1;
    if (!this.isDead) return true;
    for (const work of this.ends.splice(0)) work();
    this.die('killed');
    return false;
  }

  /** Rejects what the process waits for or asks for later, so that none of its timers outlives the test. */
  end(): void {
    this.ends.length = 0;
    this.isOver = true;
    this.killAt = -1;
    for (const reject of this.unanswered.splice(0)) reject();
  }

  run<T>(work: () => T): T {
    return byClock(this.clock, work);
  }

  /** The store as this process uses it. */
  use(store: BadStore): KeyValueStore {
    const never = () =>
      new Promise((_resolve, reject) => {
        const fail = () => reject(new Error('the process has ended'));
        if (this.isOver) fail();
        else this.unanswered.push(fail);
      });
    const step = (operation: () => unknown) => (this.step() ? operation() : never());
    return {
      get: (key) => step(() => store.get(key)),
      set: (key, value) => step(() => store.set(key, value)),
      delete: (key) => step(() => store.delete(key)),
      on: (event: string, listener: (error: Error) => void) => store.on(event, listener),
    } as KeyValueStore;
  }

  /** A dead process has no subscriptions. */
  useBus(bus: Bus): Bus {
    return {
      publish: (channel, text) => bus.publish(channel, text),
      subscribe: async (channel, listener) => {
        const unsubscribe = await bus.subscribe(channel, listener);
        this.onDeath(unsubscribe);
        return unsubscribe;
      },
    };
  }
}

export interface ProcessOptions {
  readonly developmentInstances: readonly string[];
  readonly log: (event: object) => void;
}

export async function startProcess(
  entryPoint: EntryPoint,
  { developmentInstances, log }: ProcessOptions,
  shared: Shared,
  life: Life,
): Promise<Process> {
  const options = {
    clientName: 'A site of many processes',
    store: life.use(shared.store),
    userAgent: life.userAgent,
    developmentInstances,
    outbound: { timeoutMs: 2000, loginTimeoutMs: 4000, failureCooldownMs: 1 },
    log,
  };
  const process = await life.run(() => makers[entryPoint](options, shared, life));
  return {
    begin: (jar, typed) => life.run(() => process.begin(jar, typed)),
    finish: (jar, path) => life.run(() => process.finish(jar, path)),
    close: () => process.close(),
  };
}

type Options = Omit<LoginOptions, 'callbackURL' | 'log'> & Pick<ProcessOptions, 'log'>;
type Maker = (options: Options, shared: Shared, life: Life) => Promise<Process>;
const makers: Readonly<Record<EntryPoint, Maker>> = {
  web: webProcess,
  core: coreProcess,
  passport: passportProcess,
  bridge: bridgeProcess,
  issuer: issuerProcess,
};

const failed = (error: unknown) => {
  const { code, status } = error as Failure;
  if (code === undefined) throw error;
  return { code, status };
};

async function webProcess(options: Options): Promise<Process> {
  const login = createLogin({ ...options, callbackURL });
  const request = (jar: Jar, path: string, init: RequestInit = {}) =>
    new Request(origin + path, { ...init, headers: { cookie: jar.cookies(path) } });
  return {
    begin: (jar, instance) =>
      login.begin(request(jar, '/auth/mastodon', { method: 'POST' }), { instance }).then((response) => {
        jar.keep(response.headers);
        return { redirect: response.headers.get('location') ?? '' };
      }, failed),
    finish: (jar, path) => login.finish(request(jar, path)).then(({ profile: { id } }) => ({ id }), failed),
    close: async () => undefined,
  };
}

/** The program keeps the browser's keys as docs/core.md says: one that finished a login begins no other. */
async function coreProcess(options: Options): Promise<Process> {
  const login = new MastodonLogin({ ...options, callbackURL });
  return {
    async begin(jar, instance) {
      try {
        const [current] = jar.keys;
        if (current === undefined || (await login.hasFinished(current)))
          jar.keys = [randomBytes(32).toString('base64url'), ...jar.keys.slice(0, 3)];
        return { redirect: (await login.begin(instance, jar.keys)).redirect };
      } catch (error) {
        return failed(error);
      }
    },
    finish: (jar, path) => login.finish(path, jar.keys).then(({ profile: { id } }) => ({ id }), failed),
    close: async () => undefined,
  };
}

async function passportProcess(options: Options, { sessions }: Shared, life: Life): Promise<Process> {
  /**
   * Identified by the visit whose response was verified, because the browser may be logged in from an earlier
   * visit.
   */
  const ids = new Map<unknown, string>();
  let visits = 0;
  // Callbacks that other tabs wait for stay usable.
  const site = await startSite({
    options: { ...options, callbackURL, passReqToCallback: true },
    verify: async (req: IncomingMessage, _token: string, _refreshToken: unknown, profile: { id: string }) => {
      ids.set(req.headers['x-visit'], profile.id);
      return profile;
    },
    session: { store: sessions },
    keepSessionInfo: true,
  });
  life.onDeath(() => site.close());
  const failure = ({ status, text }: Page): Failure => {
    const { code } = JSON.parse(text) as { code?: string };
    // The site's own error handler answers 500 to every error.
    return { code, status: status === 500 ? undefined : status };
  };
  return {
    async begin(jar, instance) {
      const page = await jar.open(site.origin, '/auth/mastodon', { instance });
      return page.location === undefined ? failure(page) : { redirect: page.location };
    },
    async finish(jar, path) {
      const visit = String((visits += 1));
      const page = await jar.open(site.origin, path, undefined, { 'x-visit': visit });
      if (page.location === undefined) return failure(page);
      const id = ids.get(visit);
      return id === undefined ? {} : { id };
    },
    close: () => site.close(),
  };
}

/** A program that waits at the bridge, and the messages that it receives. */
class Program {
  readonly told: {
    type: string;
    parameters: { id?: string; url?: string; code?: string; account?: { id: string } };
  }[] = [];
  private wake = (): void => undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data) => {
      this.told.push(JSON.parse(String(data)) as Program['told'][number]);
      this.wake();
    });
    socket.on('close', () => this.wake());
    socket.on('error', () => this.wake());
  }

  static async connect(url: string): Promise<Program> {
    const socket = new WebSocket(url);
    const program = new Program(socket);
    await once(socket, 'open');
    return program;
  }

  ask(host: string): void {
    this.socket.send(JSON.stringify({ type: 'auth', parameters: { host } }));
  }

  /** The message at this position, or undefined if the connection ended before it. */
  async message(position: number): Promise<Program['told'][number] | undefined> {
    while (this.told.length <= position && this.socket.readyState === WebSocket.OPEN)
      await new Promise<void>((resolve) => (this.wake = resolve));
    return this.told[position];
  }

  close(): void {
    this.socket.terminate();
  }
}

async function bridgeProcess(options: Options, shared: Shared, life: Life): Promise<Process> {
  const bridge = createBridge({ ...options, publicURL: origin, bus: life.useBus(shared.bus) });
  const { server, local, stop } = await serve(bridge.router);
  bridge.attach(server);
  const programs: Program[] = [];
  const stopAll = async () => {
    for (const program of programs) program.close();
    await stop();
  };
  life.onDeath(stopAll);
  return {
    async begin(jar, typed) {
      const program = await Program.connect(local.replace('http', 'ws'));
      programs.push(program);
      program.ask(typed);
      const first = await program.message(0);
      if (first?.type !== 'set-id') return { code: first?.parameters.code };
      const path = new URL(first.parameters.url ?? '').pathname;
      const shown = await jar.open(local, path);
      const pressed = shown.status === 200 ? await jar.open(local, path, shown.fields()) : shown;
      if (pressed.location === undefined)
        return { code: program.told[1]?.parameters.code, status: pressed.status };
      shared.programs.set(stateIn(pressed.location), program);
      return { redirect: pressed.location };
    },
    async finish(jar, path) {
      const page = await jar.open(local, path);
      const program = shared.programs.get(stateIn(path));
      // A message to the program may belong to an earlier attempt.
      const toldCode = program?.told[1]?.parameters.code;
      if (page.status !== 200) return toldCode === undefined ? { status: page.status } : { code: toldCode };
      const result = await program?.message(1);
      // One result for one program.
      expect(program?.told.length ?? 0).toBeLessThanOrEqual(2);
      const { account, code } = result?.parameters ?? {};
      return account ? { id: account.id } : { code };
    },
    async close() {
      await bridge.close();
      await stopAll();
    },
  };
}

/** An authorization request of the issuer's client. */
interface Asked {
  readonly verifier: string;
  readonly state: string;
}

const clientURL = 'http://client.localhost:1/callback';

async function issuerProcess(options: Options, shared: Shared, life: Life): Promise<Process> {
  await giveKeys(shared.store, origin);
  const issuer = await createIssuer({ ...options, issuerURL: origin, clients: [shop] });
  const { local, stop } = await serve(issuer.router);
  life.onDeath(stop);
  return {
    async begin(jar, typed) {
      const asked = {
        verifier: randomBytes(32).toString('base64url'),
        state: randomBytes(8).toString('hex'),
      };
      const challenge = createHash('sha256').update(asked.verifier).digest('base64url');
      const query = new URLSearchParams({
        ...{ client_id: shop.client_id, redirect_uri: clientURL, response_type: 'code', scope: 'openid' },
        ...{ code_challenge: challenge, code_challenge_method: 'S256', state: asked.state, prompt: 'login' },
      });
      const shown = await jar.follow(local, `/authorize?${query}`);
      // The issuer redirects with the error to the client.
      if (shown.location !== undefined) return {};
      if (shown.status !== 200) return { status: shown.status };
      const pressed = await jar.open(local, shown.path, {
        ...shown.fields(),
        instance: typed,
        action: 'login',
      });
      if (pressed.location === undefined) return { status: pressed.status };
      shared.asked.set(stateIn(pressed.location), asked);
      return { redirect: pressed.location };
    },
    async finish(jar, path) {
      const page = await jar.follow(local, path);
      // The login page shows the failure, and the visitor can try again.
      if (page.location === undefined) return page.status === 200 ? {} : { status: page.status };
      const response = new URL(page.location);
      const code = response.searchParams.get('code');
      if (code === null) return {};
      const asked = shared.asked.get(stateIn(path));
      expect(response.searchParams.get('state')).toBe(asked?.state);
      const body = new URLSearchParams({
        ...{ grant_type: 'authorization_code', code, redirect_uri: clientURL },
        ...{ client_id: shop.client_id, client_secret: shop.client_secret ?? '' },
        code_verifier: asked?.verifier ?? '',
      });
      const token = await fetch(`${local}/token`, { method: 'POST', body, headers: { connection: 'close' } });
      const tokens = (await token.json()) as { id_token?: string };
      if (tokens.id_token === undefined) return { status: token.status };
      const [, claims = ''] = tokens.id_token.split('.');
      return { id: (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string }).sub };
    },
    async close() {
      await issuer.close();
      await stop();
    },
  };
}

async function serve(
  router: RequestListener,
): Promise<{ server: Server; local: string; stop(): Promise<void> }> {
  const server = createServer(router);
  const port = await listenLocally(server);
  const stop = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return { server, local: `http://127.0.0.1:${port}`, stop };
}

function stateIn(url: string): string {
  return new URL(url, origin).searchParams.get('state') ?? '';
}
