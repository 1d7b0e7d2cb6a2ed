/** The router of bridge and issuer: finds the route of a request wherever it is mounted, and serves the routes of both. */

import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { browserRequest, prefetchRefusal } from '../login/browser.js';
import type { MastodonLogin } from '../login/login.js';
import { buttonScript } from './button-files.js';
import { messagePage, sendPage, type Page } from './page.js';

/** Fits `app.use` of Express as well as `http.createServer`. */
export type Router = (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;

export interface Route {
  /** Whether visitors open it, so that a preload must change nothing. Programs send HEAD to other routes. */
  readonly isForVisitors: boolean;
  serve(req: IncomingMessage, res: ServerResponse): Promise<void>;
}

interface RouterParts {
  /** Where browsers reach the router. */
  readonly publicURL: string;
  readonly login: MastodonLogin;
  /**
   * The route of a URL below `publicURL`; `undefined` leaves the URL to the application.
   * @param query with the question mark
   * @param isAlone whether there is no application
   */
  find(path: string, query: string, isAlone: boolean): Route | undefined;
  /** As `find`, for the whole path of a URL outside `publicURL`. */
  findOutside?(path: string): Route | undefined;
  /** Handles the authorization response of an instance: path and query. */
  callback(req: IncomingMessage, res: ServerResponse, response: string): Promise<void>;
  /** The page that answers every request, once the router is closed. */
  closedPage?(): Page | undefined;
  /** Logs an error, and returns the page for it. */
  failure(error: unknown): Page;
}

type RoutedRequest = IncomingMessage & { readonly originalUrl?: string };

export function pageRouter(parts: RouterParts): Router {
  const { publicURL, login } = parts;
  const basePath = new URL(publicURL).pathname.replace(/\/$/, '');

  function routeIn(url: string, method: string | undefined, isAlone: boolean): Route | undefined {
    const [, path = '', query = ''] = /^(\/[^?#]*)(\?[^#]*)?/.exec(url) ?? [];
    const [, name, segment = '', end] = /^\/(\w+)\/([^/]+)(?:\/(\w+))?\/?$/.exec(path) ?? [];
    if (name === 'callback' && end === 'done') {
      return { isForVisitors: true, serve: (req, res) => parts.callback(req, res, path + query) };
    }
    if (name === 'client' && end === 'metadata') return clientMetadata(path);
    // Other files in this folder belong to the application.
    if (name === 'button' && end === undefined) {
      return segment === scriptName && (method === 'GET' || method === 'HEAD') ? script : undefined;
    }
    return parts.find(path, query, isAlone);
  }

  /**
   * The application has all URLs that are not below the public URL's path. A proxy may replace that path by another: then
   * the router has to be mounted there, or to get every request.
   */
  function routeOf(req: RoutedRequest, isAlone: boolean): Route | undefined {
    const { url = '/', originalUrl = url, method } = req;
    const isBelow = originalUrl.startsWith(`${basePath}/`);
    const below = isBelow ? routeIn(originalUrl.slice(basePath.length), method, isAlone) : undefined;
    const known = below ?? parts.findOutside?.(originalUrl.split('?', 1)[0] ?? '');
    if (known) return known;
    const mount = originalUrl.endsWith(url) ? originalUrl.slice(0, -url.length) : '';
    const isElsewhere = !`${basePath}/`.startsWith(`${mount}/`);
    return isAlone || isElsewhere ? routeIn(url, method, isAlone) : undefined;
  }

  const clientMetadata = (path: string): Route => ({
    isForVisitors: false,
    async serve(req, res) {
      const { status, headers, body } = await login.clientMetadata.answer(req.method, path);
      res.writeHead(status, headers).end(body);
    },
  });

  return (req, res, next) => {
    const route = routeOf(req, next === undefined);
    if (!route) return next ? next() : sendPage(res, notFoundPage);
    const page = parts.closedPage?.() ?? (route.isForVisitors && isPreload(req) ? preloadPage : undefined);
    if (page) return sendPage(res, page);
    route.serve(req, res).catch((error: unknown) => {
      const failure = parts.failure(error);
      if (res.headersSent) res.destroy();
      else sendPage(res, failure);
    });
  };
}

/** The button's script. Its name has a digest of its content. */
const scriptBytes = Buffer.from(buttonScript);
const scriptName = `mastodon-login-${hash('sha256', scriptBytes, 'base64url').slice(0, 16)}.js`;

export function scriptURL(publicURL: string): string {
  return `${publicURL}/button/${scriptName}`;
}

const script: Route = {
  isForVisitors: false,
  async serve({ method }, res) {
    res.writeHead(200, {
      'Content-Type': 'text/javascript; charset=utf-8',
      'Content-Length': scriptBytes.length,
      'Cache-Control': 'public, max-age=31536000, immutable',
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
    });
    res.end(method === 'HEAD' ? undefined : scriptBytes);
  },
};

/** Browsers preload pages, and link checkers send HEAD. The visit itself comes later, as a request of its own. */
function isPreload(req: IncomingMessage): boolean {
  return prefetchRefusal(browserRequest(req)) !== undefined;
}

const notFoundPage = messagePage(404, 'Not found', ['There is nothing at this address.']);

/** 503: browsers discard it, and ask again when the visitor opens the page. */
const preloadPage = messagePage(503, 'Open this page again', ['It was loaded before you opened it.']);
