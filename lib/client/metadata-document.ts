/**
 * What this site says about itself at the URL that is its ID, to servers that register nobody. HTML, with the redirect
 * URI in a header and in an element, is what every Misskey reads: some of its releases fail on JSON. Other servers read
 * JSON alone, and none says which it wants.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseAddress } from '../discovery/address.js';
import { clientIdAt, readSegment } from './url-client.js';
import { documentScope } from '../discovery/software.js';
import type { Settings } from '../options.js';

/** An answer, for whatever sends it. */
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

/** How long others may keep it. Seconds. */
const maxAge = 300;

export class ClientMetadata {
  constructor(
    private readonly settings: Pick<
      Settings,
      'clientName' | 'callbackURL' | 'clientMetadataURL' | 'website' | 'scope' | 'developmentOrigins'
    >,
  ) {}

  /**
   * There is nothing in it but what the site shows to everybody. An instance finds its own redirect URI there and no
   * other's, under one spelling of its name: another would be another ID.
   * @param target a URL, or its path and query; its last segment is the instance's host, with `.json` for that form
   */
  answer(method: string | undefined, target: string): DocumentAnswer {
    const { clientName, callbackURL, clientMetadataURL } = this.settings;
    const { host, form } = readSegment(/\/([^/?#]*)(?:[?#].*)?$/.exec(target)?.[1] ?? '');
    if (clientMetadataURL === undefined || !this.isHost(host)) {
      return answerOf(method, 404, 'There is nothing at this address.\n', {
        'Content-Type': 'text/plain; charset=utf-8',
      });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return answerOf(method, 405, '', { Allow: 'GET, HEAD' });
    }
    const redirectURI = `${callbackURL}/${host}`;
    const clientId = clientIdAt(clientMetadataURL, host, form);
    const caching = { 'Cache-Control': `public, max-age=${maxAge}` };
    if (form === 'json') {
      const type = { 'Content-Type': 'application/json' };
      return answerOf(method, 200, this.json(clientId, redirectURI), { ...type, ...caching });
    }
    return answerOf(method, 200, documentOf(clientName, clientId, redirectURI), {
      'Content-Type': 'text/html; charset=utf-8',
      Link: `<${redirectURI}>; rel="redirect_uri"`,
      ...caching,
    });
  }

  /** Members are those of RFC 7591, section 2. There is no way to a shared secret. */
  private json(clientId: string, redirectURI: string): string {
    const { clientName, website, scope = documentScope } = this.settings;
    return JSON.stringify({
      client_id: clientId,
      client_name: clientName,
      // Servers may take no home page but one that the ID lies below.
      ...(website !== undefined && clientId.startsWith(website) && { client_uri: website }),
      redirect_uris: [redirectURI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope,
      token_endpoint_auth_method: 'none',
    });
  }

  /** For routes and `app.use` of Express, and for whatever else has Node's own request and response. */
  serve(req: MountedRequest, res: ServerResponse, next?: Next): void {
    const { originalUrl = req.url ?? '/' } = req;
    const { status, headers, body } = this.answer(req.method, originalUrl);
    if (next && (status === 404 || !this.isPlace(req, originalUrl))) return next();
    res.statusCode = status;
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    res.end(body);
  }

  /** Before all routes of an application, it is asked for every page, the callback among them. */
  private isPlace({ baseUrl = '', params }: MountedRequest, target: string): boolean {
    const isMounted = baseUrl !== '' || params?.instance !== undefined;
    const { pathname } = new URL(this.settings.clientMetadataURL ?? 'https://unused.invalid');
    return isMounted || target.slice(0, target.lastIndexOf('/')) === pathname.replace(/\/$/, '');
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
