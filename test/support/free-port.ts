/** Ports for servers that are started by a number, and not asked for the one that they were given. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what any system gives to who asks for no certain port, or connects (RFC 6335, section 6: from 49152; Linux: 32768). */
const [lowest, count] = [20_000, 10_000];

let next = randomInt(count);

/**
 * A free port of 127.0.0.1, which the system gives to no other program before it is used: neither a second time
 * here, nor by the system, to one of the servers and connections that other tests open all the time.
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
