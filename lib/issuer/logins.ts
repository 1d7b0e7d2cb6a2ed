/** The login page, the redirect to the instance, its callback, and the end of an interaction. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { someServers } from '../button/servers.js';
import { addressIn } from '../discovery/address.js';
import { MastodonError } from '../errors.js';
import type { FinishedWithScope } from '../login/login.js';
import { formTokenFor, readOwnForm } from '../pages/form.js';
import { sendRedirect, sendPage, sendWrongMethod } from '../pages/page.js';
import { isDeliberate } from '../pages/press.js';
import { scriptURL } from '../pages/router.js';
import { accountName, claimsOf, fitsHint, subjectOf, type Claims } from './claims.js';
import type { Interaction, Interactions, Result } from './interactions.js';
import { expiredPage, failedLoginPage, loginPage } from './pages.js';
import type { Shared } from './shared.js';
import { accountRecord } from './store.js';

/** Lifetime of the cookie that has the browser's last server: the longest that Chromium accepts. Seconds. */
const serverMaxAge = 400 * 24 * 60 * 60;

/** A request of the browser to which the interaction belongs. */
interface Visit {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly key: string;
  readonly interaction: Interaction;
}

/** The state of the page after a form that did not lead to a redirect. */
interface Shown {
  readonly message?: string | undefined;
  readonly typed?: string;
  readonly status?: number;
  readonly isAskedAgain?: boolean;
}

export class IssuerLogins {
  constructor(
    private readonly shared: Shared,
    private readonly interactions: Interactions,
  ) {}

  /** Shows the login page, or handles its form. */
  async page(req: IncomingMessage, res: ServerResponse, uid: string): Promise<void> {
    if (req.method !== 'GET' && req.method !== 'POST') return sendWrongMethod(res, 'GET, POST');
    const key = this.shared.cookies.browserKey(req);
    const found = await this.interactions.find(uid, key);
    if (key === undefined || !found) return sendPage(res, expiredPage);
    const visit: Visit = { req, res, key, interaction: found.interaction };
    return req.method === 'POST' ? this.submitted(visit) : this.show(visit, { message: found.refusal });
  }

  /** Changes nothing: any link can lead here, with any `login_hint`. */
  private async show(visit: Visit, shown: Shown = {}): Promise<void> {
    const { interaction, req, res } = visit;
    const { store, cookies, settings } = this.shared;
    const client = await this.interactions.clientOf(interaction);
    const sessionOf = interaction.session?.accountId;
    const claims = sessionOf === undefined ? undefined : await store.get<Claims>(accountRecord(sessionOf));
    const hinted = this.shownAddress(interaction.params.login_hint);
    const page = loginPage({
      client,
      proof: formTokenFor(pageKey(visit)),
      typed: shown.typed ?? hinted ?? this.shownAddress(cookies.read(req, 'server')) ?? '',
      isHinted: shown.typed === undefined && hinted !== undefined,
      refusal: shown.message,
      status: shown.status ?? 200,
      isAskedAgain: shown.isAskedAgain ?? false,
      account: mayContinue(interaction) && claims ? accountName(claims) : undefined,
      days: isOffline(interaction) ? Math.ceil(settings.refreshTtl / 86_400) : undefined,
      note: noteFor(interaction),
      script: scriptURL(settings.issuerURL),
      servers: [
        ...[...settings.loginSettings.developmentOrigins].map((origin) => new URL(origin).host),
        // `allowInstance` cannot be listed.
        ...(settings.login.allowInstance === undefined ? someServers : []),
      ],
    });
    sendPage(res, page);
  }

  /** A server or a handle, as the field shows it; undefined for other text. */
  private shownAddress(text: unknown): string | undefined {
    const address = addressIn(text, this.shared.settings.loginSettings.developmentOrigins);
    return address?.username === undefined ? address?.host : `@${address.username}@${address.host}`;
  }

  private async submitted(visit: Visit): Promise<void> {
    const { req, res, interaction } = visit;
    const fields = await readOwnForm(req, pageKey(visit), this.shared.settings.issuerURL);
    if (!req.complete) res.setHeader('Connection', 'close');
    if (!fields) {
      const message = 'That did not reach us from this page. Please press the button again.';
      return this.show(visit, { message, status: 403 });
    }
    const action = fields.get('action');
    if (action === 'cancel') return this.end(res, interaction, cancelled);
    if (!isDeliberate(fields) && (await this.interactions.clientOf(interaction)).isUnknown) {
      return this.show(visit, { typed: fields.get('instance') ?? '', isAskedAgain: true });
    }
    if (action !== 'continue') return this.begin(visit, fields.get('instance') ?? '');
    if (!mayContinue(interaction)) return this.show(visit);
    return this.end(res, interaction, await this.interactions.consent(interaction));
  }

  private async begin(visit: Visit, typed: string): Promise<void> {
    const { key, interaction, res } = visit;
    const lang = requestedLanguage(interaction.params.ui_locales);
    try {
      const { redirect } = await this.shared.login.begin(typed, key, {
        forceLogin: wantsAnotherLogin(interaction),
        ...(lang !== undefined && { lang }),
        state: { interaction: interaction.uid },
      });
      sendRedirect(res, redirect);
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      // A proxy in front may replace a page with a status such as 502 or 504 with its own page.
      const status = error.code === 'store_failed' || error.status < 500 ? error.status : 422;
      return this.show(visit, { message: error.message, typed, status });
    }
  }

  /**
   * Handles the authorization response of an instance.
   * @param response path and query
   */
  async callback(req: IncomingMessage, res: ServerResponse, response: string): Promise<void> {
    if (req.method !== 'GET') return sendWrongMethod(res, 'GET');
    const { login, cookies, settings } = this.shared;
    const key = cookies.browserKey(req);
    let finished: FinishedWithScope | undefined;
    let isDelivered = false;
    try {
      finished = await login.finishWithScope(response, key ?? []);
      const { profile, state } = finished;
      const found = await this.interactions.find(uidIn(state), key);
      if (!found) return sendPage(res, expiredPage);
      cookies.set(res, 'server', profile.instance.host, serverMaxAge);
      isDelivered = await this.loggedIn(req, res, found.interaction, subjectOf(profile), claimsOf(profile));
    } catch (error) {
      if (!(error instanceof MastodonError)) throw error;
      return await this.refused(res, key, error, (finished ?? error).state);
    } finally {
      if (settings.revokeToken || !isDelivered) finished?.revoke();
    }
  }

  /**
   * OpenID Connect Core, section 3.1.2.1: a client that names a person gets a code for that person only.
   * @returns whether the client gets a code
   */
  private async loggedIn(
    req: IncomingMessage,
    res: ServerResponse,
    interaction: Interaction,
    subject: string,
    claims: Claims,
  ): Promise<boolean> {
    const { store, settings } = this.shared;
    const { client_id: id, id_token_hint: token, login_hint: hint } = interaction.params;
    const client = String(id);
    const instance = new URL(String(claims.mastodon_instance)).host;
    const hinted = token === undefined ? subject : subjectIn(String(token));
    if (hinted !== subject || !fitsHint(hint, claims, settings.loginSettings.developmentOrigins)) {
      settings.log('client_refused', { client, instance, reason: 'another account than the hint names' });
      await this.end(res, interaction, otherAccount);
      return false;
    }
    await store.set(accountRecord(subject), claims, settings.longestTtl * 1000);
    settings.log('login', { client, instance });
    await this.end(res, interaction, await this.interactions.login(req, res, interaction, subject));
    return true;
  }

  /** A denial goes to the client. After other errors the visitor may try again. */
  private async refused(
    res: ServerResponse,
    key: string | undefined,
    error: MastodonError,
    state: unknown,
  ): Promise<void> {
    const { interaction } = (await this.interactions.find(uidIn(state), key)) ?? {};
    if (key === undefined || !interaction) return sendPage(res, failedLoginPage(error));
    if (error.code === 'access_denied') return this.end(res, interaction, cancelled);
    await this.interactions.bind(interaction.uid, key, error.message);
    sendRedirect(res, `${this.shared.settings.issuerURL}/login/${interaction.uid}`);
  }

  private async end(res: ServerResponse, interaction: Interaction, result: Result): Promise<void> {
    sendRedirect(res, await this.interactions.end(interaction, result));
  }
}

const cancelled: Result = {
  error: 'access_denied',
  error_description: 'the login was cancelled',
};

const otherAccount: Result = {
  error: 'login_required',
  error_description: 'another account logged in than the hint names',
};

/** The interaction in the state of a login. */
function uidIn(state: unknown): unknown {
  return (state as { interaction?: unknown } | undefined)?.interaction;
}

/** The `sub` of an ID token. oidc-provider has verified its signature. */
function subjectIn(token: string): unknown {
  const [, payload = ''] = token.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub?: unknown }).sub;
}

/** A proof is valid for one browser and one login. */
function pageKey({ key, interaction }: Pick<Visit, 'key' | 'interaction'>): string {
  return `${key}:${interaction.uid}`;
}

/** Whether the client asks for refresh tokens. oidc-provider has removed the scope where it may not have them. */
function isOffline({ params }: Interaction): boolean {
  return String(params.scope).split(' ').includes('offline_access');
}

/** Whether a user is logged in and the client does not ask for a new login. */
function mayContinue({ session, prompt }: Interaction): boolean {
  return session?.accountId !== undefined && prompt.name !== 'login';
}

/** Whether the instance should show its login page although an account is logged in there. */
function wantsAnotherLogin({ session, params }: Interaction): boolean {
  const prompts = String(params.prompt ?? '').split(' ');
  return session?.accountId !== undefined || prompts.includes('login') || prompts.includes('select_account');
}

function noteFor({ prompt, session }: Interaction): string | undefined {
  if (session !== undefined && prompt.reasons.some((reason) => reason.endsWith('_hint'))) {
    return 'It expects the account that you used there before. Please log in with that one.';
  }
  return prompt.name === 'login' && session?.accountId !== undefined
    ? 'It wants you to log in once more.'
    : undefined;
}

function requestedLanguage(locales: unknown): string | undefined {
  return typeof locales === 'string' ? /^[a-z]{2,3}(-[a-z\d]{2,8})*/i.exec(locales)?.[0] : undefined;
}
