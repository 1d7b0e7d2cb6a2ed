/** Whether a client may be sent to its instance once more: one rule, without a network. */

import type { Client } from './client.js';

const minute = 60 * 1000;
const day = 24 * 60 * minute;

/** Servers that clean away unused apps (Pleroma) give them a little longer than this. */
const unusedTtlMs = 10 * minute;
/** A client is asked after at most this often. */
export const proofEveryMs = minute;
/** A client that replaced another without a proof has this long; twice as long each time in vain. */
const patienceMs = 10 * minute;
/** Longest time for a login at the instance, and some for the way. */
const secretNeededMs = 15 * minute;

export interface Doubt {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When this browser began the logins at the instance from which it never came back. */
  readonly unfinished: readonly number[];
  /** Whether the instance is known to answer a proof alike for living and dead clients. */
  readonly isMute: boolean;
}

/**
 * A login that was not finished is a sign that the instance has forgotten the client: people get stuck on an error page
 * there. The answer to the sign is a question to the instance; where that was just asked, or tells nothing, a new
 * client. Both are rationed, as anybody can give the sign. A login that was finished since is proof of life.
 */
export function decide(client: Client, { now, unfinished, isMute }: Doubt): 'use' | 'ask' | 'replace' {
  const { registeredAt, provedAt, finishedAt = 0, secretExpiresAt = Infinity } = client;
  if (secretExpiresAt - now < secretNeededMs && mayReplace(client, now)) return 'replace';
  const unexplained = unfinished.filter((at) => at >= Math.max(registeredAt, finishedAt));
  const isSuspicious = unexplained.length > 0;
  const age = now - Math.max(provedAt, registeredAt, finishedAt);
  const isStale = age > (finishedAt > 0 ? day : unusedTtlMs);
  if (!isSuspicious && !isStale) return 'use';
  if (!isMute && now - provedAt >= proofEveryMs) return 'ask';
  const sinceProof = unexplained.filter((at) => at >= provedAt).length;
  // A proof between two tries of one row was its answer; it takes another two to call that into question.
  const isUnanswered = sinceProof > 0 && (sinceProof === unexplained.length || sinceProof > 1);
  return isUnanswered && mayReplace(client, now) ? 'replace' : 'use';
}

/** Where one new client after another is not used either, registering is no cure. */
function mayReplace({ replacedAt, inVain = 0 }: Client, now: number): boolean {
  return replacedAt === undefined || now - replacedAt >= patienceMs * 2 ** Math.min(inVain, 10);
}
