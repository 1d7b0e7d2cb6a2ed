/** The app that this site is at an instance: what it registers with, and the keys of its records. */

import { digest } from '../util/digest.js';
import type { Settings, Instance } from '../options.js';
import { leastScope, misskeyScope } from '../discovery/software.js';
import { storeKey } from '../store.js';
import { withHost } from '../util/url.js';
import { clientIdAt } from './metadata-document.js';

/** Another value of any of these needs another app. */
export interface App {
  readonly host: string;
  readonly clientName: string;
  readonly redirectURI: string;
  readonly scope: string;
  /** The site asked for this very scope, so that no other one may take its place. */
  readonly isScopeOfSite: boolean;
  readonly website: string | undefined;
  /** The URL of the client metadata document, at an instance that registers no client. */
  readonly clientId?: string;
  /** Stands for all of them in the keys of records. */
  readonly key: string;
}

/** @param scope for this login alone; default: the site's own, else the least that reads the profile */
export function describeApp(instance: Instance, settings: Settings, scope?: string): App {
  const { clientName, callbackURL, clientMetadataURL, website } = settings;
  const { host, origin, clientMetadata } = instance;
  // Scopes are named as Mastodon names them; Misskey's are others.
  const ofSite = instance.api === 'misskey' ? undefined : (scope ?? settings.scope);
  const asked = ofSite ?? (instance.api === 'misskey' ? misskeyScope : leastScope(instance));
  const redirectURI = withHost(callbackURL, host);
  const clientId = clientMetadataURL && clientMetadata && clientIdAt(clientMetadataURL, host, clientMetadata);
  return {
    ...{ host, clientName, redirectURI, scope: asked, isScopeOfSite: ofSite !== undefined, website },
    ...(clientId && { clientId }),
    key: digest(JSON.stringify([origin, clientName, redirectURI, asked, website ?? '', clientId ?? ''])),
  };
}

/** Kinds of records. Those of apps with which no login was finished have kinds of their own, so that a flood of new ones evicts none in use. */
export type ClientRecordKind =
  'client' | 'client-unused' | 'credentials' | 'credentials-unused' | 'code-check';

/** @param clientId of the records that belong to one client, and not to the app */
export function recordKey(kind: ClientRecordKind, host: string, appKey: string, clientId = ''): string {
  return storeKey(kind, host, appKey, clientId);
}
