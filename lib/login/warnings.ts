/** Development warnings that every entry point emits: why a login failed, and that responses do not arrive. */

import type { MastodonError } from '../errors.js';
import { UnlistedServer } from '../discovery/address.js';
import { isDevelopment, warnOnce } from '../util/warnings.js';

const maxCauses = 5;

/** The messages of an error and of its causes. A value that is not an error may be anything, and is not shown. */
export function sentencesOf(error: unknown): string {
  const sentences: string[] = [];
  try {
    for (let next = error; next instanceof Error && sentences.length < maxCauses; next = next.cause) {
      sentences.push(next.message);
    }
  } catch {
    // A getter of the error throws.
  }
  return sentences.join(': ') || 'no error with a message';
}

/** Prints the code and the cause of a failure, once for each code. */
export function warnOfFailure(error: MastodonError): void {
  // An entry point that reads a field itself says more about a missing one.
  if (!isDevelopment() || error.code === 'instance_missing') return;
  if (error.cause instanceof UnlistedServer) return warnOfUnlistedServer(error.cause);
  const why = error.cause === undefined ? error.message : sentencesOf(error.cause);
  warnOnce(
    'MASTODON_LOGIN_FAILED',
    `passport-mastodon-oauth2: a login failed with ${error.code}: ${why}. See docs/errors.md#${error.code}`,
    error.code,
  );
}

function warnOfUnlistedServer({ origin, listed }: UnlistedServer): void {
  warnOnce(
    'MASTODON_NOT_LISTED',
    `passport-mastodon-oauth2: ${origin} was typed. A server that is not public is refused unless it is listed. To log in at ` +
      `a server of your own, set the option developmentInstances: ['${origin}'] (https if the server has TLS; in the file of ` +
      'a service, development_instances)' +
      (listed.length === 0 ? '' : `. Now it lists ${listed.join(', ')}`),
  );
}

/** One browser has begun a second login, and this process has received no authorization response. */
export function warnOfMissingResponse(callbackURL: string): void {
  const route = callbackURL.includes(':instance') ? callbackURL : `${callbackURL}/:instance`;
  warnOnce(
    'MASTODON_NO_ANSWER',
    'passport-mastodon-oauth2: a browser began a second login, and no authorization response has arrived for the first. ' +
      `Instances send visitors to ${route}. Check that this site is at that address, that it has a route for ` +
      `${new URL(route).pathname}, and that no Content-Security-Policy (form-action) stops the redirect to the instance. ` +
      'After a visitor has left the page of the instance, this warning means nothing',
  );
}
