/** What a client is told about who logged in: the profile in the words of OpenID. */

import { createHash } from 'node:crypto';
import { MastodonError } from '../errors.js';
import type { MastodonProfile } from '../login/profile.js';

/** OpenID Connect Core, section 2: `sub` has at most 255 ASCII characters. */
const maxSubject = 255;

export type Claims = Readonly<Record<string, string | boolean>>;

/** Every claim there can be, for the discovery document. */
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
 * The account's key, unique across instances; nothing else identifies anybody.
 * @throws MastodonError `response_invalid`
 */
export function subjectOf({ id, instance }: MastodonProfile): string {
  if (id.length <= maxSubject && /^[\x21-\x7e]+$/.test(id)) return id;
  const cause = new Error(`the account's key has more than ${maxSubject} characters`);
  throw new MastodonError('response_invalid', { instance: instance.host, cause });
}

/** What the profile leaves out, because the instance did not prove it, is absent here, too. */
export function claimsOf(profile: MastodonProfile): Claims {
  const { displayName, username, handle, handleVerified, profileUrl, photos, actor, instance } = profile;
  const [photo] = photos;
  return {
    name: displayName,
    preferred_username: handle,
    nickname: username,
    ...(profileUrl !== undefined && { profile: profileUrl }),
    ...(photo && { picture: photo.value }),
    mastodon_handle: handle,
    mastodon_handle_verified: handleVerified,
    ...(actor !== undefined && { mastodon_actor: actor }),
    mastodon_instance: instance.origin,
    ...(instance.software !== undefined && { mastodon_software: instance.software }),
  };
}

/**
 * An address for clients that cannot do without one. Mastodon tells none, and a handle, which looks like one, may be
 * somebody's mailbox: so it lies below `.invalid` (RFC 2606), where no mail can ever be received, and says nothing.
 */
export function placeholderEmail(subject: string): Claims {
  const name = createHash('sha256').update(`placeholder:${subject}`).digest('hex').slice(0, 32);
  return { email: `${name}@mastodon.invalid`, email_verified: false };
}
