/** Requests that are no visit: browsers preload pages, and link checkers ask for the head of an answer. */

import type { IncomingMessage } from 'node:http';
import { messagePage, type Page } from './page.js';

const headers = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/** Whether the request must use up and start nothing. The visit itself comes later, as a request of its own. */
export function isPreload(req: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return (
    req.method === 'HEAD' ||
    headers.some((name) => /prefetch|prerender|preview/i.test(String(req.headers[name] ?? '')))
  );
}

/** 503: browsers discard it, and ask again when the visitor opens the page. */
export function preloadPage(): Page {
  return messagePage(503, 'Open this page again', ['It was loaded before you opened it.']);
}
