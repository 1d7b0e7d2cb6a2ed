/** The record of a client: what is kept of an app that was registered at an instance, and under which keys. */

import type { Instance, PinnedInstance, Settings } from '../options.js';
import { digest } from '../util/digest.js';
import { storeKey } from '../store.js';
import type { AppDescription, ClientCredentials } from './registration.js';
import { leastScope, misskeyScope } from '../discovery/software.js';
import { clientIdAt } from './url-client.js';

/** Credentials as they are stored. */
export interface Client extends ClientCredentials {
  /** The store's key of the app's current credentials. */
  readonly key: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** Milliseconds since the epoch, as all times here. */
  readonly registeredAt: number;
  /** When the instance was last asked whether it knows the client; 0 for never. */
  readonly provedAt: number;
  /** When the instance was first seen to refuse a made-up code. Before that nobody is logged in with the client. */
  readonly checkedAt?: number;
  /** When it was seen to do so after somebody had agreed there. */
  readonly recheckedAt?: number;
  /** When a login was last finished with it, give or take a moment; absent from one that was never used. */
  readonly finishedAt?: number;
  readonly secretExpiresAt?: number;
  /** When it replaced another one without a proof that this one was dead. */
  readonly replacedAt?: number;
  /** How many before it were so replaced in a row, and never used. */
  readonly inVain?: number;
  /** The client before it, if that one was used: tokens of its time belong to it. */
  readonly former?: string;
}

/** How long an app that nobody has used yet is kept: anybody can make any number of them. */
export const unusedTtlMs = 60 * 60 * 1000;
/** How long one that was used is kept after the last login, and how long its tokens find it. */
export const usedTtlMs = 90 * 24 * 60 * 60 * 1000;

/** A login that was begun with it at the last moment has to come back to it. */
const loginsComeBackMs = 15 * 60 * 1000;

/** How long it is found by its ID. */
export function ownTtlOf(client: Client): number {
  return ttlOf(client) + loginsComeBackMs;
}

export function ttlOf(client: Client): number {
  return client.finishedAt === undefined ? unusedTtlMs : usedTtlMs;
}

/** What this site is there: what it registers with, or what its document says. */
export function describeApp(instance: Instance, settings: Settings): AppDescription {
  const { clientName, callbackURL, clientMetadataURL, website } = settings;
  // What the site asks for is said in Mastodon's words.
  const scope = instance.api === 'misskey' ? misskeyScope : (settings.scope ?? leastScope(instance));
  const { host, clientMetadata } = instance;
  return {
    ...{ clientName, redirectURI: `${callbackURL}/${host}`, scope, website },
    ...(clientMetadataURL &&
      clientMetadata && { clientId: clientIdAt(clientMetadataURL, host, clientMetadata) }),
  };
}

/** Known by a URL of this site's. Nothing was given for it, so it cannot be lost, and cannot die. */
export function isKnownByURL({ clientSecret }: ClientCredentials): boolean {
  return clientSecret === undefined;
}

/** Where the current client of an app is kept once it was used. */
export function clientKey(instance: Instance, app: AppDescription): string {
  return storeKey(
    'client',
    instance.host,
    instance.origin,
    app.clientName,
    app.redirectURI,
    app.scope,
    app.website ?? '',
    ...(app.clientId === undefined ? [] : [app.clientId]),
  );
}

export function grantKey({ host, origin }: PinnedInstance, refreshToken: string): string {
  return storeKey('grant', host, origin, refreshToken);
}

/** Where it is kept before: under a kind of its own, so that a flood of new ones pushes no used one out of a store. */
export function newClientKey(key: string): string {
  return key.replace(':client:', ':client-new:');
}

/** Where any client is found by its ID, current or replaced, by the logins and tokens that belong to it. */
export function ownKey(key: string, clientId: string): string {
  return `${key.replace(':client:', ':client-own:')}:${digest(clientId)}`;
}

/** What its successor has to know of a replaced client. */
export function successionKey(key: string): string {
  return key.replace(':client:', ':client-past:');
}

/** What comes out of a store may be half a record or another program's. */
export function isClient(value: unknown): value is Client {
  const record = (value ?? {}) as Record<string, unknown>;
  return (
    ['clientId', 'key', 'redirectURI', 'scope'].every((name) => typeof record[name] === 'string') &&
    (typeof record.clientSecret === 'string' ||
      (record.clientSecret === undefined && /^https:\/\//.test(record.clientId as string))) &&
    typeof record.registeredAt === 'number' &&
    typeof record.provedAt === 'number'
  );
}
