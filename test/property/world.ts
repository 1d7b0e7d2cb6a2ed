/**
 * Browsers, processes of one site over one store, and instances, for generated logins; and the invariants after
 * each step.
 */

import { ErrorCode, MastodonError, type MastodonErrorCode } from '../../lib/errors.js';
import { BadStore } from '../support/bad-store.js';
import { startInstance, type PersonaName, type StandIn } from '../support/instance.js';
import { Visitor } from '../support/visitor.js';
import type { Disturbance } from './disturbances.js';
import { Jar } from './jar.js';
import {
  byClock,
  Life,
  Shared,
  startProcess,
  type EntryPoint,
  type Failure,
  type Outcome,
  type Process,
} from './processes.js';

/** Codes of the bridge beside those of a login. */
const bridgeCodes = ['server_busy', 'server_closing', 'server_failed', 'too_many_requests'];

/** An authorization response that a browser may open. */
export interface Callback {
  readonly url: URL;
  readonly browser: number;
  readonly instance: number;
  /** The account that consented; absent after a denial. */
  readonly account?: string;
  /** The only profile ID that may result from it. */
  readonly id: string;
  /** The process that began it. */
  readonly life: Life;
  /** The site's cookies existed when it began, and no fault has happened since. */
  isClean: boolean;
  /** Opened before, by any browser. */
  isOpened: boolean;
}

/** The longest duration of a login start or a callback, including the delays of a busy machine. */
const boundMs = 15_000;
const families: readonly PersonaName[] = ['mastodon45', 'pleroma', 'gotosocial'];
/** An issuer stores most: its session, interaction, binding, grant, code and token, and the marks of their use. */
const recordsPerVisit = 30;

export class World {
  readonly store = new BadStore();
  readonly jars: Jar[] = [new Jar(), new Jar(), new Jar()];
  readonly callbacks: Callback[] = [];
  private readonly injectedCodes = new Set<unknown>();
  readonly events: string[] = [];
  instances: StandIn[] = [];
  processes: Process[] = [];
  /** Faults are active, or their effects (cooldowns, dead clients) may last. */
  hasFaults = false;
  /** Number of login starts and callbacks that browsers requested. */
  private visits = 0;
  /** All processes that were ever started, and those that run. */
  private readonly lives: Life[] = [];
  private readonly current: Life[] = [];
  private readonly shared = new Shared(this.store);
  private readonly repairs: (() => void)[] = [];
  private readonly unfinished: Promise<unknown>[] = [];
  /** How far all clocks of this world were put forward. */
  private advancedMs = 0;

  /** @param skewsMs of the processes' clocks */
  static async start(entryPoint: EntryPoint, skewsMs: readonly number[] = [0, 0]): Promise<World> {
    const world = new World(entryPoint, skewsMs);
    world.instances = await byClock(
      () => world.advancedMs,
      () => Promise.all(families.map((family) => startInstance(family))),
    );
    // A dead process sends nothing.
    for (const instance of world.instances)
      instance.answer(
        ({ headers }) => world.lives.some((life) => headers['user-agent'] === life.userAgent && !life.step()),
        (req) => void req.socket.destroy(),
      );
    for (const index of skewsMs.keys()) await world.startProcess(index);
    return world;
  }

  private constructor(
    private readonly entryPoint: EntryPoint,
    private readonly skewsMs: readonly number[],
  ) {}

  /** Kills a process during an operation, and starts another one in its place. */
  async restart(index: number, skewMs?: number): Promise<void> {
    await this.kill(index, 0, async () => void this.livesAt(index).step(), skewMs);
  }

  /** Kills a process after so many store operations and requests in the middle of `work`. @returns whether it died */
  async kill(
    index: number,
    operations: number,
    work: () => Promise<void>,
    skewMs?: number,
  ): Promise<boolean> {
    const life = this.livesAt(index);
    life.killAfter(operations);
    await work();
    if (life.isDead) await this.startProcess(index, skewMs);
    else life.killAfter(Infinity);
    return life.isDead;
  }

  /** Ends all faults; then a new browser can log in at every instance. */
  async recovers(): Promise<void> {
    this.store.heal();
    this.store.release();
    for (const repair of this.repairs.splice(0)) repair();
    for (const instance of this.instances) [instance.alter, instance.latencyMs] = [undefined, 0];
    await this.bounded(Promise.allSettled(this.unfinished));
    for (const index of this.processes.keys()) await this.restart(index);
    // A client is verified once a minute at most, and a failure that a process stored lasts longer for a clock behind it.
    this.advancedMs += 61_000 + Math.max(0, ...this.skewsMs.map(Math.abs));
    for (const [index, instance] of this.instances.entries()) {
      const jar = new Jar();
      const outcomes: (Outcome | undefined)[] = [];
      // A client that the instance does not know is verified after three abandoned starts in a row.
      while (outcomes.length < 5 && !('id' in (outcomes.at(-1) ?? {})))
        outcomes.push(await this.logIn(outcomes.length + index, jar, instance));
      expect({ at: instance.persona.name, outcomes, last: outcomes.at(-1) }).toMatchObject({
        last: { id: `${instance.origin}#${instance.account('alice').id}` },
      });
    }
  }

  async close(): Promise<void> {
    this.store.heal();
    this.store.release();
    await Promise.all([...this.processes, ...this.instances].map((one) => one.close()));
    for (const life of this.lives) life.end();
  }

  /** Changes `times` answers to the site, after `after` more answers. */
  disturb(index: number, after: number, times: number, disturbance: Disturbance): void {
    const instance = this.at(this.instances, index);
    let count = 0;
    instance.alter = ({ headers }, answer) => {
      if (headers['user-agent']?.startsWith('Mozilla')) return answer;
      count += 1;
      return count > after && count <= after + times ? disturbance(answer) : answer;
    };
  }

  /** The instance's answers are refusals of a server in front of it. */
  breakInstance(index: number, status: number, times: number): void {
    const stop = this.at(this.instances, index).answer(
      ({ headers }) => headers['user-agent']?.startsWith('Mozilla') !== true,
      (_req, res) =>
        void res.writeHead(status, { 'Content-Type': 'text/html' }).end('<title>Just a moment</title>'),
      { times },
    );
    this.repairs.push(stop);
  }

  /** Begins a login in a browser, and lets the instance answer it. */
  async begin(
    process: number,
    browser: number,
    instance: number,
    account: string | undefined,
  ): Promise<void> {
    const at = this.at(this.instances, instance);
    const life = this.livesAt(process);
    const { hasFaults } = this;
    const begun = await this.begun(process, this.at(this.jars, browser), at.host);
    if (begun === 'killed') return;
    if (!('redirect' in begun)) {
      this.expectKnown(begun);
      if (!this.hasFaults) throw new Error(`a login could not be begun: ${JSON.stringify(begun)}`);
      return;
    }
    const back = await this.answered(begun.redirect, at, account);
    // A family that never redirects after a denial, or an instance that forgot the app, keeps the visitor on its
    // page.
    if (back === undefined) return;
    const id = account === undefined ? '' : `${at.origin}#${at.account(account).id}`;
    const isClean = !hasFaults && !this.hasFaults;
    const known = { browser, instance, id, life, isClean, isOpened: false };
    this.callbacks.push({ url: new URL(back), ...known, ...(account !== undefined && { account }) });
  }

  /** Opens a callback URL in a browser. */
  async finish(process: number, browser: number, callback: Callback): Promise<void> {
    const mustSucceed =
      browser === callback.browser && callback.isClean && !callback.isOpened && !this.isLost(callback);
    const wasOpened = callback.isOpened && !this.hasFaults;
    const outcome = await this.opened(process, browser, callback.url);
    if (outcome === 'killed') {
      // It is unknown whether the process took the login before it ended; the next visit may finish it.
      callback.isClean = false;
      return;
    }
    callback.isOpened = true;
    if (!('id' in outcome)) {
      this.expectKnown(outcome);
      if (!mustSucceed || this.hasFaults || callback.account === undefined) return;
      throw new Error(`a login of ${callback.account} failed without a fault: ${JSON.stringify(outcome)}`);
    }
    const mayNot = browser !== callback.browser || callback.account === undefined;
    expect(outcome.id).toBe(callback.id);
    expect({ mayNot, wasOpened, outcome }).toEqual({ mayNot: false, wasOpened: false, outcome });
  }

  /** Opens a callback URL in a browser that disconnects. The login may finish, or is used up. */
  leave(process: number, callback: Callback): void {
    // A later visit may be faster than this one, and finish the login.
    callback.isClean = false;
    const opened = this.opened(process, callback.browser, callback.url).then((outcome) => {
      if (outcome !== 'killed' && 'id' in outcome) expect(outcome.id).toBe(callback.id);
    });
    opened.catch(() => undefined);
    this.unfinished.push(opened);
  }

  /**
   * Opens a callback URL that an attacker changed, in the victim's browser.
   * @param injected the login whose code is in it
   */
  async finishChanged(process: number, browser: number, url: URL, injected?: Callback): Promise<void> {
    // A response with a repeated parameter is refused before its login is taken out of the store.
    const isRead = ['state', 'code', 'error', 'iss'].every(
      (name) => url.searchParams.getAll(name).length <= 1,
    );
    const state = url.searchParams.get('state');
    for (const callback of this.callbacks) {
      if (isRead && callback.url.searchParams.get('state') === state) callback.isOpened = true;
    }
    // The instance may receive its code, which is then used up.
    if (injected) {
      injected.isClean = false;
      this.injectedCodes.add(injected.url.searchParams.get('code'));
    }
    const outcome = await this.opened(process, browser, url);
    if (outcome === 'killed') return;
    if (!('id' in outcome)) return this.expectKnown(outcome);
    // Only PKCE distinguishes an injected code from the login's own, and some families do not support PKCE.
    const hasPKCE = injected && this.at(this.instances, injected.instance).persona.token.pkce;
    expect([hasPKCE, outcome.id]).toEqual([false, injected?.id]);
  }

  /** Opens one callback URL in two processes at once. */
  async finishTwice(browser: number, callback: Callback): Promise<void> {
    const wasOpened = callback.isOpened;
    callback.isOpened = true;
    const outcomes = await Promise.all([0, 1].map((process) => this.opened(process, browser, callback.url)));
    const ids = outcomes.flatMap((outcome) => (outcome !== 'killed' && 'id' in outcome ? [outcome.id] : []));
    for (const outcome of outcomes) if (outcome !== 'killed' && !('id' in outcome)) this.expectKnown(outcome);
    const mayNot = browser !== callback.browser || callback.account === undefined;
    expect(ids.every((id) => id === callback.id)).toBe(true);
    if (mayNot || (wasOpened && !this.hasFaults)) expect(ids).toEqual([]);
    // A store that loses records cannot give out each login only once; the instance still accepts each code only
    // once.
    expect(ids.length).toBeLessThanOrEqual(1);
  }

  /** The invariants after every step. */
  invariants(): void {
    const exchanges = this.instances.flatMap((instance) =>
      instance.requestsTo('POST /oauth/token').map(({ body }) => [instance.origin, body['code']] as const),
    );
    for (const instance of this.instances) {
      for (const { code } of instance.codes.values()) {
        // A code reaches the instance that issued it, once, unless the attacker put it into another response.
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
    // Records of logins, keys and lookups for each visit, and those of clients.
    expect(this.store.inner.records.size).toBeLessThanOrEqual(60 + recordsPerVisit * this.visits);
  }

  /** A whole login with one process or several. */
  private async logIn(process: number, jar: Jar, instance: StandIn): Promise<Outcome | undefined> {
    const begun = await this.begun(process, jar, instance.host);
    if (begun === 'killed' || !('redirect' in begun)) return begun === 'killed' ? undefined : begun;
    const back = await this.answered(begun.redirect, instance, 'alice');
    if (back === undefined) return undefined;
    const { pathname, search } = new URL(back);
    const finishing = this.at(this.processes, process + 1).finish(jar, pathname + search);
    return this.bounded(finishing);
  }

  private async answered(
    redirect: string,
    instance: StandIn,
    account: string | undefined,
  ): Promise<string | undefined> {
    const asked = new URL(redirect);
    expect([asked.origin, asked.searchParams.get('code_challenge_method')]).toEqual([
      instance.origin,
      'S256',
    ]);
    const visitor = new Visitor();
    const decision =
      account === undefined ? visitor.deny(asked.href) : visitor.approve(asked.href, { as: account });
    return decision.catch(() => undefined);
  }

  private begun(
    process: number,
    jar: Jar,
    typed: string,
  ): Promise<{ redirect: string } | Failure | 'killed'> {
    this.visits += 1;
    return this.bounded(this.whileAlive(process, this.at(this.processes, process).begin(jar, typed)));
  }

  private opened(process: number, browser: number, url: URL): Promise<Outcome | 'killed'> {
    this.visits += 1;
    const opening = this.at(this.processes, process).finish(
      this.at(this.jars, browser),
      url.pathname + url.search,
    );
    return this.bounded(this.whileAlive(process, opening));
  }

  /** A process that is dead sends no response. */
  private async whileAlive<T>(process: number, work: Promise<T>): Promise<T | 'killed'> {
    const life = this.livesAt(process);
    work.catch(() => undefined);
    try {
      return await Promise.race([work, life.died]);
    } catch (error) {
      if (life.isDead) return 'killed';
      throw error;
    }
  }

  /** A program waits at one process of the bridge, and disconnects with it. */
  private isLost({ life }: Callback): boolean {
    return this.entryPoint === 'bridge' && life.isDead;
  }

  private expectKnown({ code, status }: Failure): void {
    if (code === undefined) return expect(status ?? 400).toBeGreaterThanOrEqual(400);
    expect([...Object.keys(ErrorCode), ...bridgeCodes]).toContain(code);
    if (status !== undefined && !bridgeCodes.includes(code))
      expect({ code, status }).toEqual({ code, status: new MastodonError(code as MastodonErrorCode).status });
  }

  /** Every request ends. */
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

  private livesAt(process: number): Life {
    return this.at(this.current, process);
  }

  private async startProcess(index: number, skewMs = this.skewsMs[index] ?? 0): Promise<void> {
    const life = new Life(`process-${this.lives.length}`, () => this.advancedMs + skewMs);
    const options = {
      developmentInstances: this.instances.map((instance) => instance.origin),
      log: (event: object) => void this.events.push(JSON.stringify(event)),
    };
    const start = () => startProcess(this.entryPoint, options, this.shared, life);
    // The issuer does not start without its keys, so it starts once the store works.
    const process = await start().catch(() => {
      this.store.heal();
      return start();
    });
    this.lives.push(life);
    this.current[index] = life;
    this.processes[index] = process;
  }
}
