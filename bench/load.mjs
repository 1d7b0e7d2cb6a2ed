/** Plays visitors against one site: many at a time, on kept connections, from a process of its own. */

import { Pool } from 'undici';
import { answering } from './processes.mjs';

const pools = new Map();
let begunLogins = [];

answering({
  /** Starts of logins by new browsers. Milliseconds for all. */
  starts: ({ port, paths, count, atOnce }) =>
    timed(count, atOnce, async (n) => void (await start(poolOf(port, atOnce), paths[n % paths.length]))),
  /** Whole logins. */
  logins: ({ port, paths, count, atOnce }) =>
    timed(count, atOnce, async (n) => {
      const pool = poolOf(port, atOnce);
      const begun = await start(pool, paths[n % paths.length]);
      await finish(pool, begun);
    }),
  /** First halves, kept for `finishAll`. */
  async beginAll({ port, paths, count, atOnce }) {
    begunLogins = [];
    const pool = poolOf(port, atOnce);
    return timed(count, atOnce, async (n) => begunLogins.push(await start(pool, paths[n % paths.length])));
  },
  async finishAll({ port, atOnce }) {
    const pool = poolOf(port, atOnce);
    return timed(begunLogins.length, atOnce, (n) => finish(pool, begunLogins[n]));
  },
});

function poolOf(port, connections) {
  const name = `${port} ${connections}`;
  if (!pools.has(name)) pools.set(name, new Pool(`http://127.0.0.1:${port}`, options(connections)));
  return pools.get(name);
}

/** A crowd may have to wait for its turn. */
function options(connections) {
  const patience = 300_000;
  return { connections, connect: { timeout: patience }, headersTimeout: patience };
}

async function timed(count, atOnce, work) {
  let next = 0;
  const begun = performance.now();
  const visitor = async () => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, visitor));
  return performance.now() - begun;
}

async function start(pool, path) {
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path });
  const text = await body.text();
  if (statusCode !== 302) throw new Error(`a start was answered with ${statusCode}: ${text}`);
  const cookie = headers['set-cookie'];
  return { location: headers.location, cookie: String(cookie).split(';', 1)[0] };
}

/** What the visitor agrees to, and the way back. */
async function finish(pool, { location, cookie }) {
  const asked = new URL(location).searchParams;
  const granted = ['client_id', 'redirect_uri', 'code_challenge'].map((name) => asked.get(name));
  const code = Buffer.from(JSON.stringify(granted)).toString('base64url');
  const path = `${new URL(granted[1]).pathname}?${new URLSearchParams({ code, state: asked.get('state') })}`;
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path, headers: { cookie } });
  const text = await body.text();
  if (statusCode !== 302 || headers.location !== '/') {
    throw new Error(`a callback was answered with ${statusCode}: ${text}`);
  }
}
