/** SHA-256, as it stands in keys, proofs and code challenges. */

import { hash } from 'node:crypto';

/** 43 characters of `[A-Za-z0-9_-]`. */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}
