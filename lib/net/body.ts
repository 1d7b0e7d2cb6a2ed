/** Reads an answer's body within a limit that counts what comes out of decompression. */

import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { MastodonError } from '../errors.js';

/** No brotli: a stream of a few hundred bytes can claim a window of 16 MiB. */
const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
};

/** @throws MastodonError `response_too_large` or `response_invalid`; and whatever breaks the stream. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(response.headers['content-length']) > maxBytes) throw new MastodonError('response_too_large');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of decoded(response) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new MastodonError('response_too_large');
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new MastodonError('response_invalid', { cause: new Error('the body is not UTF-8') });
  }
}

function decoded(response: IncomingMessage): Readable {
  const encoding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return response;
  if (!Object.hasOwn(decoders, encoding)) {
    throw new MastodonError('response_invalid', { cause: new Error('unknown content encoding') });
  }
  // The iteration over the decoder sees every error that pipeline passes on; nothing is left to do here.
  return pipeline(response, decoders[encoding as keyof typeof decoders](), () => undefined);
}
