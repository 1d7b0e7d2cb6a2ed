/** Sends the requests of many visitors in parallel over kept connections, and consents at the instance. */

import { Pool } from 'undici';

const pools = new Map();

export function poolOf(port, connections) {
  const name = `${port} ${connections}`;
  if (!pools.has(name)) pools.set(name, new Pool(`http://127.0.0.1:${port}`, options(connections)));
  return pools.get(name);
}

/** With a large load, a visitor may wait for a turn. */
function options(connections) {
  const patience = 300_000;
  return { connections, connect: { timeout: patience }, headersTimeout: patience };
}

/** @returns milliseconds for all */
export async function timed(count, atOnce, work) {
  let next = 0;
  const begun = performance.now();
  const visitor = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, visitor));
  return performance.now() - begun;
}

/**
 * The visitor's consent, without a request to the instance, because codes contain their own parameters.
 * @param location where the visitor was sent
 * @returns path and query of the callback
 */
export function agreed(location) {
  const asked = new URL(location).searchParams;
  const granted = ['client_id', 'redirect_uri', 'code_challenge'].map((name) => asked.get(name));
  const code = Buffer.from(JSON.stringify(granted)).toString('base64url');
  return `${new URL(granted[1]).pathname}?${new URLSearchParams({ code, state: asked.get('state') })}`;
}
