/** Turns what goes wrong with a request into a MastodonError, without anything that was sent or received. */

import { MastodonError } from '../errors.js';
import { PrivateAddressError } from './lookup.js';

/** @param isOver whether the deadline has ended the request */
export function failureOf(error: unknown, isOver: boolean): MastodonError {
  if (error instanceof MastodonError) return error;
  if (isOver) return new MastodonError('timeout');
  const { name, message, code = '' } = error as NodeJS.ErrnoException;
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new MastodonError('response_too_large', { cause: new Error(code) });
  }
  if (code.startsWith('Z_')) return new MastodonError('response_invalid', { cause: new Error(code) });
  // Errors of undici's HTTP parser hold the bytes that came, which may be a token; so only the parser's own words are kept.
  // The other two are its words for an answer to no request, and for another protocol than was asked for.
  const isUnreadable = code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(message);
  if (name === 'HTTPParserError' || isUnreadable) {
    return new MastodonError('response_invalid', { cause: new Error(message) });
  }
  // Certificate errors quote the names in the server's certificate.
  const cause = new Error(code.startsWith('ERR_TLS_') ? code : message);
  return new MastodonError('instance_unreachable', { cause: Object.assign(cause, code && { code }) });
}

/** For a URL that no request is sent to. */
export function unreachable(url: URL): MastodonError {
  return new MastodonError('instance_unreachable', { cause: new PrivateAddressError(url.host) });
}
