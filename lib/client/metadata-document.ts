/**
 * Serves the client metadata document. Servers without registration fetch it at the client ID, which is a URL. All
 * Misskey releases read HTML, with the redirect URI in a header and in an element; some fail on JSON. Other servers
 * read only JSON. Requests do not indicate the format, so the URL does.
 */

import { addressIn } from '../discovery/address.js';
import type { Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import { escapeHTML } from '../util/html.js';
import type { IncomingMessage, ServerResponse } from '../util/node-types.js';
import { hostSegmentOf, withHost } from '../util/url.js';
import { isDevelopment, warnOnce } from '../events.js';

/** The scope in the client metadata document. It must be equal for all servers. */
export const documentScope = 'profile';

/** `html`: IndieAuth before July 2024. `json`: draft-ietf-oauth-client-id-metadata-document. */
export type DocumentForm = 'html' | 'json';

/**
 * The client ID at one instance. Each instance has its own URL, so each has its own redirect URI. The URL is
 * normalised, because some servers compare it before they normalise it. There is no top-level domain "json", so no host ends
 * with the ending of the JSON form.
 */
export function clientIdAt(clientMetadataURL: string, host: string, form: DocumentForm): string {
  return new URL(withHost(clientMetadataURL, form === 'json' ? `${host}.json` : host)).href;
}

/** The response with the document, for an adapter to send. */
export interface DocumentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for HEAD. */
  readonly body: string;
}

export type Next = (error?: unknown) => void;

/** A Node.js request, with the members that Express adds for its mount path. */
export type MountedRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly params?: { readonly instance?: unknown } | undefined;
};

/** How long the document is served after a login began. Servers fetch it during the login. Milliseconds. */
const servedMs = 7 * 24 * 60 * 60 * 1000;

/** The record of a server with pending logins. */
interface UrlClientHost {
  /** Start of the first login. Milliseconds since the epoch. */
  readonly since: number;
  readonly isFetched?: true;
}

/** Shortest time from the first start to a warning that no server fetched the document. Milliseconds. */
const warnAfterMs = 60_000;

/** `Cache-Control` of the document. Seconds. */
const maxAge = 300;

export class ClientMetadata {
  constructor(
    private readonly settings: Pick<
      Settings,
      'clientName' | 'callbackURL' | 'clientMetadataURL' | 'website' | 'scope' | 'developmentOrigins'
    >,
    private readonly store: Pick<Store, 'cached' | 'cache'>,
    private readonly clients?: { scopes(): Promise<readonly string[]> },
  ) {}

  /** Records that a login began at a server that identifies clients by URL. */
  async began(host: string): Promise<void> {
    const key = storeKey('url-client', host);
    const { since, isFetched } = ((await this.store.cached(key)) ?? {}) as Partial<UrlClientHost>;
    const { clientMetadataURL = '' } = this.settings;
    // In production the warning needs two starts with time between them. Otherwise two simultaneous requests could
    // cause it.
    const mayWarn = typeof since === 'number' && (isDevelopment() || Date.now() - since > warnAfterMs);
    if (mayWarn && isFetched !== true) {
      warnOnce(
        'MASTODON_DOCUMENT_NOT_FETCHED',
        `passport-mastodon-oauth2: another login begins at ${host}, and that server has not fetched this site's client metadata ` +
          `document since the first one. Check that ${clientIdAt(clientMetadataURL, host, 'html')} can be opened from the internet ` +
          'and is answered by clientMetadata. Until then visitors end at an error of their server',
      );
    }
    const next = { since: since ?? Date.now(), ...(isFetched && { isFetched }) } satisfies UrlClientHost;
    await this.store.cache(key, next, servedMs);
  }

  /**
   * The document for one instance. It contains only what the site shows to every visitor. It contains the redirect URI
   * of the requested instance, for one spelling of its host. For a host that registers clients there is no document.
   * Otherwise such a host could imitate one that does not (mix-up).
   * @param target a URL, or its path and query, with the instance's host at its position in `clientMetadataURL`
   */
  async answer(method: string | undefined, target: string): Promise<DocumentAnswer> {
    const { clientName, callbackURL } = this.settings;
    const document = this.documentAt(pathOf(target));
    if (!document || !(await this.isServed(document.host))) {
      const type = { 'Content-Type': 'text/plain; charset=utf-8' };
      return answerOf(method, 404, 'There is nothing at this address.\n', type);
    }
    if (method !== 'GET' && method !== 'HEAD') return answerOf(method, 405, '', { Allow: 'GET, HEAD' });
    const { host, clientId, form } = document;
    const redirectURI = withHost(callbackURL, host);
    const isJSON = form === 'json';
    const text = isJSON
      ? this.json(clientId, redirectURI, (await this.clients?.scopes()) ?? [])
      : documentOf(clientName, clientId, redirectURI);
    return answerOf(method, 200, text, {
      'Content-Type': isJSON ? 'application/json' : 'text/html; charset=utf-8',
      'Cache-Control': `public, max-age=${maxAge}`,
      ...(!isJSON && { Link: `<${redirectURI}>; rel="redirect_uri"` }),
    });
  }

  /** The members of RFC 7591, section 2. The client has no secret. */
  private json(clientId: string, redirectURI: string, loginScopes: readonly string[]): string {
    const { clientName, website, scope = documentScope } = this.settings;
    return JSON.stringify({
      client_id: clientId,
      client_name: clientName,
      // Servers may accept only a home page that is a prefix of the ID.
      ...(website !== undefined && clientId.startsWith(website) && { client_uri: website }),
      redirect_uris: [redirectURI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: [...new Set([scope, ...loginScopes].join(' ').split(' '))].join(' '),
      token_endpoint_auth_method: 'none',
    });
  }

  /** Handles a request of Express, as a route or with `app.use`, or of Node.js. */
  serve(req: MountedRequest, res: ServerResponse, next?: Next): void {
    const { originalUrl = req.url ?? '/' } = req;
    if (next && !this.isItsPath(req, originalUrl)) return next();
    const respond = ({ status, headers, body }: DocumentAnswer) => {
      // Other middleware may have responded during the read of the store.
      if (res.headersSent) return;
      if (next && status === 404) return next();
      res.writeHead(status, headers).end(body);
    };
    this.answer(req.method, originalUrl)
      .then(respond)
      .catch(() => res.destroy());
  }

  /**
   * Whether the path is that of a document. If it is mounted before all routes, every request arrives here, including
   * callbacks.
   */
  private isItsPath({ baseUrl, params }: MountedRequest, target: string): boolean {
    if (baseUrl || params?.instance !== undefined) return true;
    const path = pathOf(target);
    const document = this.documentAt(path);
    return document !== undefined && path === new URL(document.clientId).pathname;
  }

  /** The document that a path names. The start of the path may be another one, because a proxy may change it. */
  private documentAt(path: string) {
    const { clientMetadataURL, developmentOrigins } = this.settings;
    const segment = clientMetadataURL && hostSegmentOf(clientMetadataURL, path);
    if (!segment || path.endsWith('/')) return undefined;
    const host = segment.replace(/\.json$/, '');
    const form: DocumentForm = host === segment ? 'html' : 'json';
    if (addressIn(host, developmentOrigins)?.host !== host) return undefined;
    return { host, form, clientId: clientIdAt(clientMetadataURL, host, form) };
  }

  /** Whether a login began at the host. Records that the document was fetched. */
  private async isServed(host: string): Promise<boolean> {
    const key = storeKey('url-client', host);
    const known = (await this.store.cached(key)) as Partial<UrlClientHost> | undefined;
    if (known && known.isFetched !== true)
      await this.store.cache(key, { ...known, isFetched: true }, servedMs);
    return known !== undefined;
  }
}

/** The path of a request. */
function pathOf(target: string): string {
  return target.replace(/[?#].*/s, '');
}

function answerOf(
  method: string | undefined,
  status: number,
  text: string,
  headers: Record<string, string>,
): DocumentAnswer {
  return {
    status,
    headers: {
      'Content-Security-Policy':
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'X-Robots-Tag': 'noindex',
      'Cache-Control': 'no-store',
      ...headers,
      'Content-Length': String(Buffer.byteLength(text)),
    },
    body: method === 'HEAD' ? '' : text,
  };
}

/**
 * The HTML form. `rel` and the class names suit the strictest parser. Misskey shows the name only if it is next to the
 * exact ID.
 */
function documentOf(clientName: string, clientId: string, redirectURI: string): string {
  const [name, id, uri] = [clientName, clientId, redirectURI].map(escapeHTML);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${name}</title>
<link rel="redirect_uri" href="${uri}">
</head>
<body>
<div class="h-app"><a class="u-url p-name" href="${id}">${name}</a></div>
</body>
</html>
`;
}
