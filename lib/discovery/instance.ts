/** An instance: what is known of a server after discovery, and whether a stored record is one. */

import { parsedURL } from '../util/url.js';
import type { Instance, PinnedInstance } from '../options.js';
import { isOn } from './metadata.js';

export type { Instance, PinnedInstance };

/** The part of the record that a callback needs. */
export function pin(instance: Instance): PinnedInstance {
  const needed: Record<string, unknown> = { ...instance };
  for (const name of ['authorizationEndpoint', 'registrationEndpoint', 'scopesSupported'])
    delete needed[name];
  return needed as unknown as PinnedInstance;
}

/** Whether a value from a store is an instance. It may be half a record, or another program's. */
export function isInstance(value: unknown): value is Instance {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    isPinned(value) &&
    isOn(value.origin, record.authorizationEndpoint) &&
    (record.registrationEndpoint === undefined
      ? value.clientMetadata !== undefined
      : isOn(value.origin, record.registrationEndpoint)) &&
    (record.scopesSupported === undefined || Array.isArray(record.scopesSupported))
  );
}

export function isPinned(value: unknown): value is PinnedInstance {
  const record = (value ?? {}) as Record<string, unknown>;
  const { origin } = record;
  const url = typeof origin === 'string' ? parsedURL(origin) : undefined;
  if (!url || typeof origin !== 'string' || url.origin !== origin) return false;
  return (
    record.host === url.host &&
    record.issuer === origin &&
    typeof record.promisesIssuer === 'boolean' &&
    isOn(origin, record.tokenEndpoint) &&
    ['undefined', 'html', 'json'].includes(String(record.clientMetadata)) &&
    // PKCE and the issuer alone tell the responses of such servers apart.
    (record.clientMetadata === undefined || record.promisesIssuer) &&
    (record.api === undefined || (record.api === 'misskey' && record.clientMetadata === 'html')) &&
    (record.revocationEndpoint === undefined
      ? record.api !== undefined
      : isOn(origin, record.revocationEndpoint)) &&
    ['undefined', 'string'].includes(typeof record.software) &&
    ['undefined', 'string'].includes(typeof record.accountDomain)
  );
}
