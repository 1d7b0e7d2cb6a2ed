/** Reads the visitor's server from a form, from JSON, or from the query. */

import { MastodonError } from '../errors.js';
import { isDevelopment, warnOnce } from '../events.js';
import { sentAsText } from '../login/browser.js';

const field = 'instance';

/** Maximum size of a request body. A form with one field is far smaller. Bytes. */
const maxBodyBytes = 16_384;

const readableTypes = ['application/x-www-form-urlencoded', 'multipart/form-data', 'application/json'];

/**
 * The field, unvalidated. The address parser validates it.
 * @param timeoutMs for the whole body
 * @throws MastodonError `instance_missing`, `instance_invalid`
 */
export async function typedInstance(request: Request, timeoutMs: number): Promise<unknown> {
  const { headers, url, bodyUsed: wasRead } = request;
  const contentType = headers.get('content-type') ?? '';
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  let values: unknown[] = [];
  if (!wasRead && readableTypes.includes(type)) {
    const bytes = await bytesOf(request, timeoutMs);
    const body = new Response(bytes, { headers: { 'Content-Type': contentType } });
    try {
      if (bytes.byteLength === 0) values = [];
      else if (type !== 'application/json') values = (await body.formData()).getAll(field);
      else {
        const value = ((await body.json()) as Record<string, unknown> | null)?.[field];
        if (value !== undefined && value !== null) values = [value];
      }
    } catch {
      throw missing('the body of the request is not what its Content-Type says');
    }
  }
  if (values.length === 0) values = new URL(url, 'http://localhost').searchParams.getAll(field);
  // The address parser refuses an array.
  if (values.length > 0) return values.length > 1 ? values : values[0];
  const isForm = request.method !== 'GET' && isDevelopment();
  if (wasRead) {
    if (isForm)
      warnOnce(
        'MASTODON_NO_BODY',
        'createLogin: the body of the request was read before begin(), which was given no instance. Pass what the form says, ' +
          'as in begin(request, { instance }), and check the name of the field that you read',
      );
    throw missing(
      `the body of the request was read before: pass what it says, as in begin(request, { ${field} })`,
    );
  }
  if (isForm && type === 'text/plain') warnOnce('MASTODON_NO_BODY', `createLogin: ${sentAsText}`);
  else if (isForm)
    warnOnce(
      'MASTODON_NO_FIELD',
      'createLogin: a form was sent, and none of its fields is "instance". Name the input so, or read the form yourself and ' +
        'pass what it says, as in begin(request, { instance })',
    );
  throw missing(`neither body nor query have a field "${field}"`);
}

/** @throws MastodonError for a body that is too long or too slow; the rest is not read */
async function bytesOf({ body }: Request, timeoutMs: number): Promise<ArrayBuffer> {
  let length = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      length += chunk.length;
      if (length <= maxBodyBytes) return controller.enqueue(chunk);
      const cause = `the body of the request has more than ${maxBodyBytes} bytes`;
      throw new MastodonError('instance_invalid', { status: 413, cause });
    },
  });
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await new Response(body?.pipeThrough(limit, { signal })).arrayBuffer();
  } catch (error) {
    if (error instanceof MastodonError) throw error;
    if (signal.aborted) throw missing(`the body of the request did not arrive within ${timeoutMs} ms`, 408);
    throw missing('the body of the request broke off');
  }
}

function missing(why: string, status?: number): MastodonError {
  return new MastodonError('instance_missing', { ...(status && { status }), cause: why });
}
