/** A visitor's browser: cookies by host and port, no JavaScript, one request after another or many at once. */

import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** Absolute, if it is a redirect. */
  readonly location: string | undefined;
  json(): any; // eslint-disable-line @typescript-eslint/no-explicit-any -- tests look into answers of any shape
}

interface Form {
  readonly action: string;
  readonly method: string;
  readonly fields: Record<string, string>;
}

export interface Decision {
  /** The account at the instance. Default: that of the last decision there, or `alice`. */
  as?: string;
  /** Default false. */
  deny?: boolean;
}

/** The visitor was left on a page of the instance, without a redirect to the site. */
export class StuckAtInstance extends Error {
  constructor(readonly page: Page) {
    super(`Stuck at ${page.url}: ${page.status} ${page.text.slice(0, 200)}`);
  }
}

export class Visitor {
  /** Cookies by host and port: unlike in a real browser, so that servers on one machine are kept apart. */
  readonly jars = new Map<string, Map<string, string>>();

  /** Accounts by origin of the instance. */
  private readonly signedIn = new Map<string, string>();

  /** @param lookup resolves names; default: to this machine */
  constructor(private readonly lookup?: LookupFunction) {}

  get(url: string, headers: http.OutgoingHttpHeaders = {}): Promise<Page> {
    return this.request('GET', url, undefined, headers);
  }

  post(
    url: string,
    form: Record<string, string> = {},
    headers: http.OutgoingHttpHeaders = {},
  ): Promise<Page> {
    return this.request('POST', url, new URLSearchParams(form).toString(), headers);
  }

  /** The Cookie header for this URL. */
  cookiesAt(url: string): string {
    return [...(this.jars.get(new URL(url).host) ?? [])].map((pair) => pair.join('=')).join('; ');
  }

  /** Follows redirects within one origin. */
  async follow(page: Page): Promise<Page> {
    let current = page;
    for (let hops = 0; current.location !== undefined && hops < 10; hops += 1) {
      if (new URL(current.location).origin !== new URL(current.url).origin) break;
      current = await this.get(current.location);
    }
    return current;
  }

  /** Consents at the instance; returns the URL to which it redirects. */
  approve(authorizeURL: string, decision: Decision = {}): Promise<string> {
    return this.decide(authorizeURL, decision);
  }

  /** Denies; stays at an instance that does not redirect after a denial. */
  deny(authorizeURL: string, decision: Decision = {}): Promise<string> {
    return this.decide(authorizeURL, { ...decision, deny: true });
  }

  /**
   * The whole round trip: types `instance` at the site, decides at the instance, returns. Returns the last response
   * of the site, which may also be a refusal at the start.
   */
  async login(site: { origin: string }, instance: string, decision: Decision = {}): Promise<Page> {
    const begun = await this.post(`${site.origin}/auth/mastodon`, { instance });
    const isLeaving = begun.location !== undefined && new URL(begun.location).origin !== site.origin;
    if (!isLeaving) return this.follow(begun);
    const callback = await this.decide(begun.location ?? '', decision);
    return this.follow(await this.get(callback));
  }

  private async decide(authorizeURL: string, { as, deny = false }: Decision): Promise<string> {
    const { origin, searchParams } = new URL(authorizeURL);
    const back = searchParams.get('redirect_uri');
    const account = as ?? this.signedIn.get(origin) ?? 'alice';
    this.signedIn.set(origin, account);
    let page = await this.get(authorizeURL);
    // The consent page and redirects; more than ten are a loop.
    for (let step = 0; step < 10; step += 1) {
      if (page.location !== undefined) {
        const isBack = back !== null && page.location.startsWith(back);
        if (isBack || new URL(page.location).origin !== origin) return page.location;
        page = await this.get(page.location);
        continue;
      }
      const form = formsOf(page).find(({ fields }) => 'account' in fields);
      if (page.status !== 200 || form === undefined) break;
      const filled = { ...form.fields, account, answer: deny ? 'deny' : 'allow' };
      page = await this.request(form.method, form.action, new URLSearchParams(filled).toString(), {});
    }
    throw new StuckAtInstance(page);
  }

  private async request(
    method: string,
    url: string,
    body: string | undefined,
    headers: http.OutgoingHttpHeaders,
  ): Promise<Page> {
    const { host, protocol } = new URL(url);
    const jar = this.jars.get(host) ?? new Map<string, string>();
    this.jars.set(host, jar);
    const cookie = this.cookiesAt(url);
    const options = {
      method,
      // Closes each connection after its request, so that nothing delays the end of a test.
      agent: false as const,
      rejectUnauthorized: false,
      ...(this.lookup && { lookup: this.lookup }),
      headers: {
        'User-Agent': 'Mozilla/5.0 (a visitor)',
        Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
        ...(cookie && { Cookie: cookie }),
        ...(body !== undefined && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = protocol === 'https:' ? https.request(url, options) : http.request(url, options);
      request.once('response', resolve).once('error', reject).end(body);
    });
    keepCookies(jar, response.headers['set-cookie'] ?? []);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return page(url, response, Buffer.concat(chunks).toString());
  }
}

function page(url: string, response: http.IncomingMessage, text: string): Page {
  const { statusCode: status = 0, headers } = response;
  const isRedirect = status >= 300 && status < 400 && headers.location !== undefined;
  const location = isRedirect ? new URL(headers.location ?? '', url).href : undefined;
  return { url, status, headers, text, location, json: () => JSON.parse(text) as unknown };
}

function keepCookies(jar: Map<string, string>, lines: readonly string[]): void {
  for (const line of lines) {
    const [pair = '', ...attributes] = line.split(/; */);
    const [name = '', ...value] = pair.split('=');
    const expires = attributes.find((attribute) => /^expires=/i.test(attribute))?.slice('expires='.length);
    if (expires !== undefined && Date.parse(expires) < Date.now()) jar.delete(name);
    else jar.set(name, value.join('='));
  }
}

function formsOf({ text, url }: Page): Form[] {
  return [...text.matchAll(/<form([^>]*)>(.*?)<\/form>/gs)].map(([, head = '', inner = '']) => ({
    action: new URL(attribute(head, 'action') ?? url, url).href,
    method: (attribute(head, 'method') ?? 'get').toUpperCase(),
    fields: Object.fromEntries(
      [...inner.matchAll(/<input([^>]*)>/g)].map(([, input = '']) => [
        attribute(input, 'name') ?? '',
        attribute(input, 'value') ?? '',
      ]),
    ),
  }));
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replace(/&#(\d+);/g, (_match, code: string) => String.fromCharCode(Number(code)));
}
