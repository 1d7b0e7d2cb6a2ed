/** One request and its answer, within the limits of time and size; not yet judged. */

import { MastodonError } from '../errors.js';
import { ClosedConnectionError, type Outgoing } from './connection.js';
import type { Connections } from './connections.js';
import type { Deadline } from './deadline.js';
import { PrivateAddressError } from './lookup.js';
import type { Reply } from './reply.js';

/** What came back, complete and within the limits; not yet judged. */
export interface Answer extends Reply {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly contentType: string;
}

/**
 * @param isDevelopment whether the URL's origin is one of the site's own development instances
 * @param deadline ends the exchange, whatever it is waiting for
 * @param reuse whether the connection may be one that was kept
 */
export async function exchange(
  connections: Connections,
  url: URL,
  outgoing: Outgoing,
  isDevelopment: boolean,
  deadline: Deadline,
  reuse = true,
): Promise<Answer> {
  const connection = connections.to(url, isDevelopment, deadline, reuse);
  deadline.ends(connection);
  try {
    const { status, headers, text } = await connection.ask(url.pathname + url.search, outgoing);
    connections.keep(connection);
    return { status, url, contentType: headers['content-type'] ?? '', headers, text };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const mayBeStale = connection.isReused && (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET');
    throw mayBeStale
      ? new StaleConnectionError(error as Error, !(error instanceof ClosedConnectionError))
      : error;
  } finally {
    deadline.releases(connection);
  }
}

/** A kept connection turned out to be closed before anything came back. */
export class StaleConnectionError extends Error {
  constructor(
    cause: Error,
    /** Whether the server may have got the request. */
    readonly wasSent: boolean,
  ) {
    super('a kept connection was closed', { cause });
  }
}

/** What went wrong with an exchange, without anything of what was sent or received. */
export function exchangeError(error: unknown, timedOut: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (timedOut) return new MastodonError('timeout');
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return new MastodonError('response_too_large', { cause: new Error(code) });
  if (code.startsWith('Z_')) return new MastodonError('response_invalid', { cause: new Error(code) });
  const { name, message: said } = error as Error;
  // Errors of undici's HTTP parser hold the bytes that came, which may be a token; so only the parser's own words are kept.
  // They have no code (7.30).
  if (name === 'HTTPParserError') return new MastodonError('response_invalid', { cause: new Error(said) });
  // Undici's words for an answer to nothing, and for another protocol than was asked for.
  if (code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(said))
    return new MastodonError('response_invalid', { cause: new Error(said) });
  // Certificate errors quote the names in the server's certificate.
  const message = code.startsWith('ERR_TLS_') ? code : said;
  return new MastodonError('instance_unreachable', {
    cause: Object.assign(new Error(message), code && { code }),
  });
}

/** A place that no request goes to. */
export function unreachable(url: URL): MastodonError {
  return new MastodonError('instance_unreachable', { cause: new PrivateAddressError(url.host) });
}
