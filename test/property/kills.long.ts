/** A process ends at any operation of a login: how another process then responds, at every entry point. */

import { entryPoints, type EntryPoint } from './processes.js';
import { World } from './world.js';

/** More operations than a login has. */
const maxOperations = 150;

jest.setTimeout(300_000);

/** Runs `story` in a new world for each operation at which its process is killed, until a process survives it. */
async function atEachOperation(
  entryPoint: EntryPoint,
  story: (world: World, operations: number) => Promise<boolean>,
): Promise<void> {
  for (let operations = 0; ; operations += 1) {
    const world = await World.start(entryPoint);
    try {
      const isKilled = await story(world, operations);
      world.invariants();
      if (!isKilled) return;
      expect(operations).toBeLessThan(maxOperations);
    } finally {
      await world.close();
    }
  }
}

// At the same time, as a login that meets a killed process mostly waits for what that process has locked.
describe.each(entryPoints)('through %s', (entryPoint) => {
  it.concurrent('a process killed while it begins a login does not prevent another one from beginning', () =>
    atEachOperation(entryPoint, async (world, operations) => {
      const isKilled = await world.kill(0, operations, () => world.begin(0, 0, 0, 'alice'));
      // At once: the visitor presses the button again, and reaches the other process.
      await world.begin(1, 0, 0, 'alice');
      await world.finish(1, 0, world.callbacks.at(-1)!);
      return isKilled;
    }),
  );

  it.concurrent(
    'a login whose process was killed while it finished is finished by another process, or has to begin again',
    () =>
      atEachOperation(entryPoint, async (world, operations) => {
        await world.begin(0, 0, 0, 'alice');
        const callback = world.callbacks.at(-1)!;
        const isKilled = await world.kill(0, operations, () => world.finish(0, 0, callback));
        await world.finish(1, 0, { ...callback, isOpened: !isKilled, isClean: false });
        await world.begin(1, 0, 0, 'bob');
        await world.finish(1, 0, world.callbacks.at(-1)!);
        return isKilled;
      }),
  );
});
