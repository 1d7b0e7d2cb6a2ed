/** Reads one HTTP response as it arrives, within limits that count what comes out of decompression. */

import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { MastodonError } from '../errors.js';
import type { Headers, Reply } from './answer.js';

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** No brotli: a stream of a few hundred bytes can claim a window of 16 MiB. */
const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes on the wire beside the body: headers, interim responses, the frames of chunks. */
const maxOverheadBytes = 65_536;

const maxInterim = 256;

/** Each piece costs as much as some hundred bytes. A few small ones are usual, a body of small ones is an attack. */
const [freePieces, bytesPerPiece] = [1024, 64];

export class ReplyReader implements Dispatcher.DispatchHandler {
  /** Whether the response was read to its end. */
  isRead = false;
  private status = 0;
  private headers: Headers = {};
  private decoder: Gunzip | Inflate | undefined;
  private body = Buffer.alloc(0);
  private size = 0;
  private interim = 0;
  private pieces = 0;
  private received = 0;
  private isSettled = false;

  /**
   * @param maxBytes of the body
   * @param settled called once, with an error or the reply
   */
  constructor(
    private readonly maxBytes: number,
    private readonly settled: (error: Error | undefined, reply: Reply | undefined) => void,
  ) {}

  /** @param bytes that the connection has brought since the request */
  count(bytes: number): void {
    if (bytes > this.maxBytes + maxOverheadBytes) this.fail(tooLarge());
  }

  fail(error: Error): void {
    this.settle(error, undefined);
  }

  /** Undici tells its two kinds of handlers apart by this method. */
  onRequestStart(): void {
    return;
  }

  onResponseStart(_controller: unknown, status: number, fields: Fields): void {
    // Undici fails with an assertion at these.
    if (status < 100 || status === 101) throw invalid(`status ${status}`);
    if (status < 200) {
      if (++this.interim > maxInterim) throw tooLarge('too many interim responses');
      return;
    }
    this.status = status;
    this.headers = combined(fields);
    if (Number(this.headers['content-length']) > this.maxBytes) throw tooLarge();
    this.decoder = decoderFor(this.headers['content-encoding'])
      ?.on('data', (chunk: Buffer) => this.take(chunk))
      .on('end', () => this.finish())
      .on('error', (error) => this.fail(error));
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.received += chunk.length;
    if (++this.pieces > freePieces + this.received / bytesPerPiece)
      throw tooLarge('the body comes in tiny pieces');
    if (this.decoder) this.decoder.write(chunk);
    else this.take(chunk);
  }

  onResponseEnd(): void {
    this.isRead = true;
    if (this.decoder) this.decoder.end();
    else this.finish();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    // Undici's code for a body that was cut short, and for malformed headers among which is a length.
    const isMalformed = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && this.status === 0;
    this.fail(isMalformed ? invalid(code) : error);
  }

  /** Copies, so that no piece keeps the buffer of the socket that it is a part of. */
  private take(chunk: Buffer): void {
    if (this.isSettled) return;
    const size = this.size + chunk.length;
    if (size > this.maxBytes) return this.fail(tooLarge());
    if (size > this.body.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.maxBytes, Math.max(size, 2 * this.body.length)));
      this.body.copy(larger, 0, 0, this.size);
      this.body = larger;
    }
    chunk.copy(this.body, this.size);
    this.size = size;
  }

  private finish(): void {
    const { status, headers } = this;
    let text: string;
    try {
      text = utf8.decode(this.body.subarray(0, this.size));
    } catch {
      return this.fail(invalid('the body is not UTF-8'));
    }
    this.settle(undefined, { status, headers, text });
  }

  private settle(error: Error | undefined, reply: Reply | undefined): void {
    if (this.isSettled) return;
    this.isSettled = true;
    // A decoder would go on with what it has, a thousandfold.
    if (error) this.decoder?.destroy();
    this.settled(error, reply);
  }
}

/** Of these, Node.js takes the first as well; of all others, the list of all. */
const single: ReadonlySet<string> = new Set(['content-length', 'content-type', 'location', 'retry-after']);

function combined(fields: Fields): Headers {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'object') headers[name] = value;
    else headers[name] = single.has(name) ? value[0] : value.join(', ');
  }
  return headers;
}

function decoderFor(encoding = 'identity'): Gunzip | Inflate | undefined {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return undefined;
  if (Object.hasOwn(decoders, name)) return decoders[name as keyof typeof decoders]();
  throw invalid('unknown content encoding');
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: new Error(why) });
}

function tooLarge(why?: string): MastodonError {
  return new MastodonError('response_too_large', { cause: why === undefined ? undefined : new Error(why) });
}
