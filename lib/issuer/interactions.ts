/** What the library waits for while a visitor logs in: its authorization requests, and their results. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { clientNameOf } from './client-name.js';
import type { Provider } from './library.js';
import type { Asker } from './pages.js';
import { leadsTo } from './redirects.js';

/** An authorization request that waits for its visitor. */
export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;
export type Result = NonNullable<Interaction['result']>;

export class Interactions {
  constructor(private readonly provider: () => Provider) {}

  /** By the library's own cookie, which has to be there and to be of this login. */
  async ofBrowser(req: IncomingMessage, res: ServerResponse, uid: string): Promise<Interaction | undefined> {
    try {
      const interaction = await this.provider().interactionDetails(req, res);
      return interaction.uid === uid ? interaction : undefined;
    } catch (error) {
      if ((error as Error).name === 'SessionNotFound') return undefined;
      throw error;
    }
  }

  async find(uid: string): Promise<Interaction | undefined> {
    return this.provider().Interaction.find(uid);
  }

  /** @throws the library's error where a client's document is to be had no more */
  async askerOf({ params, deviceCode }: Interaction): Promise<Asker> {
    const client = await this.provider().Client.find(String(params.client_id));
    return {
      client: client ? clientNameOf(client) : { name: String(params.client_id) },
      leadsTo: deviceCode === undefined ? leadsTo(params.redirect_uri) : undefined,
    };
  }

  /**
   * Somebody has logged in. Who was logged in here before is so no longer: the library would ask again, on a page of
   * its own, before it changed the account of a session.
   */
  async login(interaction: Interaction, subject: string): Promise<Result> {
    const { session } = interaction;
    if (session?.accountId !== undefined && session.accountId !== subject) {
      const old = await this.provider().Session.findByUid(session.uid);
      await old?.destroy();
      delete (interaction as { session?: unknown }).session;
    }
    const grantId = await this.grant(interaction, subject, undefined);
    return { select_account: {}, login: { accountId: subject }, consent: { grantId } };
  }

  /** Somebody who is logged in agrees to go on to this client, too. */
  async consent(interaction: Interaction): Promise<Result> {
    const subject = interaction.session?.accountId ?? '';
    const grantId = await this.grant(interaction, subject, interaction.grantId);
    return { ...interaction.lastSubmission, select_account: {}, consent: { grantId } };
  }

  /**
   * Writes down how it ended.
   * @returns where the library goes on with it
   */
  async end(interaction: Interaction, result: Result): Promise<string> {
    interaction.result = result;
    await interaction.persist();
    return interaction.returnTo;
  }

  private async grant(
    { params }: Interaction,
    accountId: string,
    known: string | undefined,
  ): Promise<string> {
    const provider = this.provider();
    const clientId = String(params.client_id);
    const found = known === undefined ? undefined : await provider.Grant.find(known);
    const grant = found ?? new provider.Grant({ accountId, clientId });
    // There is nothing to choose between: every scope reads the profile, and that is what the page says.
    grant.addOIDCScope(String(params.scope ?? 'openid'));
    return grant.save();
  }
}
