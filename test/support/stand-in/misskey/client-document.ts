/** Fetches client metadata over TLS from the URL that is the client's ID, and reads it like Misskey. */

import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { MisskeyPersona } from './persona.js';

export interface ClientMetadata {
  readonly id: string;
  readonly redirectURIs: readonly string[];
  /** The ID itself if the document does not name the client by that very ID. */
  readonly name: string;
}

/** The reason for refusing a client: the error's name, and the status of the server's own page. */
export class RefusedClient extends Error {
  constructor(
    readonly error: string,
    readonly status: number,
    why: string,
  ) {
    super(why);
  }
}

/** The normalised form of the ID. @throws RefusedClient */
export function clientIdOf(text: string): string {
  if (!URL.canParse(text)) throw new RefusedClient('invalid_request', 400, 'client_id must be a valid URL');
  const url = new URL(text);
  const isNamed = /\.\w+$/.test(url.hostname) && !/^[\d.]+$/.test(url.hostname);
  if (url.protocol !== 'https:' || url.hash || url.username || url.password || !isNamed) {
    throw new RefusedClient('invalid_request', 400, 'client_id must be an https URL of a public host');
  }
  return url.href;
}

/** @throws RefusedClient */
export async function fetchClient(
  id: string,
  habit: MisskeyPersona['json'],
  ca: string | undefined,
): Promise<ClientMetadata> {
  const { response, text, url } = await get(id, ca).catch((error: Error) => {
    throw new RefusedClient('server_error', 500, `Failed to fetch client information: ${error.message}`);
  });
  const { statusCode: status = 0, headers } = response;
  if (status < 200 || status > 299) {
    throw new RefusedClient('invalid_request', 400, `Failed to fetch client information: ${status}`);
  }
  const isJSON = /^application\/json/.test(headers['content-type'] ?? '');
  if (isJSON && habit === 'read') return fromJSON(id, text);
  if (habit === 'fatal' && !/<[a-z]/i.test(text)) {
    throw new RefusedClient('server_error', 500, 'Failed to parse client information');
  }
  const links = [...fromLinkHeader(String(headers['link'] ?? '')), ...(isJSON ? [] : fromLinkElements(text))];
  return {
    id,
    redirectURIs: links.map((link) => new URL(link, url).href),
    name: (isJSON ? undefined : nameIn(text, id)) ?? id,
  };
}

/** @param hops the number of followed redirects; five are */
export async function get(
  url: string,
  ca: string | undefined,
  hops = 0,
): Promise<{ response: IncomingMessage; text: string; url: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = https.get(url, {
      agent: false,
      headers: { Accept: '*/*', 'User-Agent': 'Misskey (a stand-in)' },
      timeout: 5000,
      // In a test, every public name leads to this machine.
      lookup: (_name, options, callback) =>
        options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
      ...(ca !== undefined && { ca }),
    });
    request.once('response', resolve).once('error', reject);
    request.once('timeout', () => request.destroy(new Error('too slow')));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400 && headers.location !== undefined && hops < 5) {
    return get(new URL(headers.location, url).href, ca, hops + 1);
  }
  return { response, text: Buffer.concat(chunks).toString(), url };
}

function fromJSON(id: string, text: string): ClientMetadata {
  const json = JSON.parse(text) as Record<string, unknown>;
  const { client_id: ownId, client_uri: uri, client_name: name, redirect_uris: redirectURIs } = json;
  const isItsOwn = ownId === id && typeof uri === 'string' && id.startsWith(uri);
  if (!isItsOwn) throw new RefusedClient('invalid_request', 400, 'The document is about another client');
  return {
    id,
    redirectURIs: Array.isArray(redirectURIs) ? redirectURIs.map((one) => new URL(String(one), id).href) : [],
    name: typeof name === 'string' ? name : id,
  };
}

function fromLinkHeader(text: string): string[] {
  const links = [...text.matchAll(/<([^>]*)>([^<]*)/g)];
  return links
    .filter(([, , params = '']) => /;\s*rel="?redirect_uri"?\s*(;|,|$)/.test(params))
    .map(([, target = '']) => target);
}

/** `rel` has to be that one word, in lower case. */
function fromLinkElements(html: string): string[] {
  return [...html.matchAll(/<link\b([^>]*)>/gi)]
    .map(([, attributes = '']) => attributesOf(attributes))
    .filter(({ rel, href }) => rel === 'redirect_uri' && href !== undefined)
    .map(({ href = '' }) => href);
}

/** h-app: the name beside a `u-url` that is the very ID. */
function nameIn(html: string, id: string): string | undefined {
  const app = /<(\w+)\b[^>]*\bclass="[^"]*\bh-app\b[^"]*"[^>]*>(.*?)<\/\1>/s.exec(html)?.[2] ?? '';
  for (const [, head = '', inner = ''] of app.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gs)) {
    const { class: classes = '', href } = attributesOf(head);
    const words = classes.split(/\s+/);
    if (words.includes('u-url') && words.includes('p-name') && href === id) return plain(inner);
  }
  return undefined;
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w-]+)=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g)];
  return Object.fromEntries(
    pairs.map(([, name = '', a, b, c]) => [name.toLowerCase(), plain(a ?? b ?? c ?? '')]),
  );
}

function plain(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code: string | undefined, name: string) =>
    code === undefined ? (named[name] ?? whole) : String.fromCharCode(Number(code)),
  );
}
