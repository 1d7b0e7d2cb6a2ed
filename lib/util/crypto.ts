/** SHA-256 digests; and encryption of text with a shared secret, for stores and message buses without access to it. */

import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** SHA-256. @returns base64url, 43 characters of `[A-Za-z0-9_-]` */
export function digest(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** Compares two secrets in constant time. */
export function isEqualSecret(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(digest(given)), Buffer.from(digest(expected)));
}

const ivBytes = 12;
const tagBytes = 16;

/**
 * Encrypts with AES-256-GCM. The key is derived from the secret and the purpose (HKDF, RFC 5869).
 * @param secret with at least 128 random bits
 * @param purpose of the text; decryption needs the same purpose
 * @returns base64url
 */
export function encrypt(secret: string, purpose: string, text: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', keyFor(secret, purpose), iv);
  const content = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), content]).toString('base64url');
}

/** @returns `undefined` for text that was encrypted with another secret or purpose */
export function decrypt(secret: string, purpose: string, encrypted: string): string | undefined {
  const bytes = Buffer.from(encrypted, 'base64url');
  const start = ivBytes + tagBytes;
  if (bytes.length < start) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyFor(secret, purpose), bytes.subarray(0, ivBytes));
    decipher.setAuthTag(bytes.subarray(ivBytes, start));
    return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}

/** The purpose is hashed, because HKDF in Node.js takes at most 1,024 bytes of it. */
function keyFor(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', digest(purpose), 32));
}
