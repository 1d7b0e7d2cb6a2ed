/** A process that ends at any one of the operations of a login: what another process then answers, at every entry point. */

import { entryPoints } from './processes.js';
import { World } from './world.js';

/** More than a login has. */
const maxOperations = 150;

jest.setTimeout(300_000);

describe.each(entryPoints)('through %s', (entryPoint) => {
  it('a process killed while it begins a login keeps no other from beginning one', async () => {
    for (let operations = 0; ; operations += 1) {
      const world = await World.start(entryPoint);
      try {
        const isKilled = await world.kill(0, operations, () => world.begin(0, 0, 0, 'alice'));
        // At once: the visitor presses the button again, and reaches the other process.
        await world.begin(1, 0, 0, 'alice');
        await world.finish(1, 0, world.callbacks.at(-1)!);
        world.invariants();
        if (!isKilled) break;
        expect(operations).toBeLessThan(maxOperations);
      } finally {
        await world.close();
      }
    }
  });

  it('a login whose process was killed while it finished it is finished by another process, or has to be begun again', async () => {
    for (let operations = 0; ; operations += 1) {
      const world = await World.start(entryPoint);
      try {
        await world.begin(0, 0, 0, 'alice');
        const callback = world.callbacks.at(-1)!;
        const isKilled = await world.kill(0, operations, () => world.finish(0, 0, callback));
        await world.finish(1, 0, { ...callback, isOpened: !isKilled, isClean: false });
        await world.begin(1, 0, 0, 'bob');
        await world.finish(1, 0, world.callbacks.at(-1)!);
        world.invariants();
        if (!isKilled) break;
        expect(operations).toBeLessThan(maxOperations);
      } finally {
        await world.close();
      }
    }
  });
});
