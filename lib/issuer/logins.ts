/** The visitor's way through the issuer: the page, the instance and back, and on to the client. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { someServers } from '../button/servers.js';
import { MastodonError } from '../errors.js';
import { parseAddress } from '../discovery/address.js';
import type { MastodonLogin } from '../login/login.js';
import { proofFor, readOwnForm } from '../pages/form.js';
import { sendAway, sendPage, wrongMethodPage } from '../pages/page.js';
import { scriptURL } from '../pages/script.js';
import type { Accounts } from './accounts.js';
import type { Binding, Bindings, Refusal } from './bindings.js';
import { claimsOf, subjectOf } from './claims.js';
import type { IssuerCookies } from './cookies.js';
import type { IssuerHints } from './hints.js';
import type { Interaction, Interactions, Result } from './interactions.js';
import type { IssuerSettings } from './options.js';
import { expiredPage, failedPage, loginPage } from './pages.js';
import { formTarget } from './redirects.js';

export interface LoginParts {
  readonly settings: IssuerSettings;
  readonly login: MastodonLogin;
  readonly interactions: Interactions;
  readonly accounts: Accounts;
  readonly bindings: Bindings;
  readonly cookies: IssuerCookies;
  readonly developmentOrigins: ReadonlySet<string>;
  readonly hints: IssuerHints;
}

/** One request of a browser that the login belongs to. */
interface Visit {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly key: string;
  readonly binding: Binding;
  readonly interaction: Interaction;
}

/** What was typed, and why it did not work. */
type Shown = Refusal & { readonly status?: number };

export class Logins {
  constructor(private readonly parts: LoginParts) {}

  /** The login page: shown, or its button pressed. */
  async page(req: IncomingMessage, res: ServerResponse, uid: string): Promise<void> {
    if (req.method !== 'GET' && req.method !== 'HEAD' && req.method !== 'POST') {
      res.setHeader('Allow', 'GET, HEAD, POST');
      return sendPage(res, wrongMethodPage());
    }
    const { cookies, bindings, interactions } = this.parts;
    const key = cookies.browserKey(req);
    const binding = await bindings.find(uid, key);
    const interaction = binding && (await interactions.ofBrowser(req, res, uid));
    if (key === undefined || !interaction) return sendPage(res, expiredPage());
    const visit: Visit = { req, res, key, binding, interaction };
    return req.method === 'POST' ? this.submitted(visit) : this.show(visit, binding.refusal);
  }

  /** Changes nothing, whatever `login_hint` says: anybody can send somebody here by a link. */
  private async show(visit: Visit, shown?: Shown): Promise<void> {
    const { interaction, res } = visit;
    const { interactions, accounts, developmentOrigins, settings } = this.parts;
    const asker = await interactions.askerOf(interaction);
    const sessionOf = interaction.session?.accountId;
    const claims = sessionOf === undefined ? undefined : await accounts.find(sessionOf);
    const handle = claims?.mastodon_handle;
    const page = loginPage({
      asker,
      proof: proofFor(pageKey(visit)),
      typed: shown?.typed ?? this.suggestion(visit),
      refusal: shown?.message,
      status: shown?.status ?? 200,
      account: mayContinue(interaction) && typeof handle === 'string' ? { handle } : undefined,
      note: noteFor(interaction),
      script: scriptURL(settings.issuerURL),
      servers: [
        ...[...developmentOrigins].map((origin) => new URL(origin).host),
        // Which ones the operator allows is not known here.
        ...(settings.login.allowInstance === undefined ? someServers : []),
      ],
    });
    const targets = ['https:', ...developmentOrigins, ...formTarget(interaction.params.redirect_uri)];
    sendPage(res, page, targets);
  }

  /** What stands in the field before anybody types: the client's hint, or the last server of this browser. */
  private suggestion({ req, interaction }: Visit): string {
    for (const text of [interaction.params.login_hint, this.parts.cookies.lastServer(req)]) {
      try {
        const { host, username } = parseAddress(text, this.parts.developmentOrigins);
        return username === undefined ? host : `@${username}@${host}`;
      } catch {
        // Not an address; somebody else's hint is not what the visitor has to be told about.
      }
    }
    return '';
  }

  private async submitted(visit: Visit): Promise<void> {
    const { req, res, interaction } = visit;
    const fields = await readOwnForm(req, pageKey(visit), this.parts.settings.issuerURL);
    if (!req.complete) res.setHeader('Connection', 'close');
    if (!fields) {
      const message = 'That did not reach us from this page. Please press the button again.';
      return this.show(visit, { message, status: 403 });
    }
    const action = fields.get('action');
    if (action === 'cancel') return this.end(res, interaction, cancelled);
    if (action !== 'continue') return this.begin(visit, fields.get('instance') ?? '');
    if (!mayContinue(interaction)) return this.show(visit);
    return this.end(res, interaction, await this.parts.interactions.consent(interaction));
  }

  private async begin(visit: Visit, typed: string): Promise<void> {
    const { key, interaction, res } = visit;
    const lang = languageOf(interaction.params.ui_locales);
    try {
      const { redirect } = await this.parts.login.begin(typed, key, {
        forceLogin: wantsAnotherLogin(interaction),
        ...(lang !== undefined && { lang }),
        state: { interaction: interaction.uid },
      });
      sendAway(res, redirect);
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      this.parts.hints.refused(error);
      // A proxy in front may show a page of its own in place of one that says "bad gateway".
      const status = error.code === 'store_failed' || error.status < 500 ? error.status : 422;
      return this.show(visit, { message: error.message, typed, status });
    }
  }

  /**
   * The way back from an instance.
   * @param answer path and query
   */
  async callback(req: IncomingMessage, res: ServerResponse, answer: string): Promise<void> {
    if (req.method !== 'GET') {
      res.setHeader('Allow', 'GET');
      return sendPage(res, wrongMethodPage());
    }
    const key = this.parts.cookies.browserKey(req);
    if (key === undefined) return sendPage(res, expiredPage());
    try {
      const { profile, state } = await this.parts.login.finish(answer, key);
      const interaction = await this.interactionOf(state, key);
      if (!interaction) return sendPage(res, expiredPage());
      const subject = subjectOf(profile);
      await this.parts.accounts.remember(subject, claimsOf(profile));
      this.parts.cookies.rememberServer(res, profile.instance.host);
      const { log } = this.parts.settings;
      log('login', { client: interaction.params.client_id, instance: profile.instance.host });
      return await this.end(res, interaction, await this.parts.interactions.login(interaction, subject));
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      return this.refused(res, key, error);
    }
  }

  /** A denial is the client's to know; after anything else the visitor may try again. */
  private async refused(res: ServerResponse, key: string, error: MastodonError): Promise<void> {
    const interaction = await this.interactionOf((error as { state?: unknown }).state, key);
    if (!interaction) return sendPage(res, failedPage(error.status, error.message));
    if (error.code === 'access_denied') return this.end(res, interaction, cancelled);
    await this.parts.bindings.bind(interaction.uid, key, { message: error.message });
    sendAway(res, `${this.parts.settings.issuerURL}/login/${interaction.uid}`);
  }

  private async interactionOf(state: unknown, key: string): Promise<Interaction | undefined> {
    const { interaction: uid } = (state ?? {}) as { interaction?: unknown };
    if (typeof uid !== 'string' || !(await this.parts.bindings.find(uid, key))) return undefined;
    return this.parts.interactions.find(uid);
  }

  private async end(res: ServerResponse, interaction: Interaction, result: Result): Promise<void> {
    sendAway(res, await this.parts.interactions.end(interaction, result));
  }
}

const cancelled: Result = {
  error: 'access_denied',
  error_description: 'the login was cancelled',
};

/** A proof holds for one browser and one login. */
function pageKey({ key, interaction }: Pick<Visit, 'key' | 'interaction'>): string {
  return `${key}:${interaction.uid}`;
}

/** A login is there, and it is not a login that the client asked for. */
function mayContinue({ session, prompt }: Interaction): boolean {
  return session?.accountId !== undefined && prompt.name !== 'login';
}

/** The instance would otherwise send the visitor straight back, as whoever is logged in there. */
function wantsAnotherLogin({ session, params }: Interaction): boolean {
  const prompts = String(params.prompt ?? '').split(' ');
  return session?.accountId !== undefined || prompts.includes('login') || prompts.includes('select_account');
}

function noteFor({ prompt, session }: Interaction): string | undefined {
  if (prompt.reasons.includes('id_token_hint')) {
    return 'It expects the account that you used there before. Please log in with that one.';
  }
  return prompt.name === 'login' && session?.accountId !== undefined
    ? 'It wants you to log in once more.'
    : undefined;
}

function languageOf(locales: unknown): string | undefined {
  return typeof locales === 'string' ? /^[a-z]{2,3}(-[a-z\d]{2,8})*/i.exec(locales)?.[0] : undefined;
}
