/** The record of a client: what is kept of an app that was registered at an instance, and under which keys. */

import type { Instance, PinnedInstance, Settings } from '../options.js';
import { digest, storeKey } from '../store.js';
import type { AppDescription, ClientCredentials } from './registration.js';
import { leastScope } from './software.js';

/** Credentials as they are stored. */
export interface Client extends ClientCredentials {
  /** The store's key of the app's current credentials. */
  readonly key: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly registeredAt: number;
  readonly provedAt: number;
  /** A login was finished with them. */
  readonly used?: boolean;
}

/** What this site registers with there. */
export function describeApp(instance: Instance, settings: Settings): AppDescription {
  const { clientName, callbackURL, website, scope = leastScope(instance) } = settings;
  return { clientName, redirectURI: `${callbackURL}/${instance.host}`, scope, website };
}

/** Where the current client of an app is kept. */
export function clientKey(instance: Instance, app: AppDescription): string {
  return storeKey(
    'client',
    instance.host,
    instance.origin,
    app.clientName,
    app.redirectURI,
    app.scope,
    app.website ?? '',
  );
}

export function grantKey({ host, origin }: PinnedInstance, refreshToken: string): string {
  return storeKey('grant', host, origin, refreshToken);
}

export function ownKey(key: string, clientId: string): string {
  return `${key}:${digest(clientId)}`;
}

/** What comes out of a store may be half a record or another program's. */
export function isClient(value: unknown): value is Client {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    ['clientId', 'clientSecret', 'key', 'redirectURI', 'scope'].every(
      (name) => typeof record[name] === 'string',
    ) &&
    typeof record.registeredAt === 'number' &&
    typeof record.provedAt === 'number'
  );
}
