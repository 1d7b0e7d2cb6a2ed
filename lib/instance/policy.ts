/** Whether an instance may be used here at all: asked at one place, in one way. */

import { MastodonError } from '../errors.js';
import type { Settings } from '../options.js';

export class Policy {
  constructor(private readonly settings: Pick<Settings, 'allowInstance'>) {}

  /** @throws MastodonError `instance_not_allowed`; and whatever the site's function throws */
  async assertAllowed(host: string): Promise<void> {
    if (!(await this.settings.allowInstance(host))) {
      throw new MastodonError('instance_not_allowed', { instance: host });
    }
  }
}
