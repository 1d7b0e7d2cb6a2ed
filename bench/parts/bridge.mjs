/** What a client costs that waits at the bridge, beside a bare server of the ws package; pings are on. */

import { setTimeout as pause } from 'node:timers/promises';
import { compared, inTurns } from '../numbers.mjs';

const count = 10_000;
const clientProcesses = 2;

export async function bridge({ begin }, rounds) {
  const idle = (contender) => async () => {
    const server = await begin('./bridge-server.mjs', { contender });
    const port = await server.ask('port');
    const before = await server.ask('memory');
    const clients = await Promise.all(
      Array.from({ length: clientProcesses }, () => begin('./bridge-clients.mjs')),
    );
    await Promise.all(
      clients.map(({ ask }) => ask('connect', { port, count: Math.ceil(count / clientProcesses) })),
    );
    // Sockets that were just opened have settled by then.
    await pause(3000);
    const after = await server.ask('memory');
    await server.stop();
    await Promise.all(clients.map((client) => client.stop().catch(() => undefined)));
    return { live: (after.live - before.live) / count, resident: (after.resident - before.resident) / count };
  };
  const figures = await inTurns(rounds, { ours: idle('bridge'), bare: idle('bare') }, 0);
  return ['live', 'resident'].map((name) => ({
    what: `Bridge, ${count.toLocaleString('en')} idle clients: ${name} memory of each`,
    unit: 'bytes',
    peer: 'bare ws',
    ...compared(figures.ours[name], figures.bare[name]),
  }));
}
