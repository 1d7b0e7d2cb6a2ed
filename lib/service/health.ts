/** Answers `/healthz`: its status to every client, and its counts to the operator. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseClientAddress } from '../util/client-address.js';
import { isEqualSecret } from '../util/crypto.js';
import type { Config } from './config.js';

type HealthSettings = Pick<Config, 'publicURL' | 'tls' | 'trustedProxies' | 'healthToken'>;

export function sendHealth(res: ServerResponse, isStopping: boolean, counts: object): void {
  res
    .writeHead(isStopping ? 503 : 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    .end(JSON.stringify({ status: isStopping ? 'stopping' : 'ok', ...counts }));
}

/**
 * Whether a request has the token, or comes from this machine or a private network. A proxy is on one of these, too, so a
 * request that came through a proxy needs the token.
 */
export function mayReadCounts({ headers, socket }: IncomingMessage, config: HealthSettings): boolean {
  const { healthToken, trustedProxies } = config;
  const given = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (given !== undefined) return healthToken !== undefined && isEqualSecret(given, healthToken);
  const isNear = socket.remoteAddress !== undefined && parseClientAddress(socket.remoteAddress) === undefined;
  // A proxy that is not declared may add no header that shows it.
  return isNear && !isForwarded(headers) && !(isBehindProxy(config) && trustedProxies === 0);
}

/** Browsers use https, and the service itself has no certificate. */
export function isBehindProxy({ publicURL, tls }: HealthSettings): boolean {
  return publicURL.startsWith('https:') && tls === undefined;
}

function isForwarded(headers: IncomingMessage['headers']): boolean {
  return ['x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'via'].some(
    (name) => name in headers,
  );
}
