/**
 * Converts Node's requests and responses to those of the platform, for entry points that use `Request` and
 * `Response`.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

export function requestOf(req: IncomingMessage): Request {
  const pairs = Object.entries(req.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  return new Request(`https://${req.headers.host ?? ''}${req.url ?? ''}`, {
    method: req.method ?? 'GET',
    headers: pairs,
    ...(hasBody && { body: Readable.toWeb(req) as ReadableStream<Uint8Array>, duplex: 'half' as const }),
  } as RequestInit);
}

export async function send(response: Response, res: ServerResponse): Promise<void> {
  res.writeHead(response.status, [...response.headers].flat());
  res.end(Buffer.from(await response.arrayBuffer()));
}
