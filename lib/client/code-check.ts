/** Holds that no one is logged in at an instance before it was seen to refuse a made-up code. */

import { MastodonError } from '../errors.js';
import type { Network } from '../http/network.js';
import { SingleFlight } from '../http/single-flight.js';
import type { PinnedInstance } from '../options.js';
import type { Client } from './client.js';
import type { Clients } from './clients.js';
import type { Failures } from '../discovery/failures.js';
import { assertCodesAreChecked, UncheckedCodesError } from './registration.js';

const hour = 60 * 60 * 1000;
const day = 24 * hour;

export class CodeCheck {
  private readonly checking = new SingleFlight<void>();

  constructor(
    private readonly network: Network,
    private readonly clients: Clients,
    private readonly failures: Failures,
  ) {}

  /**
   * Before the first code is offered with this client. It may run while the visitor is at the instance; whoever comes
   * back waits for it, also in another process, and after a crash it runs anew.
   * @throws MastodonError `instance_insecure`; and like every request when there is no answer to judge
   */
  async before(instance: PinnedInstance, client: Client): Promise<void> {
    if (client.checkedAt !== undefined) return;
    await this.run(instance, client, 'checkedAt');
  }

  /**
   * A server may refuse made-up codes only as long as nobody has agreed there: so it is asked again when somebody has,
   * before that one is let in, and once a day.
   * @throws MastodonError as `before`; without an answer only where there never was one
   */
  async after(instance: PinnedInstance, client: Client): Promise<void> {
    const { recheckedAt } = client;
    if (recheckedAt !== undefined && Date.now() - recheckedAt < day) return;
    await this.run(instance, client, 'recheckedAt').catch((error: unknown) => {
      const isVerdict = error instanceof MastodonError && error.code === 'instance_insecure';
      if (isVerdict || recheckedAt === undefined) throw error;
    });
  }

  private run(instance: PinnedInstance, client: Client, time: 'checkedAt' | 'recheckedAt'): Promise<void> {
    return this.checking.run(`${time} ${client.key} ${client.clientId}`, async () => {
      try {
        await assertCodesAreChecked(this.network, instance, client);
        await this.clients.update(client, { [time]: Date.now() });
      } catch (error) {
        if (error instanceof MastodonError && error.cause instanceof UncheckedCodesError) {
          await this.failures.remember('instance_insecure', instance.host, hour);
          await this.clients.retire(client, {});
        }
        throw error;
      }
    });
  }
}
