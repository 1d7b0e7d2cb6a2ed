/** One request and its answer, with the body read as a form, as JSON or as multipart. */

import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly query: Record<string, string>;
  readonly headers: IncomingHttpHeaders;
  /** The form's fields; values of a JSON body that are no strings appear as JSON text. */
  body: Record<string, string>;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A status and a body: an object goes out as JSON, a string as HTML, and nothing as an empty answer. */
export type Reply = readonly [status: number, body?: string | object | undefined];

export class Exchange {
  /** The body's fields in their own types; arrays come from JSON or from names that end in `[]`. */
  fields: Record<string, unknown> = {};
  /** The body claimed to be JSON and was not. */
  malformed = false;

  constructor(
    readonly req: IncomingMessage,
    readonly res: ServerResponse,
    readonly seen: SeenRequest,
  ) {}

  get query(): Record<string, string> {
    return this.seen.query;
  }

  get form(): Record<string, string> {
    return this.seen.body;
  }

  /** Also fields of the query: most servers read both alike. */
  get params(): Record<string, string> {
    return { ...this.query, ...this.form };
  }

  cookie(name: string): string | undefined {
    const pairs = (this.req.headers.cookie ?? '').split(/; */).map((pair) => pair.split('='));
    return pairs.find(([key]) => key === name)?.[1];
  }

  async readBody(): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.req) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const type = this.req.headers['content-type'] ?? '';
    if (type.startsWith('application/json')) this.readJSON(text);
    else if (type.startsWith('multipart/form-data')) this.fields = multipart(text, type);
    else this.fields = urlencoded(text);
    this.seen.body = Object.fromEntries(
      Object.entries(this.fields).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
  }

  private readJSON(text: string): void {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null) this.fields = value as Record<string, unknown>;
      else this.malformed = true;
    } catch {
      this.malformed = true;
    }
  }

  send([status, body]: Reply, headers: OutgoingHttpHeaders = {}): void {
    if (this.res.headersSent || this.res.destroyed) return;
    const type = typeof body === 'object' ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8';
    this.res.writeHead(status, { 'Content-Type': type, ...headers });
    this.res.end(typeof body === 'object' ? JSON.stringify(body) : (body ?? ''));
  }

  redirect(location: string, headers: OutgoingHttpHeaders = {}): void {
    this.send([302], { Location: location, ...headers });
  }
}

function urlencoded(text: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(text)) add(fields, name, value);
  return fields;
}

function multipart(text: string, type: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1] ?? '';
  for (const part of text.split(`--${boundary}`)) {
    const match = /name="([^"]*)"[^]*?\r\n\r\n([^]*)\r\n$/.exec(part);
    if (match) add(fields, match[1] ?? '', match[2] ?? '');
  }
  return fields;
}

/** A repeated name keeps its last value; one that ends in `[]` collects them. */
function add(fields: Record<string, unknown>, name: string, value: string): void {
  const before = fields[name];
  fields[name] = name.endsWith('[]') ? [...(Array.isArray(before) ? before : []), value] : value;
}
