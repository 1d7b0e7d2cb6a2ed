/** What each of these sites receives from its test, and how it starts. */

import { createServer } from 'node:http';

/** The issuer, and this site as its client. */
export const {
  ISSUER: issuer,
  ORIGIN: origin,
  CLIENT_ID: clientId,
  CLIENT_SECRET: clientSecret,
} = process.env;

export const secret = 'a secret of the site, for its own cookies';

/** Listens at the origin, then prints a line, for which the test waits. */
export function listen(handler) {
  createServer(handler).listen(Number(new URL(origin).port), '127.0.0.1', () =>
    process.stdout.write('listening\n'),
  );
}
