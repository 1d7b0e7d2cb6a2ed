/** Serves the button's script for our pages. Its name has a digest of its content. */

import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { buttonScript } from './button-files.js';

const script = Buffer.from(buttonScript);

const name = `mastodon-login-${createHash('sha256').update(script).digest('base64url').slice(0, 16)}.js`;

/** @param publicURL of the router, which has a route `/button/:name` */
export function scriptURL(publicURL: string): string {
  return `${publicURL.replace(/\/$/, '')}/button/${name}`;
}

/** Whether the request is for the script. */
export function isScript(asked: string, method: string | undefined): boolean {
  return asked === name && (method === 'GET' || method === 'HEAD');
}

export function sendScript(res: ServerResponse, method: string | undefined): void {
  res.writeHead(200, {
    'Content-Type': 'text/javascript; charset=utf-8',
    'Content-Length': script.length,
    'Cache-Control': 'public, max-age=31536000, immutable',
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  res.end(method === 'HEAD' ? undefined : script);
}
