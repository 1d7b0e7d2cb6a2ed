/** Exchanges an authorization code for a token (RFC 6749, section 4.1.3), and judges the answer. */

import { MastodonError } from '../errors.js';
import type { ClientCredentials } from '../client/client.js';
import {
  assertFromServer,
  jsonObject,
  jsonObjectOrNone,
  type JsonObject,
  isSuccess,
  isUnavailable,
} from '../http/answer.js';
import type { RequestContext } from '../http/context.js';
import { postForm, type Answer } from '../http/request.js';
import type { Transaction } from './transactions.js';

/** What an instance gave for a code, or for a refresh token. */
export interface Tokens {
  readonly accessToken: string;
  /** Few servers give one: Pleroma, Akkoma, Pixelfed. */
  readonly refreshToken: string | undefined;
  /** The token endpoint's whole answer, as Passport's verify functions know it. */
  readonly params: JsonObject;
}

/**
 * Offers the code once; a code is never offered again, whatever comes back.
 * @param extra further parameters; none of the protocol's own can be changed by them
 * @throws MastodonError `token_refused`, `login_restart`, `instance_unreachable`, `instance_blocked`, `response_invalid`,
 *   `response_too_large` or `timeout`
 */
export function exchangeCode(
  context: RequestContext,
  { instance, redirectURI, codeVerifier, scope }: Transaction,
  client: ClientCredentials,
  code: string,
  extra: Readonly<Record<string, string>> = {},
): Promise<Tokens> {
  const form = {
    ...extra,
    grant_type: 'authorization_code',
    code,
    // In the body: Basic authentication fails on GoToSocial, Iceshrimp and Mitra.
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: redirectURI,
    code_verifier: codeVerifier,
    // Iceshrimp takes a default of its own for a request without.
    scope,
  };
  return postForm(context, instance.tokenEndpoint, form, (answer) => readTokens(answer, instance.host));
}

/** A refusal that may mean an unknown client as well as an unknown code. */
export class UnclearRefusal extends Error {}

/** Judges the token endpoint's answer: by its status first, by the error's name second. @throws as `exchangeCode` */
export function readTokens(answer: Answer, instance: string): Tokens {
  const { status } = answer;
  assertFromServer(answer);
  if (!isSuccess(status)) {
    const error = errorIn(answer);
    const named = error === undefined ? '' : ` with the error "${error}"`;
    const cause = new Error(`the token endpoint answered ${status}${named}`);
    if (isUnavailable(status)) throw new MastodonError('instance_unreachable', { instance, cause });
    if (error === 'invalid_client') throw new MastodonError('login_restart', { instance, cause });
    const isClear = error === 'invalid_grant' || (status !== 400 && status !== 401);
    throw new MastodonError('token_refused', {
      instance,
      cause: isClear ? cause : new UnclearRefusal(cause.message),
    });
  }
  const params = jsonObject(answer);
  const { access_token: accessToken, refresh_token: refreshToken, token_type: type } = params;
  if (!isToken(accessToken) || (type !== undefined && !isBearer(type))) {
    throw new MastodonError('response_invalid', {
      instance,
      cause: new Error('no bearer token in the answer'),
    });
  }
  return { accessToken, refreshToken: isToken(refreshToken) ? refreshToken : undefined, params };
}

/** The error's name (RFC 6749, section 5.2). Misskey's API has it as `error.code`. Other text of a server is not repeated. */
function errorIn(answer: Answer): string | undefined {
  const { error } = jsonObjectOrNone(answer) ?? {};
  const { code = error } = Object(error) as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Za-z][A-Za-z_]{0,39}$/.test(code) ? code : undefined;
}

function isBearer(type: unknown): boolean {
  return typeof type === 'string' && /^bearer$/i.test(type);
}

/** The token goes into a header as it is (RFC 6750, section 2.1). */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,8192}$/.test(value);
}
