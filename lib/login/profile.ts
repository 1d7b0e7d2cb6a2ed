/** Creates a Passport profile from an account, and checks claims about other domains. */

import { MastodonError } from '../errors.js';
import type { AccountAnswer } from './account.js';
import { domainIn, followHandle, type Fetcher, type ConfirmedHandle } from '../discovery/webfinger.js';
import { addressIn, parseAddress } from '../discovery/address.js';
import { isPublicHostname } from '../http/addresses.js';
import type { PinnedInstance } from '../options.js';
import { parsedURL } from '../util/url.js';

/** The user who logged in. */
export interface MastodonProfile {
  provider: 'mastodon';
  /**
   * The account's key, unique across instances: `<origin>#<local id>`, for example
   * `https://mastodon.social#7112`. Identify users by this field only.
   */
  id: string;
  /** The account's ID at its instance, as the API uses it: `7112`. It is not unique across instances. */
  localId: string;
  /**
   * User name as the instance reports it: `alice`. On some servers it is `Jane Doe` or an e-mail address. Do not use it
   * as a key.
   */
  username: string;
  /** Display name, as the user wrote it. Any text: escape it in HTML. */
  displayName: string;
  /** URL of the account's page. http(s), on the instance's host or its verified handle domain. */
  profileUrl?: string;
  /** The avatar. http(s), on a public name. */
  photos: Array<{ value: string }>;
  /**
   * `alice@example.com`, with the domain in ASCII. For display only: a handle can move to another user. Empty if the
   * user name cannot be part of a handle, such as `Jane Doe`.
   */
  handle: string;
  /** Whether the handle's domain is the instance, or both confirm the handle by WebFinger. */
  handleVerified: boolean;
  /** ActivityPub actor URI, if it is on the instance's origin or was verified by WebFinger. */
  actor?: string;
  /** The instance: origin, host, and name of the software in lower case. */
  instance: { origin: string; host: string; software?: string };
  /** The instance's response body. Its content is unverified. */
  _raw: string;
  /** `_raw`, parsed. */
  _json: MastodonAccount;
}

/**
 * An account, as the instance reports it. The names are those of Mastodon's entity CredentialAccount (Misskey uses
 * other names). The types are those of Mastodon's documentation. Nothing is verified, and servers omit members.
 */
export interface MastodonAccount {
  readonly id?: string;
  readonly username?: string;
  readonly acct?: string;
  readonly display_name?: string;
  /** Biography, as unsanitised HTML. */
  readonly note?: string;
  readonly url?: string;
  readonly avatar?: string;
  readonly header?: string;
  readonly locked?: boolean;
  readonly bot?: boolean;
  readonly created_at?: string;
  readonly followers_count?: number;
  readonly following_count?: number;
  readonly statuses_count?: number;
  readonly fields?: ReadonlyArray<{ name: string; value: string; verified_at?: string | null }>;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

/** Claims of an account. Their format is checked, their content is not. */
interface AccountClaims {
  readonly id: string;
  /** Whether the user name can be part of a handle. */
  readonly isHandle: boolean;
  readonly username: string;
  readonly displayName: string;
  /** Domain of the handle, normalised by the address parser. Undefined if it is invalid. */
  readonly handleDomain: string | undefined;
  /** The handle, if another server has to confirm it, or the account names no actor. */
  readonly handleToConfirm: string | undefined;
  readonly url: URL | undefined;
  readonly avatar: URL | undefined;
  readonly actor: URL | undefined;
}

/**
 * Asks the server of the handle's domain, and the instance that it names, to confirm the handle and the actor.
 * @returns undefined if they do not confirm it, or cannot be reached
 */
export async function confirmHandle(
  fetcher: Fetcher,
  instance: PinnedInstance,
  handle: string,
  { actor }: AccountClaims,
): Promise<ConfirmedHandle | undefined> {
  try {
    const { origin } = parseAddress(handle, fetcher.developmentOrigins);
    const { confirmed } = (await followHandle(fetcher, origin, handle)) ?? {};
    if (confirmed?.origin !== instance.origin) return undefined;
    if (confirmed.handle === handle) return confirmed;
    // Some servers distinguish `Alice` and `alice`. Only an actor that the account also names shows that both are one.
    const isOne = confirmed.handle.toLowerCase() === handle.toLowerCase() && confirmed.actor === actor?.href;
    return isOne ? confirmed : undefined;
  } catch {
    return undefined;
  }
}

/** @throws MastodonError `response_invalid` when there is no usable id or user name */
export function readClaims(
  account: AccountAnswer,
  instance: PinnedInstance,
  developmentOrigins: ReadonlySet<string>,
): AccountClaims {
  const { entity: json = account.json } = account;
  const { id, username } = json;
  if (typeof username !== 'string' || !isUserName(username)) throw invalid(instance, 'no usable username');
  // Numbers, ULIDs, UUIDs, FlakeIds and hex digests consist of these characters. A number above 2^53 is refused: the JSON
  // parser rounds it, so several accounts would get one ID.
  const isId =
    typeof id === 'string' ? /^[A-Za-z0-9_-]{1,128}$/.test(id) : Number.isSafeInteger(id) && Number(id) >= 0;
  if (!isId) throw invalid(instance, 'no usable account id');
  const name = typeof json.display_name === 'string' ? json.display_name : '';
  // Without control characters, lone surrogates and direction marks.
  const shown = name.replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  const acct = typeof json.acct === 'string' ? json.acct : '';
  let handleDomain: string | undefined = acct.includes('@')
    ? domainIn(acct)
    : (instance.accountDomain ?? instance.host);
  if (handleDomain !== instance.host) handleDomain = addressIn(`x@${handleDomain}`, developmentOrigins)?.host;
  // A name with compatibility variants of letters cannot be part of a handle (RFC 8264, section 9.17).
  const isHandle = /^[^@+~ ]+$/.test(username) && username.normalize('NFKC') === username.normalize('NFC');
  // An account of Misskey names no actor.
  const isOpen = handleDomain !== undefined && (handleDomain !== instance.host || instance.api === 'misskey');
  const pleroma = (json.pleroma ?? {}) as { ap_id?: unknown };
  const avatar = webURL(json.avatar);
  // A visitor's browser fetches the picture, perhaps inside a private network.
  const isPublic = avatar?.origin === instance.origin || isPublicHostname(avatar?.hostname ?? '');
  return {
    id: String(id),
    username,
    isHandle,
    displayName: [...shown.slice(0, 2 * longestName)].slice(0, longestName).join('') || username,
    handleDomain,
    handleToConfirm: isHandle && isOpen ? `${username}@${handleDomain}` : undefined,
    url: webURL(json.url),
    avatar: isPublic ? avatar : undefined,
    actor: webURL(json.uri) ?? webURL(pleroma.ap_id),
  };
}

/**
 * The profile: what the claims and the confirmation support. Sends no request.
 * @param confirmed the handle, if its server confirms it
 */
export function buildProfile(
  instance: PinnedInstance,
  account: AccountAnswer,
  claims: AccountClaims,
  confirmed: ConfirmedHandle | undefined,
): MastodonProfile {
  const { origin, host, software } = instance;
  const { isHandle } = claims;
  const hosts = confirmed ? [host, domainIn(confirmed.handle)] : [host];
  const profileUrl = claims.url && hosts.includes(claims.url.host) ? claims.url.href : undefined;
  // A claimed actor on another origin is ignored. A verified actor takes precedence.
  const actor = confirmed?.actor ?? (claims.actor?.origin === origin ? claims.actor.href : undefined);
  return {
    provider: 'mastodon',
    id: `${origin}#${claims.id}`,
    localId: claims.id,
    username: claims.username,
    displayName: claims.displayName,
    ...(profileUrl !== undefined && { profileUrl }),
    photos: claims.avatar ? [{ value: claims.avatar.href }] : [],
    handle: isHandle ? `${claims.username}@${confirmed ? domainIn(confirmed.handle) : host}` : '',
    handleVerified: isHandle && (confirmed !== undefined || claims.handleDomain === host),
    ...(actor !== undefined && { actor }),
    instance: { origin, host, ...(software !== undefined && { software }) },
    _raw: account.raw,
    _json: account.json,
  };
}

/**
 * Mastodon's user names are ASCII. Pleroma's may end with a hyphen. WordPress's contain spaces and e-mail addresses.
 * Others use any script. Characters that change the direction or markup of surrounding text are refused.
 */
function isUserName(text: string): boolean {
  return (
    text.length <= 256 &&
    /^[\p{L}\p{N}_.+~-][\p{L}\p{M}\p{N}_.@+~ -]*$/u.test(text) &&
    /[\p{L}\p{N}_]/u.test(text) &&
    !/\p{Default_Ignorable_Code_Point}/u.test(text) &&
    !text.endsWith(' ')
  );
}

/** Code points; Mastodon allows 30, others more. */
const longestName = 500;

/** An http(s) URL without credentials. `javascript:` and similar URLs would run in the page that shows them. */
function webURL(value: unknown): URL | undefined {
  if (typeof value !== 'string' || value.length > 2048 || !/^https?:\/\//i.test(value)) return undefined;
  const url = parsedURL(value);
  if (url === undefined) return undefined;
  // The URL parser encodes quotes in a path but not in a host, where they would end an HTML attribute.
  return url.username === '' && url.password === '' && /^[\w.:[\]-]+$/.test(url.host) ? url : undefined;
}

function invalid(instance: PinnedInstance, why: string): MastodonError {
  return new MastodonError('response_invalid', { instance: instance.host, cause: `the account has ${why}` });
}
