/** The claims of OpenID Connect about a user. */

import { createHash } from 'node:crypto';
import { addressIn } from '../discovery/address.js';
import { MastodonError } from '../errors.js';
import type { MastodonProfile } from '../login/profile.js';
import type { ClientSettings } from './client-options.js';

/** OpenID Connect Core, section 2: `sub` has at most 255 ASCII characters. */
const maxSubject = 255;

export type Claims = Readonly<Record<string, string | boolean>>;

/** All claims, for the discovery document. */
export const profileClaims = [
  'name',
  'preferred_username',
  'nickname',
  'profile',
  'picture',
  'mastodon_handle',
  'mastodon_handle_verified',
  'mastodon_actor',
  'mastodon_instance',
  'mastodon_software',
];

export const emailClaims = ['email', 'email_verified'];

/**
 * The `sub` of an account: its key, unique across instances.
 * @throws MastodonError `response_invalid`
 */
export function subjectOf({ id, instance }: MastodonProfile): string {
  if (id.length <= maxSubject && /^[\x21-\x7e]+$/.test(id)) return id;
  const cause = new Error(`the account's key has more than ${maxSubject} characters`);
  throw new MastodonError('response_invalid', { instance: instance.host, cause });
}

/** Unconfirmed and empty claims are absent. */
export function claimsOf(profile: MastodonProfile): Claims {
  const { displayName, username, handle, handleVerified, profileUrl, photos, actor, instance } = profile;
  const claims = {
    name: displayName,
    preferred_username: handle,
    // Some servers have e-mail addresses as user names. It may be the address of another person.
    nickname: username.includes('@') ? undefined : username,
    profile: profileUrl,
    picture: photos[0]?.value,
    mastodon_handle: handle,
    mastodon_handle_verified: handle === '' ? undefined : handleVerified,
    mastodon_actor: actor,
    mastodon_instance: instance.origin,
    mastodon_software: instance.software,
  };
  return Object.fromEntries(
    Object.entries(claims).filter(([, value]) => value !== undefined && value !== ''),
  ) as Claims;
}

/** The claims for one client. */
export function claimsFor(
  { emailDomain, usesNickname }: ClientSettings,
  subject: string,
  { preferred_username: handle, ...claims }: Claims,
): Claims & { readonly sub: string } {
  const username = usesNickname ? claims.nickname : handle;
  return {
    ...claims,
    ...(username !== undefined && { preferred_username: username }),
    ...(emailDomain !== undefined && {
      email: placeholderEmail(subject, emailDomain),
      email_verified: false,
    }),
    sub: subject,
  };
}

/**
 * An invented address for clients that require one. Mastodon gives none, and a handle, which looks like one, may be the
 * mailbox of another person.
 */
export function placeholderEmail(subject: string, domain: string): string {
  const name = createHash('sha256').update(`placeholder:${subject}`).digest('hex').slice(0, 32);
  return `${name}@${domain}`;
}

/** The name of an account on the login page. */
export function accountName({ mastodon_handle: handle, name, mastodon_instance: origin }: Claims): string {
  return typeof handle === 'string' ? `@${handle}` : `${String(name)} (${new URL(String(origin)).host})`;
}

/** Whether these claims belong to the user that a `login_hint` names. A hint with a server alone fits all its accounts. */
export function fitsHint(
  hint: unknown,
  { mastodon_handle: handle, nickname, mastodon_instance: origin }: Claims,
  developmentOrigins: ReadonlySet<string>,
): boolean {
  const hinted = addressIn(hint, developmentOrigins);
  if (hinted?.username === undefined) return true;
  const own = [handle, `${String(nickname)}@${new URL(String(origin)).host}`];
  const named = `${hinted.username}@${hinted.host}`.toLowerCase();
  return own.some((name) => typeof name === 'string' && name.toLowerCase() === named);
}
