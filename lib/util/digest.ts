/** SHA-256 digests for keys, proofs and code challenges. */

import { hash } from 'node:crypto';

/** @returns base64url, 43 characters of `[A-Za-z0-9_-]` */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}
