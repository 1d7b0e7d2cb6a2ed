/** Reads the visitor's server from a form, from JSON, or from the query. */

import { MastodonError } from '../errors.js';
import { isDevelopment, warnOnce } from '../events.js';

const field = 'instance';

/** Maximum size of a request body. A form with one field is far smaller. Bytes. */
const maxBodyBytes = 16_384;

/**
 * The field, unvalidated. The address parser validates it.
 * @param timeoutMs for the whole body
 * @throws MastodonError `instance_missing`, `instance_invalid`
 */
export async function typedInstance(request: Request, timeoutMs: number): Promise<unknown> {
  const wasRead = request.bodyUsed;
  const typed = wasRead ? undefined : await fieldInBody(request, timeoutMs);
  const found = typed ?? only(new URL(request.url, 'http://localhost').searchParams.getAll(field));
  if (found !== undefined) return found;
  if (isDevelopment() && request.method !== 'GET') warnOfMissingField(wasRead);
  throw missing(
    wasRead
      ? `the body of the request was read before: pass what it says, as in begin(request, { ${field} })`
      : `neither body nor query have a field "${field}"`,
  );
}

function warnOfMissingField(wasRead: boolean): void {
  if (wasRead) {
    warnOnce(
      'MASTODON_NO_BODY',
      'createLogin: the body of the request was read before begin(), which was given no instance. Pass what the form says, as in ' +
        'begin(request, { instance }), and check the name of the field that you read',
    );
  } else {
    warnOnce(
      'MASTODON_NO_FIELD',
      'createLogin: a form was sent, and none of its fields is "instance". Name the input so, or read the form yourself and pass ' +
        'what it says, as in begin(request, { instance })',
    );
  }
}

async function fieldInBody(request: Request, timeoutMs: number): Promise<unknown> {
  const contentType = request.headers.get('content-type') ?? '';
  const read = readers[contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''];
  const bytes = read && (await bytesOf(request, timeoutMs));
  if (!bytes?.length) return undefined;
  try {
    return await read?.(bytes, contentType);
  } catch {
    throw missing('the body of the request is not what its Content-Type says');
  }
}

type Reader = (bytes: Uint8Array<ArrayBuffer>, contentType: string) => unknown;

const readers: Readonly<Record<string, Reader | undefined>> = {
  'application/x-www-form-urlencoded': (bytes) =>
    only(new URLSearchParams(new TextDecoder().decode(bytes)).getAll(field)),
  'multipart/form-data': async (bytes, contentType) => {
    const form = await new Response(bytes, { headers: { 'Content-Type': contentType } }).formData();
    return only(form.getAll(field));
  },
  'application/json': (bytes) =>
    (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown> | null)?.[field],
};

/** The only value. Several values stay an array, which the address parser refuses. */
function only(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

/** @throws MastodonError for a body that is too long or too slow; the rest is not read */
async function bytesOf({ body }: Request, timeoutMs: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const reader = body?.getReader();
  // A cancelled reader reports the end of the body.
  const cancel = () => void reader?.cancel().catch(() => undefined);
  const late = AbortSignal.timeout(timeoutMs);
  late.addEventListener('abort', cancel);
  try {
    for (let length = 0; reader;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > maxBodyBytes) throw tooLong();
      chunks.push(value);
    }
  } catch (error) {
    throw error instanceof MastodonError ? error : missing('the body of the request broke off');
  } finally {
    late.removeEventListener('abort', cancel);
    cancel();
  }
  if (late.aborted) throw missing(`the body of the request did not arrive within ${timeoutMs} ms`, 408);
  return Buffer.concat(chunks);
}

function tooLong(): MastodonError {
  const cause = `the body of the request has more than ${maxBodyBytes} bytes`;
  return new MastodonError('instance_invalid', { status: 413, cause });
}

function missing(why: string, status?: number): MastodonError {
  return new MastodonError('instance_missing', { ...(status && { status }), cause: why });
}
