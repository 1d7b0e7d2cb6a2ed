/**
 * Generated stories of several browsers, processes and instances: no login is another account's, none is used
 * twice, none hangs.
 */

import fc from 'fast-check';
import { breakdowns, delays, type Operation } from '../support/bad-store.js';
import { disturbances } from './disturbances.js';
import { entryPoints } from './processes.js';
import { holds, timeoutMs } from './runs.js';
import { World, type Callback } from './world.js';

/** fast-check requires a model; here the world holds all state. */
type Model = Record<string, never>;
type Step = (world: World) => Promise<void>;

class Command implements fc.AsyncCommand<Model, World> {
  constructor(
    private readonly name: string,
    private readonly step: Step,
  ) {}

  check(): boolean {
    return true;
  }

  async run(_model: Model, world: World): Promise<void> {
    await this.step(world);
    world.invariants();
  }

  toString(): string {
    return this.name;
  }
}

const process = fc.nat({ max: 1 });
const browser = fc.nat({ max: 2 });
const instance = fc.nat({ max: 2 });
const account = fc.constantFrom('alice', 'bob', undefined);
/** Prefers the latest callbacks. */
const position = fc.nat({ max: 5 });

function callbackAt(world: World, fromEnd: number): Callback | undefined {
  return world.callbacks.at(-1 - fromEnd) ?? world.callbacks.at(-1);
}

const begin = fc
  .tuple(process, browser, instance, account)
  .map((of) => new Command(`begin(${of.join()})`, (world) => world.begin(...of)));

const beginAtOnce = fc.tuple(browser, instance, account, instance, account).map(
  ([by, one, as, other, otherwise]) =>
    new Command(`beginAtOnce(${[by, one, as, other, otherwise].join()})`, async (world) => {
      // The browser has its cookie before it opens two tabs, like after any page of the site.
      await world.begin(0, by, one, as);
      await Promise.all([world.begin(0, by, one, as), world.begin(1, by, other, otherwise)]);
    }),
);

const finish = fc.tuple(process, position, fc.option(browser, { freq: 3 })).map(
  ([at, which, by]) =>
    new Command(`finish(${at},${which},${by ?? 'own browser'})`, async (world) => {
      const callback = callbackAt(world, which);
      if (callback) await world.finish(at, by ?? callback.browser, callback);
    }),
);

const finishTwice = fc.tuple(position, fc.option(browser, { freq: 3 })).map(
  ([which, by]) =>
    new Command(`finishTwice(${which},${by ?? 'own browser'})`, async (world) => {
      const callback = callbackAt(world, which);
      if (callback) await world.finishTwice(by ?? callback.browser, callback);
    }),
);

/** An attacker's changes to an intercepted callback URL; true if the code belongs to another login. */
const changes: Readonly<Record<string, (url: URL, hosts: string[], other: URL | undefined) => unknown>> = {
  'another instance in the path': (url, hosts) =>
    (url.pathname = url.pathname.replace(
      hosts.find((host) => url.pathname.includes(host)) ?? '',
      hosts.find((host) => !url.pathname.includes(host)) ?? '',
    )),
  'another issuer': (url) => url.searchParams.set('iss', 'https://evil.example/'),
  'the code of another login': (url, _hosts, other) =>
    url.searchParams.set('code', other?.searchParams.get('code') ?? 'x'),
  'a second code': (url) => url.searchParams.append('code', 'x'),
  'a second state': (url) => url.searchParams.append('state', 'x'),
  'an error': (url) => url.searchParams.set('error', 'server_error'),
  'no code': (url) => url.searchParams.delete('code'),
  'no state': (url) => url.searchParams.delete('state'),
};

const tamper = fc.tuple(process, position, fc.constantFrom(...Object.keys(changes))).map(
  ([at, which, what]) =>
    new Command(`tamper(${at},${which},${what})`, async (world) => {
      const callback = callbackAt(world, which);
      if (!callback) return;
      const url = new URL(callback.url);
      const other = world.callbacks.find((one) => one !== callback && one.instance === callback.instance);
      changes[what]?.(
        url,
        world.instances.map(({ host }) => host),
        other?.url,
      );
      if (url.href === callback.url.href) return;
      await world.finishChanged(at, callback.browser, url, what.startsWith('the code') ? other : undefined);
    }),
);

const restart = process.map((index) => new Command(`restart(${index})`, (world) => world.restart(index)));

/** The browser disconnects in the middle of its request. */
const leave = fc.tuple(process, position).map(
  ([at, which]) =>
    new Command(`leave(${at},${which})`, async (world) => {
      const callback = callbackAt(world, which);
      if (callback) world.leave(at, callback);
    }),
);

/** A process that ends between two operations of the store or requests, while it begins or finishes a login. */
const kill = fc.tuple(process, fc.nat({ max: 30 }), fc.boolean(), browser, instance, position).map(
  ([at, operations, isBeginning, by, of, which]) =>
    new Command(
      `kill(${at},${operations},${isBeginning ? 'begin' : 'finish'},${by},${of},${which})`,
      async (world) => {
        const callback = callbackAt(world, which);
        await world.kill(at, operations, async () => {
          if (isBeginning) await world.begin(at, by, of, 'alice');
          else if (callback) await world.finish(at, callback.browser, callback);
        });
      },
    ),
);

const slow = instance.map(
  (index) => new Command(`slow(${index})`, async ({ instances }) => void (instances[index]!.latencyMs = 40)),
);

const logOut = browser.map(
  (index) =>
    new Command(`logOut(${index})`, async (world) => {
      world.jars[index]?.clear();
      for (const callback of world.callbacks) if (callback.browser === index) callback.isClean = false;
    }),
);

/** A login that began before a fault may fail afterwards. */
const fault = (name: string, step: (world: World) => unknown) =>
  new Command(name, async (world) => {
    world.hasFaults = true;
    await step(world);
  });

const faults = { ...breakdowns, ...delays };
const breakStore = fc
  .tuple(
    fc.constantFrom(...Object.keys(faults).filter((name) => name !== 'never answers')),
    fc.subarray<Operation>(['get', 'set', 'delete'], { minLength: 1 }),
    fc.nat({ max: 12 }),
  )
  .map(([name, operations, after]) =>
    fault(`breakStore(${name},${operations.join('+')},${after})`, ({ store }) => {
      const wrong = faults[name]!;
      const times = store.calls + after;
      store.break(
        (real, operation, self) => (self.calls > times ? wrong(real, operation, self) : real()),
        operations,
      );
    }),
  );
const heal = fc.constant(new Command('heal()', async ({ store }) => store.heal()));
const emptyStore = fc.constant(fault('emptyStore()', ({ store }) => store.empty()));
const forget = instance.map((index) =>
  fault(`forget(${index})`, ({ instances }) => instances[index]?.forgetApps()),
);
const breakInstance = fc
  .tuple(instance, fc.constantFrom(500, 503, 403, 429), fc.nat({ max: 3 }))
  .map(([index, status, times]) =>
    fault(`breakInstance(${index},${status},${times})`, (world) =>
      world.breakInstance(index, status, times + 1),
    ),
  );
const disturb = fc
  .tuple(instance, fc.nat({ max: 8 }), fc.nat({ max: 2 }), fc.constantFrom(...Object.keys(disturbances)))
  .map(([index, after, times, what]) =>
    fault(`disturb(${index},${after},${times},${what})`, (world) =>
      world.disturb(index, after, times + 1, disturbances[what]!),
    ),
  );
const hour = 60 * 60_000;
const wrongClock = fc
  .tuple(process, fc.constantFrom(-8760 * hour, -2 * hour, 2 * hour, 8760 * hour))
  .map(([index, skewMs]) => fault(`wrongClock(${index},${skewMs})`, (world) => world.restart(index, skewMs)));

const honest = [begin, beginAtOnce, finish, finish, finishTwice, tamper, restart, logOut, leave, kill, slow];
const troubles = [breakStore, heal, heal, emptyStore, forget, breakInstance, disturb, wrongClock];
const all = [...honest, begin, finish, ...troubles];
/** Differences between the clocks of two machines without a time server. Milliseconds. */
const skew = fc.constantFrom(0, -4 * 60_000, 4 * 60_000);

// Five run at the same time, as they mostly wait: for locks, and for slow instances.
jest.setTimeout(5 * timeoutMs);
describe.each(entryPoints)('through %s', (entryPoint) => {
  it.concurrent.each([
    ['everything works', honest],
    ['the store, the instances, the clocks and the processes fail', all],
  ])('while %s, and a login afterwards works', (_what, commands) =>
    holds(
      fc.asyncProperty(
        skew,
        fc.commands(commands, { maxCommands: 20, size: 'max' }),
        async (skewMs, steps) => {
          const world = await World.start(entryPoint, [0, skewMs]);
          try {
            await fc.asyncModelRun(() => ({ model: {}, real: world }), steps);
            await world.recovers();
          } finally {
            await world.close();
          }
        },
      ),
      2000,
    ),
  );
});
