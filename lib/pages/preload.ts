/** Answers requests that the visitor did not make: browsers preload pages, and link checkers send HEAD. */

import type { IncomingMessage } from 'node:http';
import { browserRequest, prefetchRefusal } from '../login/browser.js';
import { messagePage, type Page } from './page.js';

/** Whether the request must use up and start nothing. The visit itself comes later, as a request of its own. */
export function isPreload(req: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return prefetchRefusal(browserRequest(req)) !== undefined;
}

/** 503: browsers discard it, and ask again when the visitor opens the page. */
export function preloadPage(): Page {
  return messagePage(503, 'Open this page again', ['It was loaded before you opened it.']);
}
