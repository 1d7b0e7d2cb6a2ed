/** The visitor's part of a login, in order: the page of a request, its button, the way back from the instance, the result. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MastodonError } from '../errors.js';
import type { FinishedWithScope, MastodonLogin } from '../login/login.js';
import { PageCookies } from '../pages/cookies.js';
import { formTokenFor, readOwnForm } from '../pages/form.js';
import { sendRedirect, sendPage, sendWrongMethod } from '../pages/page.js';
import { isDeliberate } from '../pages/press.js';
import { pageRouter, scriptURL, type Router } from '../pages/router.js';
import type { BridgeSettings } from './options.js';
import {
  confirmationPage,
  connectedPage,
  failedRequestPage,
  inUsePage,
  noCookiePage,
  unknownPage,
  type ConfirmationDetails,
} from './page.js';
import { bridgeError, fulfill, loginError } from './protocol.js';
import type { PendingRequest, Requests } from './requests.js';
import { codeFor, idIn, isID, loggedID, requestSecret, stateOf } from './secrets.js';

/** More than all scopes of any server together. */
const maxScopeLength = 2000;

export function createRouter(settings: BridgeSettings, login: MastodonLogin, requests: Requests): Router {
  const { clientName, publicURL, log } = settings;
  const cookies = new PageCookies(publicURL, 'bridge');

  async function request(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
    const { method } = req;
    if (method !== 'GET' && method !== 'POST') return sendWrongMethod(res, 'GET, HEAD, POST');
    const pending = await requests.find(id);
    if (!pending) return sendPage(res, unknownPage(clientName));
    if (method === 'POST') return press(req, res, pending);
    return confirm(res, pending, requestSecret(cookies.giveBrowserKey(req, res), id));
  }

  /** Only shows the page, because programs that render link previews open this URL too. */
  async function confirm(
    res: ServerResponse,
    { id, instance }: PendingRequest,
    secret: string,
    problem?: ConfirmationDetails['problem'],
  ): Promise<void> {
    if (await requests.isHeldByOtherBrowser(id, secret)) return sendPage(res, inUsePage(clientName));
    const [code, proof, script] = [codeFor(id), formTokenFor(secret), scriptURL(publicURL)];
    sendPage(res, confirmationPage({ clientName, host: instance.host, code, proof, script, problem }));
  }

  /** The request belongs to the browser from now on. */
  async function press(req: IncomingMessage, res: ServerResponse, pending: PendingRequest): Promise<void> {
    const { id, instance } = pending;
    const browserKey = cookies.browserKey(req);
    const secret = browserKey === undefined ? '' : requestSecret(browserKey, id);
    const fields = await readOwnForm(req, secret, publicURL);
    if (!req.complete) res.setHeader('Connection', 'close');
    if (browserKey === undefined) return sendPage(res, noCookiePage());
    if (!fields) return confirm(res, pending, secret, 'not from this page');
    if (!isDeliberate(fields)) return confirm(res, pending, secret, 'no second step');
    if (!(await requests.claim(pending, secret))) return sendPage(res, inUsePage(clientName));
    // The request stays: the connection of its process to the bus may be back in a moment.
    if (!(await requests.isAwaited(pending))) return sendPage(res, unknownPage(clientName));
    try {
      // The instance asks for consent even if the visitor has consented before, because any program can send a visitor there.
      const options = { forceLogin: true, state: stateOf(browserKey, id) };
      const { redirect } = await login.begin(instance.host, [browserKey], options);
      sendRedirect(res, redirect);
    } catch (error) {
      await fail(res, error, id);
    }
  }

  async function callback(req: IncomingMessage, res: ServerResponse, target: string): Promise<void> {
    if (req.method !== 'GET') return sendWrongMethod(res, 'GET');
    const browserKey = cookies.browserKey(req);
    let id: string | undefined;
    let finished: FinishedWithScope;
    try {
      finished = await login.finishWithScope(target, browserKey === undefined ? [] : [browserKey], {
        isWanted: async (state) => {
          id = idIn(state, browserKey);
          return id !== undefined && requests.isWanted(id, requestSecret(browserKey ?? '', id));
        },
      });
    } catch (error) {
      const known = error instanceof MastodonError ? error : undefined;
      // The visitor can begin an expired login again, and can open this URL again after a limit refused it.
      const isOpen = known?.code === 'login_expired' || known?.code === 'login_busy';
      const ended = isOpen ? undefined : (id ?? idIn(known?.state, browserKey));
      return fail(res, error, ended);
    }
    await deliver(res, finished, id ?? '');
  }

  async function deliver(res: ServerResponse, finished: FinishedWithScope, id: string): Promise<void> {
    const { accessToken: token, params, profile, askedScope } = finished;
    const scope = typeof params.scope === 'string' ? params.scope.slice(0, maxScopeLength) : askedScope;
    let isDelivered = false;
    try {
      isDelivered = await requests.finish(id, fulfill(id, token, scope, profile));
    } finally {
      if (!isDelivered && settings.revokeUndelivered) finished.revoke();
      const outcome = isDelivered ? 'fulfilled' : 'undelivered';
      log('request_ended', { id: loggedID(id), outcome, instance: profile.instance.host });
    }
    sendPage(res, isDelivered ? connectedPage(clientName, profile.handle) : unknownPage(clientName));
  }

  /** Ends the request, if it is known, and sends the reason to the program. */
  async function fail(res: ServerResponse, error: unknown, id: string | undefined): Promise<void> {
    const known = error instanceof MastodonError ? error : undefined;
    if (!known || known.code === 'store_failed') log('failed', { error });
    if (id !== undefined) {
      log('request_ended', { id: loggedID(id), outcome: known?.code ?? 'server_failed' });
      const text = known ? loginError(known.code, known.message, id) : bridgeError('server_failed', id);
      await requests.finish(id, text).catch((failed: unknown) => log('failed', { error: failed }));
    }
    sendPage(res, failedRequestPage(clientName, error));
  }

  return pageRouter({
    publicURL,
    login,
    callback,
    find(path, _query, isAlone) {
      const [, id] = /^\/auth\/([^/]+)\/?$/.exec(path) ?? [];
      // Other URLs below `/auth/` are the application's, as in `/auth/mastodon`.
      if (id === undefined || !(isAlone || isID(id))) return undefined;
      return { isForVisitors: true, serve: (req, res) => request(req, res, id) };
    },
    failure(error) {
      log('failed', { error });
      return failedRequestPage(clientName, error);
    },
  });
}
