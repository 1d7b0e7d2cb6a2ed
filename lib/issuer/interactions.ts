/** The interactions of oidc-provider: its authorization requests while a visitor logs in. Each is bound to one browser. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { digest } from '../util/crypto.js';
import { clientNameOf, hasMetadataDocument } from './client-names.js';
import type { Provider } from './oidc-provider.js';
import { lifetimes } from './options.js';
import type { RequestingClient } from './pages.js';
import { redirectDestination } from './redirect-uris.js';
import type { Shared } from './shared.js';
import { bindingRecord } from './store.js';

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;
export type Result = NonNullable<Interaction['result']>;

/**
 * The browser of an interaction. oidc-provider's cookies have a path for each interaction, so another host of the domain can
 * set them. It cannot set the browser's key.
 */
export interface Binding {
  /** Digest of the browser's key. */
  readonly browser: string;
  /** Why the last attempt to log in failed, for the visitor. */
  readonly refusal?: string;
}

interface Found {
  readonly interaction: Interaction;
  /** Of the binding. */
  readonly refusal: string | undefined;
}

export class Interactions {
  constructor(
    private readonly shared: Shared,
    private readonly provider: () => Provider,
  ) {}

  async bind(uid: string, browserKey: string, refusal?: string): Promise<void> {
    const binding: Binding = { browser: digest(browserKey), ...(refusal && { refusal }) };
    await this.shared.store.set(bindingRecord(uid), binding, lifetimes.interaction * 1000);
  }

  /** The binding, if it is this browser's. */
  async bindingOf(uid: unknown, browserKey: string | undefined): Promise<Binding | undefined> {
    if (typeof uid !== 'string' || browserKey === undefined) return undefined;
    const binding = await this.shared.store.get<Binding>(bindingRecord(uid));
    return binding?.browser === digest(browserKey) ? binding : undefined;
  }

  /** The interaction with this `uid`, if it is this browser's. Without its session, if that has ended since. */
  async find(uid: unknown, browserKey: string | undefined): Promise<Found | undefined> {
    const { Interaction: Model, Session } = this.provider();
    const binding = await this.bindingOf(uid, browserKey);
    const interaction = binding && (await Model.find(String(uid)));
    if (!interaction) return undefined;
    const session = interaction.session && (await Session.findByUid(interaction.session.uid));
    if (!session) forgetSession(interaction);
    return { interaction, refusal: binding.refusal };
  }

  async clientOf({ params, deviceCode }: Interaction): Promise<RequestingClient> {
    const client = await this.provider().Client.find(String(params.client_id));
    const isDevice = deviceCode !== undefined;
    return {
      name: client ? clientNameOf(client) : { name: String(params.client_id) },
      redirectDestination: isDevice ? undefined : redirectDestination(params.redirect_uri),
      isUnknown: isDevice || !client || hasMetadataDocument(client),
    };
  }

  /**
   * The result of a login. Ends the session of another account in this browser, also one that began after this interaction in
   * another tab. oidc-provider would otherwise show a page, and end the tokens of that account.
   */
  async login(
    req: IncomingMessage,
    res: ServerResponse,
    interaction: Interaction,
    subject: string,
  ): Promise<Result> {
    const { Session } = this.provider();
    const session = await Session.get(this.provider().createContext(req, res));
    if (session.accountId !== undefined && session.accountId !== subject) await session.destroy();
    forgetSession(interaction);
    const grantId = await this.grant(interaction, subject);
    return { select_account: {}, login: { accountId: subject }, consent: { grantId } };
  }

  /** The result of the button "Continue as". */
  async consent(interaction: Interaction): Promise<Result> {
    const subject = interaction.session?.accountId ?? '';
    const grantId = await this.grant(interaction, subject, interaction.grantId);
    return { ...interaction.lastSubmission, select_account: {}, consent: { grantId } };
  }

  /**
   * Saves the result.
   * @returns the URL at which oidc-provider continues
   */
  async end(interaction: Interaction, result: Result): Promise<string> {
    interaction.result = result;
    await interaction.persist();
    return interaction.returnTo;
  }

  private async grant({ params }: Interaction, accountId: string, known?: string): Promise<string> {
    const { Grant } = this.provider();
    const found = known === undefined ? undefined : await Grant.find(known);
    const grant = found ?? new Grant({ accountId, clientId: String(params.client_id) });
    // Every scope gives the same claims.
    grant.addOIDCScope(String(params.scope ?? 'openid'));
    return grant.save();
  }
}

function forgetSession(interaction: Interaction): void {
  delete (interaction as { session?: unknown }).session;
}
