/** The button's script for our pages: a file of its own, at an address that changes with it. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';

// By the package's name, as it is made for browsers by the build alone.
const script = readFileSync(require.resolve('passport-mastodon-oauth2/button'));

const name = `mastodon-login-${createHash('sha256').update(script).digest('base64url').slice(0, 16)}.js`;

/**
 * Where a page finds it, as the one source of scripts that its policy names.
 * @param publicURL where browsers reach the router that has a route `/button/:name`
 */
export function scriptURL(publicURL: string): string {
  return `${publicURL.replace(/\/$/, '')}/button/${name}`;
}

/** @returns whether it was asked for by its present name */
export function sendScript(res: ServerResponse, asked: string, method: string | undefined): boolean {
  if (asked !== name || (method !== 'GET' && method !== 'HEAD')) return false;
  res.writeHead(200, {
    'Content-Type': 'text/javascript; charset=utf-8',
    'Content-Length': script.length,
    'Cache-Control': 'public, max-age=31536000, immutable',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  res.end(method === 'HEAD' ? undefined : script);
  return true;
}
