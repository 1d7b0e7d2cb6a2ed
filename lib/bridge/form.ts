/** Whether the button of our own page was pressed, and nobody else's. */

import type { IncomingMessage } from 'node:http';
import { digest } from '../store.js';

const maxBodyBytes = 4096;

type RequestWithBody = IncomingMessage & { body?: unknown };

/** What the page's form holds: known to who has seen the page, of no use for another request or browser. */
export function proofFor(key: string): string {
  return digest(`form:${key}`);
}

/**
 * The form's value shows that the page was seen, and the cookie behind it that this browser saw it. What browsers say
 * of the origin is asked too, since sites on the same domain can plant cookies.
 * @param key the browser's, from its cookie
 */
export async function isOwnForm(req: IncomingMessage, key: string, publicURL: string): Promise<boolean> {
  const { origin, 'sec-fetch-site': site } = req.headers;
  const proof = await proofOf(req);
  if (site !== undefined && site !== 'same-origin') return false;
  // "null" is what browsers send from pages that ask for no referrer, as ours do.
  if (origin !== undefined && origin !== 'null' && origin !== new URL(publicURL).origin) return false;
  return proof === proofFor(key);
}

/** The application may have read the body already; otherwise it is read here. */
async function proofOf(req: RequestWithBody): Promise<unknown> {
  const { body } = req;
  if (typeof body === 'object' && body !== null) {
    return Object.hasOwn(body, 'proof') ? (body as { proof?: unknown }).proof : undefined;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  if (!req.readableEnded) {
    for await (const chunk of req) {
      length += (chunk as Buffer).length;
      // Not read further; the answer closes the connection.
      if (length > maxBodyBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
  }
  return new URLSearchParams(Buffer.concat(chunks).toString()).get('proof');
}
