/** Whether an instance may be used here at all: asked at one place, in one way. */

import { MastodonError, type MastodonErrorCode } from '../errors.js';
import type { Settings } from '../options.js';

const refusals: ReadonlySet<MastodonErrorCode> = new Set(['instance_not_allowed', 'login_busy']);

/** Whether a server was not asked because this site must not ask it, or not so often: no answer is to be made of that. */
export function wasNotAsked(error: unknown): boolean {
  return error instanceof MastodonError && refusals.has(error.code);
}

export class Policy {
  constructor(private readonly settings: Pick<Settings, 'allowInstance'>) {}

  /** @throws MastodonError `instance_not_allowed`; and whatever the site's function throws */
  assertAllowed(host: string): Promise<void> | undefined {
    const { allowInstance } = this.settings;
    return allowInstance && assertAllowed(host, allowInstance);
  }
}

async function assertAllowed(
  host: string,
  allowInstance: NonNullable<Settings['allowInstance']>,
): Promise<void> {
  if (!(await allowInstance(host))) throw new MastodonError('instance_not_allowed', { instance: host });
}
