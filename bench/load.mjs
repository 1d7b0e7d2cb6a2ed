/** Simulates visitors of one site: many in parallel, on kept connections, from a separate process. */

import { agreed, poolOf, timed } from './visitors.mjs';
import { answering } from './processes.mjs';

let pendingLogins = [];

answering({
  /** Starts of logins by new browsers. @returns milliseconds for all */
  starts: ({ port, paths, count, atOnce }) =>
    timed(count, atOnce, async (n) => void (await start(poolOf(port, atOnce), paths[n % paths.length]))),
  /** Whole logins. */
  logins: ({ port, paths, count, atOnce }) =>
    timed(count, atOnce, async (n) => {
      const pool = poolOf(port, atOnce);
      const begun = await start(pool, paths[n % paths.length]);
      await finish(pool, begun);
    }),
  /** First halves of logins, kept for `finishAll`. */
  async beginAll({ port, paths, count, atOnce }) {
    pendingLogins = [];
    const pool = poolOf(port, atOnce);
    return timed(count, atOnce, async (n) => pendingLogins.push(await start(pool, paths[n % paths.length])));
  },
  async finishAll({ port, atOnce }) {
    const pool = poolOf(port, atOnce);
    return timed(pendingLogins.length, atOnce, (n) => finish(pool, pendingLogins[n]));
  },
});

async function start(pool, path) {
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path });
  const text = await body.text();
  if (statusCode !== 302) throw new Error(`a start was answered with ${statusCode}: ${text}`);
  const cookie = headers['set-cookie'];
  return { location: headers.location, cookie: String(cookie).split(';', 1)[0] };
}

/** The callback URL after the visitor has consented. */
async function finish(pool, { location, cookie }) {
  const path = agreed(location);
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path, headers: { cookie } });
  const text = await body.text();
  if (statusCode !== 302 || headers.location !== '/') {
    throw new Error(`a callback was answered with ${statusCode}: ${text}`);
  }
}
