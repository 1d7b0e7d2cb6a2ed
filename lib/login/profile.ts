/** Turns an instance's answer about an account into a Passport profile, believing it only about its own. */

import { MastodonError } from '../errors.js';
import type { AccountAnswer } from './account.js';
import { proveHandle, type Fetcher, type ProvedHandle } from '../discovery/webfinger.js';
import { parseAddress } from '../discovery/address.js';
import { isPublicHostname } from '../http/addresses.js';
import type { PinnedInstance } from '../options.js';
import { parsedURL } from '../util/url.js';

/** Who logged in, as far as the instance tells it and it could be checked. */
export interface MastodonProfile {
  provider: 'mastodon';
  /**
   * The account's key, unique across instances: `<origin>#<local id>`, for example
   * `https://mastodon.social#7112`. The only field to find a user by.
   */
  id: string;
  /** The account's own ID at its instance, as its API takes it: `7112`. Other instances have accounts with the same one. */
  localId: string;
  /** As the instance tells it: `alice`; on some servers `Jane Doe`, or a whole e-mail address. No handle, and no key. */
  username: string;
  /** As the person wrote it: any text, to be escaped. */
  displayName: string;
  /** The account's page; http(s), on the instance's host or its proved handle domain. */
  profileUrl?: string;
  /** The avatar; http(s), on a public name. */
  photos: Array<{ value: string }>;
  /**
   * `alice@example.com`, the domain in ASCII. Can change hands: for showing, not for keys. The empty string where the
   * user name makes no handle, such as `Jane Doe`.
   */
  handle: string;
  /** Whether the handle's domain is the instance itself, or both have confirmed it by WebFinger. */
  handleVerified: boolean;
  /** ActivityPub actor URI, when it lies on the instance's origin or was proved by WebFinger. */
  actor?: string;
  /** Where the account lives: `https://mastodon.social`, `mastodon.social`, and the software's name in lower case. */
  instance: { origin: string; host: string; software?: string };
  /** The instance's answer as it came. Anything in it is the instance's claim. */
  _raw: string;
  /** The same, parsed. */
  _json: MastodonAccount;
}

/**
 * What an instance tells about an account, by the names of Mastodon's entity CredentialAccount (Misskey's are others). The types are
 * those of Mastodon's documentation; nothing of it was checked, and each server has its own selection.
 */
export interface MastodonAccount {
  readonly id?: string;
  readonly username?: string;
  readonly acct?: string;
  readonly display_name?: string;
  /** Biography, as HTML of the instance. */
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

/** Facts about an account that were checked for their form, not for their truth. */
interface Claims {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  /** Host of the handle, as the address parser spells it; undefined where it is none. */
  readonly handleDomain: string | undefined;
  readonly url: URL | undefined;
  readonly avatar: URL | undefined;
  readonly actor: URL | undefined;
}

/**
 * Where the instance says that its handles have another domain, this asks both for proof; and where it tells of no actor,
 * itself for that. Otherwise nothing is sent.
 * @throws MastodonError `response_invalid`
 */
export async function buildProfile(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  instance: PinnedInstance,
  account: AccountAnswer,
): Promise<MastodonProfile> {
  const claims = readClaims(account, instance, developmentOrigins);
  const { username, handleDomain, actor } = claims;
  const needsProof = handleDomain !== instance.host || instance.api === 'misskey';
  const proof =
    handleDomain !== undefined && needsProof && makesHandle(username)
      ? await proofOf(fetcher, developmentOrigins, instance, `${username}@${handleDomain}`, actor)
      : undefined;
  return believed(instance, account, claims, proof);
}

async function proofOf(
  fetcher: Fetcher,
  developmentOrigins: ReadonlySet<string>,
  instance: PinnedInstance,
  handle: string,
  actor: URL | undefined,
): Promise<ProvedHandle | undefined> {
  try {
    const { origin } = parseAddress(handle, developmentOrigins);
    const proved = await proveHandle(fetcher, developmentOrigins, origin, handle);
    return proved?.origin === instance.origin && isSameName(proved, handle, actor) ? proved : undefined;
  } catch {
    return undefined;
  }
}

/** Some servers tell `Alice` from `alice`. Only the actor, told by the account too, shows that both are one. */
function isSameName(proved: ProvedHandle, handle: string, actor: URL | undefined): boolean {
  if (proved.handle === handle) return true;
  return proved.handle.toLowerCase() === handle.toLowerCase() && proved.actor === actor?.href;
}

/** @throws MastodonError `response_invalid` when there is no usable id or user name */
export function readClaims(
  account: AccountAnswer,
  instance: PinnedInstance,
  developmentOrigins: ReadonlySet<string>,
): Claims {
  const { entity: json = account.json } = account;
  const username = json.username;
  if (typeof username !== 'string' || !isUserName(username)) throw invalid(instance, 'no usable username');
  const displayName = typeof json.display_name === 'string' ? showable(json.display_name) : '';
  const pleroma = (json.pleroma ?? {}) as { ap_id?: unknown };
  const avatar = webURL(json.avatar);
  return {
    id: localId(json.id, instance),
    username,
    displayName: displayName === '' ? username : displayName,
    handleDomain: handleDomainOf(json, instance, developmentOrigins),
    url: webURL(json.url),
    avatar: avatar && isShowable(avatar, instance) ? avatar : undefined,
    actor: webURL(json.uri) ?? webURL(pleroma.ap_id),
  };
}

function handleDomainOf(
  json: AccountAnswer['json'],
  instance: PinnedInstance,
  developmentOrigins: ReadonlySet<string>,
): string | undefined {
  const acct = typeof json.acct === 'string' ? json.acct : '';
  const claimed = acct.includes('@') ? domainOf(acct) : (instance.accountDomain ?? instance.host);
  if (claimed === instance.host) return claimed;
  try {
    return parseAddress(`x@${claimed}`, developmentOrigins).host;
  } catch {
    return undefined;
  }
}

/** Pure: which of the claims are believed. */
export function believed(
  instance: PinnedInstance,
  account: AccountAnswer,
  claims: Claims,
  proof: ProvedHandle | undefined,
): MastodonProfile {
  const { origin, host, software } = instance;
  const isHandle = makesHandle(claims.username);
  const hosts = proof ? [host, domainOf(proof.handle)] : [host];
  const profileUrl = claims.url && hosts.includes(claims.url.host) ? claims.url.href : undefined;
  // A claimed actor that contradicts the proved one is not believed, and neither is one elsewhere.
  const actor = proof?.actor ?? (claims.actor?.origin === origin ? claims.actor.href : undefined);
  return {
    provider: 'mastodon',
    id: `${origin}#${claims.id}`,
    localId: claims.id,
    username: claims.username,
    displayName: claims.displayName,
    ...(profileUrl !== undefined && { profileUrl }),
    photos: claims.avatar ? [{ value: claims.avatar.href }] : [],
    handle: isHandle ? `${claims.username}@${proof ? domainOf(proof.handle) : host}` : '',
    handleVerified: isHandle && (proof !== undefined || claims.handleDomain === host),
    ...(actor !== undefined && { actor }),
    instance: { origin, host, ...(software !== undefined && { software }) },
    _raw: account.raw,
    _json: account.json,
  };
}

/**
 * Numbers, ULIDs, UUIDs, FlakeIds and hex digests are all made of these. A number beyond 2^53 has already lost
 * digits to the JSON parser and would make one user of several accounts.
 */
function localId(value: unknown, instance: PinnedInstance): string {
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{1,128}$/.test(value)) return value;
  if (Number.isSafeInteger(value) && Number(value) >= 0) return String(value);
  throw invalid(instance, 'no usable account id');
}

/**
 * Mastodon's are ASCII. Pleroma's end with a hyphen, WordPress's hold spaces and e-mail addresses, others are in any
 * script; what could turn, hide or mark up the text around it is in none.
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

/** What can stand before the @; without letters that are others in disguise (RFC 8264, section 9.17). */
function makesHandle(username: string): boolean {
  return /^[^@+~ ]+$/.test(username) && username.normalize('NFKC') === username.normalize('NFC');
}

/** A visitor's browser fetches the picture, perhaps inside a private network. */
function isShowable(avatar: URL, instance: PinnedInstance): boolean {
  return avatar.origin === instance.origin || isPublicHostname(avatar.hostname);
}

/** Code points; Mastodon allows 30, others more. */
const longestName = 500;

/** Without what no name needs: control characters, halves of characters, and marks that turn the text around it. */
function showable(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, '').trim();
  return [...plain.slice(0, 2 * longestName)].slice(0, longestName).join('');
}

/** An http(s) URL without credentials; `javascript:` and its like would run in the page that shows it. */
function webURL(value: unknown): URL | undefined {
  if (typeof value !== 'string' || value.length > 2048 || !/^https?:\/\//i.test(value)) return undefined;
  const url = parsedURL(value);
  if (url === undefined) return undefined;
  // The URL parser encodes quotes in a path but leaves them in a host, from where they break out of an attribute.
  return url.username === '' && url.password === '' && /^[\w.:[\]-]+$/.test(url.host) ? url : undefined;
}

function domainOf(handle: string): string {
  return handle.slice(handle.lastIndexOf('@') + 1);
}

function invalid(instance: PinnedInstance, why: string): MastodonError {
  return new MastodonError('response_invalid', {
    instance: instance.host,
    cause: new Error(`the account has ${why}`),
  });
}
