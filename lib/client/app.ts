/** The app that this site is at an instance: what it registers with, and the keys of its records. */

import { digest } from '../util/digest.js';
import type { Settings, Instance } from '../options.js';
import { leastScope, misskeyScope } from '../discovery/software.js';
import { storeKey, type Store } from '../store.js';
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
  /** The scope was given for one login, so that its token belongs to another client than most. */
  readonly isScopeOfLogin: boolean;
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
    isScopeOfLogin: scope !== undefined,
    ...(clientId && { clientId }),
    key: digest(
      JSON.stringify([origin, clientName, redirectURI, setOf(asked), website ?? '', clientId ?? '']),
    ),
  };
}

/** The same text for the same scopes. */
function setOf(scope: string): string {
  return [...new Set(scope.split(' '))].sort().join(' ');
}

/** Each set of scopes is an app of its own at each instance. */
const maxScopes = 16;

/** Since the last login with them. */
const scopesTtlMs = 90 * 24 * 60 * 60 * 1000;

/**
 * The sets of scopes that logins of this site asked for in place of its own: by their clients tokens are revoked, and the client
 * metadata document declares them.
 */
export class LoginScopes {
  private readonly key: string;

  constructor(
    private readonly store: Store,
    { clientName, callbackURL }: Pick<Settings, 'clientName' | 'callbackURL'>,
  ) {
    this.key = storeKey('scopes', '', clientName, callbackURL);
  }

  async list(): Promise<readonly string[]> {
    const { scopes } = ((await this.store.cached(this.key)) ?? {}) as { readonly scopes?: unknown };
    return Array.isArray(scopes) ? scopes.filter((one) => typeof one === 'string').slice(0, maxScopes) : [];
  }

  /** @throws TypeError for one set more than 16: scopes come from the site, and not from its visitors */
  async add(scope: string): Promise<void> {
    const asked = setOf(scope);
    const known = await this.list();
    if (!known.includes(asked) && known.length === maxScopes) {
      throw new TypeError(
        `MastodonLogin: logins have asked for ${maxScopes} different sets of scopes, and "scope" holds another one. Choose from ` +
          'a few fixed sets, and take none from the request',
      );
    }
    await this.store.cache(this.key, { scopes: [...new Set([...known, asked])] }, scopesTtlMs);
  }
}

/** Kinds of records. Those of apps with which no login was finished have kinds of their own, so that a flood of new ones evicts none in use. */
export type ClientRecordKind =
  'client' | 'client-unused' | 'credentials' | 'credentials-unused' | 'code-check';

/** @param clientId of the records that belong to one client, and not to the app */
export function recordKey(kind: ClientRecordKind, host: string, appKey: string, clientId = ''): string {
  return storeKey(kind, host, appKey, clientId);
}
