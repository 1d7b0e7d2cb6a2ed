/** Reads an answer's body as it comes, within a limit that counts what comes out of decompression. */

import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { MastodonError } from '../errors.js';

/** No brotli: a stream of a few hundred bytes can claim a window of 16 MiB. */
const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Hears once what became of a body: its text, or why there is none. */
type Read = (error: Error | undefined, text: string | undefined) => void;

export class BodyReader {
  private readonly chunks: Buffer[] = [];
  private readonly decoder: Gunzip | Inflate | undefined;
  private size = 0;

  /**
   * @param encoding the header `Content-Encoding`
   * @param read a body that is compressed is at its end where the compression is, whatever may follow
   * @throws MastodonError `response_invalid`
   */
  constructor(
    encoding: string | undefined,
    private readonly maxBytes: number,
    private readonly read: Read,
  ) {
    this.decoder = decoderFor(encoding);
    this.decoder
      ?.on('data', (chunk: Buffer) => this.take(chunk))
      .on('end', () => this.finish())
      .on('error', (error) => this.read(error, undefined));
  }

  write(chunk: Buffer): void {
    if (this.decoder) this.decoder.write(chunk);
    else this.take(chunk);
  }

  end(): void {
    if (this.decoder) this.decoder.end();
    else this.finish();
  }

  /** Nobody wants it any more: a decoder would go on with what it has, a thousandfold. */
  drop(): void {
    this.decoder?.destroy();
  }

  private take(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.size <= this.maxBytes) this.chunks.push(chunk);
    else this.read(new MastodonError('response_too_large'), undefined);
  }

  private finish(): void {
    let text: string;
    try {
      text = utf8.decode(Buffer.concat(this.chunks));
    } catch {
      const cause = new Error('the body is not UTF-8');
      return this.read(new MastodonError('response_invalid', { cause }), undefined);
    }
    this.read(undefined, text);
  }
}

function decoderFor(encoding = 'identity'): Gunzip | Inflate | undefined {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return undefined;
  if (Object.hasOwn(decoders, name)) return decoders[name as keyof typeof decoders]();
  throw new MastodonError('response_invalid', { cause: new Error('unknown content encoding') });
}
