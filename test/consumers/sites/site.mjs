/** What every site here is told, and how it is asked who is logged in. */

import { createServer } from 'node:http';

/** The issuer, and what this site is to it: given by the test. */
export const {
  ISSUER: issuer,
  ORIGIN: origin,
  CLIENT_ID: clientId,
  CLIENT_SECRET: clientSecret,
} = process.env;

export const secret = 'a secret of the site, for its own cookies';

/** Listens where the test expects it, and says so. */
export function listen(handler) {
  createServer(handler).listen(Number(new URL(origin).port), '127.0.0.1', () =>
    process.stdout.write('listening\n'),
  );
}
