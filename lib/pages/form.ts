/** Reads the forms of our pages, and checks that they were sent from our page in the same browser. */

import type { IncomingMessage } from 'node:http';
import { digest } from '../util/crypto.js';

const maxBodyBytes = 4096;

type RequestWithBody = IncomingMessage & { body?: unknown };

/**
 * The hidden field `proof` of a form. It is valid for one key.
 * @param key a secret of the browser, together with what the form is for
 */
export function formTokenFor(key: string): string {
  return digest(`form:${key}`);
}

/**
 * The fields of a form that was sent from our page. The proof shows that this browser, which has the key in a cookie, has loaded
 * the page. `Sec-Fetch-Site` and `Origin` are checked too, because other hosts of the domain can set cookies.
 * @param key as for `formTokenFor`
 * @returns `undefined` if the form was not sent from our page
 */
export async function readOwnForm(
  req: IncomingMessage,
  key: string,
  publicURL: string,
): Promise<URLSearchParams | undefined> {
  const fields = await readFields(req, maxBodyBytes);
  return isFromOwnPage(req, publicURL) && fields?.get('proof') === formTokenFor(key) ? fields : undefined;
}

/** Whether a form was sent from our pages, or by a browser that sends neither header. */
export function isFromOwnPage({ headers }: Pick<IncomingMessage, 'headers'>, publicURL: string): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin') return false;
  // Browsers send "null" from pages with `Referrer-Policy: no-referrer`, such as ours.
  return origin === undefined || origin === 'null' || origin === new URL(publicURL).origin;
}

/**
 * The fields of a form. Uses the body that the application's parser has read, or reads it.
 * @returns `undefined` for a body of more than `maxBytes`, and for an incomplete one
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
    for await (const chunk of req.readableEnded ? [] : req) {
      length += (chunk as Buffer).length;
      // The rest stays unread; the caller closes the connection.
      if (length > maxBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    return undefined;
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
