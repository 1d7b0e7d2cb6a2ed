/** Reads the client metadata of a site, which a Misskey fetches from the URL that is the site's client ID. */

import { Checks, isLoopbackHost } from '../util/checks.js';
import { Http, RequestContext } from '../http/context.js';
import { get, type Answer } from '../http/request.js';
import { readOptions } from '../options.js';
import { parsedURL } from '../util/url.js';
import type { ClientReader } from './oauth.js';
import type { TestApp } from './records.js';

const checks = new Checks('startInstance');

/** Misskey's time limit for the document. */
const fetchMs = 5000;

export class URLClients implements ClientReader {
  private readonly http: Http;

  /**
   * @param sites origin of a site on this machine, by its public origin
   * @throws TypeError for a site that is not on loopback
   */
  constructor(private readonly sites: Readonly<Record<string, string>> = {}) {
    const here = Object.values(sites);
    for (const origin of here) {
      const url = parsedURL(origin);
      if (!url || url.origin !== origin || !isLoopbackHost(url.hostname)) {
        checks.wrong('sites', 'lead to origins on loopback, such as "http://localhost:3000"', origin);
      }
    }
    // Only the rules for requests are used of these.
    const unused = { clientName: 'Testing instance', callbackURL: 'https://unused.invalid' };
    this.http = new Http(readOptions({ ...unused, developmentInstances: here }));
  }

  private async fetch(url: string): Promise<Answer | undefined> {
    const context = new RequestContext(this.http, { timeoutMs: fetchMs, typed: new URL(url).host });
    try {
      return await get(context, url, { accept: '*/*', redirects: 0 }, (answer) => answer);
    } catch {
      return undefined;
    } finally {
      context.end();
    }
  }

  /** Fetches the document each time, as Misskey does: the redirect URI is in its `Link` header, the name in its `h-app`. */
  async read(clientId: string): Promise<Pick<TestApp, 'name' | 'redirectURIs'> | string> {
    const { origin = '', pathname = '' } = parsedURL(clientId) ?? {};
    const here = Object.hasOwn(this.sites, origin) ? this.sites[origin] : undefined;
    if (here === undefined) return `the option "sites" does not say where ${origin || clientId} is found`;
    const answer = await this.fetch(here + pathname);
    if (answer?.status !== 200) return `there is no document at ${here}${pathname}`;
    const [, redirectURI] =
      /^<([^<>]+)>; rel="redirect_uri"$/.exec(String(answer.headers['link'] ?? '')) ?? [];
    if (redirectURI === undefined) return `the document at ${here}${pathname} names no redirect URI`;
    const [, id = '', name = ''] =
      /<div class="h-app"><a class="u-url p-name" href="([^"]*)">([^<]*)<\/a>/.exec(answer.text) ?? [];
    return { name: unescaped(id) === clientId ? unescaped(name) : clientId, redirectURIs: [redirectURI] };
  }
}

function unescaped(text: string): string {
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
