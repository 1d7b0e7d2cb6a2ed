/**
 * Serves the client metadata document, which servers without registration fetch at the URL that is the client ID. HTML, with
 * the redirect URI in a header and in an element, is what every Misskey reads: some of its releases fail on JSON. Other
 * servers read JSON alone, and no request says which it wants, so the URL does.
 */

import { parseAddress } from '../discovery/address.js';
import { documentScope } from '../discovery/software.js';
import type { Settings } from '../options.js';
import { storeKey, type Store } from '../store.js';
import type { IncomingMessage, ServerResponse } from '../util/node-types.js';
import { hostSegmentOf, withHost } from '../util/url.js';
import { isDevelopment, warnOnce } from '../util/warnings.js';

/** `html`: IndieAuth before July 2024. `json`: draft-ietf-oauth-client-id-metadata-document. */
export type DocumentForm = 'html' | 'json';

/** No host ends so: there is no such top-level domain. */
const jsonEnding = '.json';

/**
 * The client ID at one instance. Each instance has a URL of its own, so that each has a redirect URI of its own; normalised,
 * as some servers compare it before they normalise it.
 */
export function clientIdAt(clientMetadataURL: string, host: string, form: DocumentForm): string {
  return new URL(withHost(clientMetadataURL, form === 'json' ? host + jsonEnding : host)).href;
}

/** The document as a response, for the adapter to send. */
export interface DocumentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for HEAD. */
  readonly body: string;
}

export type Next = (error?: unknown) => void;

/** Node's request, with what Express says of where it is mounted. */
export type MountedRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly params?: { readonly instance?: unknown } | undefined;
};

/** Longer than any server takes to fetch the document for a login. */
const servedMs = 7 * 24 * 60 * 60 * 1000;

/** A server at which logins began. */
interface UrlClientHost {
  /** When the first one began. Milliseconds since the epoch. */
  readonly since: number;
  readonly isFetched?: true;
}

/** Enough for the visitor of the first login to arrive there. */
const tellAfterMs = 60_000;

/** How long others may keep it. Seconds. */
const maxAge = 300;

export class ClientMetadata {
  constructor(
    private readonly settings: Pick<
      Settings,
      'clientName' | 'callbackURL' | 'clientMetadataURL' | 'website' | 'scope' | 'developmentOrigins'
    >,
    private readonly store: Pick<Store, 'cached' | 'cache'>,
    /** The sets of scopes that logins asked for in place of the site's own. */
    private readonly scopes?: { list(): Promise<readonly string[]> },
  ) {}

  /** A login began at a server that fetches the document. Discovery has found that its host knows clients by their URL. */
  async began(host: string): Promise<void> {
    const key = storeKey('url-client', host);
    const { since, isFetched } = ((await this.store.cached(key)) ?? {}) as Partial<UrlClientHost>;
    const { clientMetadataURL = '' } = this.settings;
    // In production strangers cannot cause it by two starts at once, of which the server can have seen none.
    const mayTell = typeof since === 'number' && (isDevelopment() || Date.now() - since > tellAfterMs);
    if (mayTell && isFetched !== true) {
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
   * The document for one instance; it holds only what the site shows to every visitor. An instance finds its own redirect URI
   * there, under one spelling of its name. A host that registers clients finds none: it could otherwise pass for one that
   * does not (mix-up).
   * @param target a URL, or its path and query, with the instance's host in the place that `clientMetadataURL` gives it
   */
  async answer(method: string | undefined, target: string): Promise<DocumentAnswer> {
    const { clientName, callbackURL, clientMetadataURL } = this.settings;
    const path = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1] ?? '';
    const isItsSpelling = !path.endsWith('/');
    const segment = (clientMetadataURL && isItsSpelling && hostSegmentOf(clientMetadataURL, path)) || '';
    const form = segment.endsWith(jsonEnding) ? 'json' : 'html';
    const host = form === 'json' ? segment.slice(0, -jsonEnding.length) : segment;
    if (clientMetadataURL === undefined || !this.isHost(host) || !(await this.isServed(host))) {
      return answerOf(method, 404, 'There is nothing at this address.\n', {
        'Content-Type': 'text/plain; charset=utf-8',
      });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return answerOf(method, 405, '', { Allow: 'GET, HEAD' });
    }
    const redirectURI = withHost(callbackURL, host);
    const clientId = clientIdAt(clientMetadataURL, host, form);
    const caching = { 'Cache-Control': `public, max-age=${maxAge}` };
    if (form === 'json') {
      const type = { 'Content-Type': 'application/json' };
      return answerOf(method, 200, this.json(clientId, redirectURI, (await this.scopes?.list()) ?? []), {
        ...type,
        ...caching,
      });
    }
    return answerOf(method, 200, documentOf(clientName, clientId, redirectURI), {
      'Content-Type': 'text/html; charset=utf-8',
      Link: `<${redirectURI}>; rel="redirect_uri"`,
      ...caching,
    });
  }

  /** Members are those of RFC 7591, section 2. There is no way to a shared secret. */
  private json(clientId: string, redirectURI: string, loginScopes: readonly string[]): string {
    const { clientName, website, scope = documentScope } = this.settings;
    return JSON.stringify({
      client_id: clientId,
      client_name: clientName,
      // Servers may take no home page but one that the ID lies below.
      ...(website !== undefined && clientId.startsWith(website) && { client_uri: website }),
      redirect_uris: [redirectURI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: [...new Set([scope, ...loginScopes].join(' ').split(' '))].join(' '),
      token_endpoint_auth_method: 'none',
    });
  }

  /** For routes and `app.use` of Express, and for everything else with Node's own request and response. */
  serve(req: MountedRequest, res: ServerResponse, next?: Next): void {
    const { originalUrl = req.url ?? '/' } = req;
    if (next && !this.isItsPath(req, originalUrl)) return next();
    const respond = ({ status, headers, body }: DocumentAnswer) => {
      // Other middleware may have answered while the store was asked.
      if (res.headersSent) return;
      if (next && status === 404) return next();
      res.writeHead(status, headers).end(body);
    };
    this.answer(req.method, originalUrl)
      .then(respond)
      .catch(() => res.destroy());
  }

  /** Mounted before all routes of an application, it is asked for every page, the callback among them. */
  private isItsPath({ baseUrl = '', params }: MountedRequest, target: string): boolean {
    if (baseUrl !== '' || params?.instance !== undefined) return true;
    const { clientMetadataURL } = this.settings;
    const path = target.replace(/[?#].*$/s, '');
    const segment = clientMetadataURL && hostSegmentOf(clientMetadataURL, path);
    return !!segment && path === new URL(withHost(clientMetadataURL, segment)).pathname;
  }

  /** Whether a login began there; and remembers that the document was fetched. */
  private async isServed(host: string): Promise<boolean> {
    const key = storeKey('url-client', host);
    const known = (await this.store.cached(key)) as Partial<UrlClientHost> | undefined;
    if (known && known.isFetched !== true)
      await this.store.cache(key, { ...known, isFetched: true }, servedMs);
    return known !== undefined;
  }

  private isHost(segment: string): boolean {
    if (!/^[a-z0-9.:[\]-]{1,260}$/.test(segment)) return false;
    try {
      return parseAddress(segment, this.settings.developmentOrigins).host === segment;
    } catch {
      return false;
    }
  }
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

/** `rel` and the class names as the strictest reader wants them; the name counts only beside the very ID. */
function documentOf(clientName: string, clientId: string, redirectURI: string): string {
  const [name, id, uri] = [clientName, clientId, redirectURI].map(escape);
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

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
