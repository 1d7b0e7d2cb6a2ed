/** Judges an authorization server metadata document (RFC 8414): it may speak for its own origin only. */

import { MastodonError } from '../errors.js';
import type { JsonObject } from '../net/json.js';

export interface Metadata {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Mastodon's name for it is `app_registration_endpoint`: POST /api/v1/apps, not RFC 7591. */
  readonly registrationEndpoint?: string;
  readonly revocationEndpoint?: string;
  readonly promisesIssuer: boolean;
  readonly scopesSupported?: readonly string[];
}

/**
 * An instance could name another server as its token endpoint and so be handed that server's codes and
 * ours its secrets (mix-up, RFC 9700 section 4.4). So the issuer and every endpoint must lie on `origin`.
 * @throws MastodonError `instance_insecure`, or `response_invalid` when a required member is missing.
 */
export function readMetadata(document: JsonObject, origin: string): Metadata {
  const issuer = requiredText(document, 'issuer');
  if (withoutSlash(issuer) !== origin) throw foreign('issuer', origin);
  for (const [name, value] of Object.entries(document)) {
    if (name.endsWith('_endpoint') && value !== null && !isOn(origin, value)) throw foreign(name, origin);
  }
  const scopes = document.scopes_supported;
  return {
    issuer: origin,
    authorizationEndpoint: requiredText(document, 'authorization_endpoint'),
    tokenEndpoint: requiredText(document, 'token_endpoint'),
    ...optionalText('registrationEndpoint', document.app_registration_endpoint),
    ...optionalText('revocationEndpoint', document.revocation_endpoint),
    promisesIssuer: document.authorization_response_iss_parameter_supported === true,
    ...(Array.isArray(scopes) && {
      // Kept with every login that is begun, so it must not be long.
      scopesSupported: scopes
        .filter((scope): scope is string => typeof scope === 'string' && scope.length < 64)
        .slice(0, 100),
    }),
  };
}

/** Issuers differ by a trailing slash between servers and between places on one server. */
export function withoutSlash(issuer: string): string {
  return issuer.endsWith('/') ? issuer.slice(0, -1) : issuer;
}

function isOn(origin: string, value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 2048 || !URL.canParse(value)) return false;
  const url = new URL(value);
  return url.origin === origin && url.username === '' && url.password === '' && url.hash === '';
}

function requiredText(document: JsonObject, name: string): string {
  const value = document[name];
  if (typeof value === 'string') return value;
  throw new MastodonError('response_invalid', { cause: new Error(`the metadata has no ${name}`) });
}

function optionalText<K extends string>(key: K, value: unknown): { readonly [P in K]?: string } {
  return (typeof value === 'string' ? { [key]: value } : {}) as { readonly [P in K]?: string };
}

function foreign(name: string, origin: string): MastodonError {
  return new MastodonError('instance_insecure', {
    instance: new URL(origin).host,
    cause: new Error(`the metadata's ${name} is not on the instance's own origin`),
  });
}
