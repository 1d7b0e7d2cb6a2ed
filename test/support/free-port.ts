/** Free ports for servers. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Below the range of automatic ports (RFC 6335, section 6: from 49152; Linux: 32768). */
const [lowest, count] = [20_000, 10_000];

let next = randomInt(count);

/**
 * A free port of 127.0.0.1 that no other program gets before it is used: neither from this function, nor from the
 * system, which gives ports to the servers and connections of other tests.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + (next++ % count);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** Listens at 127.0.0.1. @returns the port, which the system chooses */
export async function listenLocally(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
