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

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws MastodonError `response_too_large` or `response_invalid`; and whatever breaks the stream. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  if (Number(response.headers['content-length']) > maxBytes) throw new MastodonError('response_too_large');
  const body = await bytesOf(decoded(response), maxBytes);
  try {
    return utf8.decode(body);
  } catch {
    throw new MastodonError('response_invalid', { cause: new Error('the body is not UTF-8') });
  }
}

/** By its events: an asynchronous iterator costs as much as all the rest of a small answer. */
function bytesOf(stream: Readable, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) return void chunks.push(chunk);
      reject(new MastodonError('response_too_large'));
      // A decoder would go on with what it has, a thousandfold.
      stream.destroy();
    });
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.on('close', () => {
      if (!stream.readableEnded) reject(new Error('the connection was closed within the body'));
    });
  });
}

function decoded(response: IncomingMessage): Readable {
  const encoding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return response;
  if (!Object.hasOwn(decoders, encoding)) {
    throw new MastodonError('response_invalid', { cause: new Error('unknown content encoding') });
  }
  // Who reads from the decoder sees every error that pipeline passes on; nothing is left to do here.
  return pipeline(response, decoders[encoding as keyof typeof decoders](), () => undefined);
}
