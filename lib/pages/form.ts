/** Whether the button of our own page was pressed, and nobody else's; and what was sent with it. */

import type { IncomingMessage } from 'node:http';
import { digest } from '../util/digest.js';

const maxBodyBytes = 4096;

type RequestWithBody = IncomingMessage & { body?: unknown };

/** What the page's form holds: known to who has seen the page, of no use for another request or browser. */
export function proofFor(key: string): string {
  return digest(`form:${key}`);
}

/**
 * The form's value shows that the page was seen, and the cookie behind it that this browser saw it. What browsers say
 * of the origin is asked too, since sites on the same domain can plant cookies.
 * @param key what the proof on the page was made of, with the browser's secret in it
 * @returns the form's fields; `undefined` if it did not provably come from the page
 */
export async function readOwnForm(
  req: IncomingMessage,
  key: string,
  publicURL: string,
): Promise<URLSearchParams | undefined> {
  const { origin, 'sec-fetch-site': site } = req.headers;
  const fields = await readFields(req, maxBodyBytes);
  if (site !== undefined && site !== 'same-origin') return undefined;
  // "null" is what browsers send from pages that ask for no referrer, as ours do.
  if (origin !== undefined && origin !== 'null' && origin !== new URL(publicURL).origin) return undefined;
  return fields?.get('proof') === proofFor(key) ? fields : undefined;
}

/**
 * The fields of a form. The application may have read the body already; otherwise it is read here.
 * @returns `undefined` for a body of more bytes, and for one that breaks off: whoever sent it is gone
 */
export async function readFields(
  req: RequestWithBody,
  maxBytes: number,
): Promise<URLSearchParams | undefined> {
  const { body } = req;
  if (typeof body === 'object' && body !== null) {
    const texts = Object.entries(body).flatMap(([name, value]) =>
      [value].flat().map((one: unknown) => [name, one] as const),
    );
    return new URLSearchParams(texts.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  }
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // A stream that has ended is asked for nothing.
    for await (const chunk of req.readableEnded ? [] : req) {
      length += (chunk as Buffer).length;
      // Not read further; the answer closes the connection.
      if (length > maxBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
