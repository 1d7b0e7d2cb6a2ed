/** The user's latest posts, read with the token of the login. */

import type { Account } from './session';

export interface Post {
  id: string;
  content: string; // HTML, written by the instance
  created_at: string;
}

/** @returns undefined if the instance gives none, for example after the user revoked the token */
export async function postsOf({ origin, localId, accessToken }: Account): Promise<Post[] | undefined> {
  const url = `${origin}/api/v1/accounts/${encodeURIComponent(localId)}/statuses?limit=5&exclude_reblogs=true`;
  const headers = { Authorization: `Bearer ${accessToken}` };
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(5_000) });
    return response.ok ? ((await response.json()) as Post[]) : undefined;
  } catch {
    return undefined;
  }
}

/** The text of a post. React escapes it. */
export function textOf({ content }: Post): string {
  return content.replace(/<[^>]*>/g, ' ').trim();
}
