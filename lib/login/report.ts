/** Tells the operator's log how logins go on, and why they do not. */

import { MastodonError } from '../errors.js';
import type { LoginLog } from '../options.js';

/** One half of a login went well. */
export function report(
  log: LoginLog,
  event: 'begun' | 'finished',
  { host, software }: { readonly host: string; readonly software?: string },
): void {
  log(event, { instance: host, ...(software !== undefined && { software }) });
}

export function reportFailure(log: LoginLog, error: unknown): void {
  if (!(error instanceof MastodonError)) return log('failed', { error: told(error) });
  const { code, instance, cause } = error;
  log('refused', {
    code,
    ...(instance !== undefined && { instance }),
    ...(cause !== undefined && { cause: told(cause) }),
  });
}

/** An error's sentence with those of its causes. What is no error is not shown: it may be anything. */
function told(error: unknown): string {
  const sentences: string[] = [];
  try {
    for (let next = error; next instanceof Error && sentences.length < maxCauses; next = next.cause) {
      sentences.push(next.message);
    }
  } catch {
    // An error that cannot be read to its end: it is the login's failure all the same.
  }
  return sentences.join(': ') || 'no error with a message';
}

const maxCauses = 5;
