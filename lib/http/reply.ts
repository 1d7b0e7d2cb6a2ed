/** Takes one answer as it comes, within its limits. */

import { MastodonError } from '../errors.js';
import { BodyReader } from './body.js';
import type { Field, Handler } from './undici.js';

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** What came back, complete and within the limits. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Hears once how it ended. */
type Settled = (error: Error | undefined, reply: Reply | undefined) => void;

/** What an answer may have on the wire beside its body: headers, interim answers, the frames of chunks. */
const maxOverheadBytes = 65_536;

export class ReplyReader implements Handler {
  /** Whether the answer was read to its end, whatever is still to be done with it. */
  isRead = false;
  private body: BodyReader | undefined;
  private isSettled = false;

  /** @param maxBytes of the body, counted after decompression */
  constructor(
    private readonly maxBytes: number,
    private readonly settled: Settled,
  ) {}

  /** @param bytes that the connection has brought since the request: the body's own limit does not see all of them */
  count(bytes: number): void {
    if (bytes > this.maxBytes + maxOverheadBytes) this.fail(new MastodonError('response_too_large'));
  }

  fail(error: Error): void {
    this.settle(error, undefined);
  }

  /** By this one undici knows which kind of handler it is; nothing has come yet. */
  onRequestStart(): void {
    return;
  }

  onResponseStart(_controller: unknown, status: number, fields: Record<string, Field>): void {
    // There are none below 100, and nobody asked for another protocol. Undici's word on these is a failed assertion.
    if (status < 100 || status === 101)
      throw new MastodonError('response_invalid', { cause: new Error(`status ${status}`) });
    // Interim answers; the final one follows.
    if (status < 200) return;
    const headers = combined(fields);
    if (Number(headers['content-length']) > this.maxBytes) throw new MastodonError('response_too_large');
    this.body = new BodyReader(headers['content-encoding'], this.maxBytes, (error, text) =>
      this.settle(error, text === undefined ? undefined : { status, headers, text }),
    );
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.body?.write(chunk);
  }

  onResponseEnd(): void {
    this.isRead = true;
    this.body?.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    // Undici's error for a body that was cut short, and for malformed headers among which is a length.
    const isMalformed = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && !this.body;
    this.fail(isMalformed ? new MastodonError('response_invalid', { cause: new Error(code) }) : error);
  }

  private settle(error: Error | undefined, reply: Reply | undefined): void {
    if (this.isSettled) return;
    this.isSettled = true;
    if (reply === undefined) this.body?.drop();
    this.settled(error, reply);
  }
}

/** Of these, Node.js takes the first as well; of all others, the list of all. */
const single: ReadonlySet<string> = new Set(['content-length', 'content-type', 'location', 'retry-after']);

function combined(fields: Record<string, Field>): Headers {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!Array.isArray(value)) headers[name] = value;
    else headers[name] = single.has(name) ? value[0] : value.join(', ');
  }
  return headers;
}
