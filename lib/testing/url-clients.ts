/** Sites that a testing instance knows by a URL of theirs, as Misskey does: it fetches what they say of themselves there. */

import { Checks } from '../util/checks.js';
import { Http } from '../http/context.js';
import { get, type Answer } from '../http/request.js';
import { readOptions } from '../options.js';
import { parsedURL } from '../util/url.js';
import { isLoopbackName } from './loopback.js';

/** What a site says of itself, or why it is not believed. */
export type Met = { readonly name: string; readonly redirectURI: string } | string;

const checks = new Checks('startInstance');

/** As long as a Misskey waits for a document. Milliseconds. */
const fetchMs = 5000;

export class URLClients {
  private readonly http: Http;

  /**
   * @param sites the public origin of a site, and where it is found on this machine
   * @throws TypeError for a site that is not on loopback
   */
  constructor(private readonly sites: Readonly<Record<string, string>> = {}) {
    const here = Object.values(sites);
    for (const origin of here) {
      const url = parsedURL(origin);
      if (!url || url.origin !== origin || !isLoopbackName(url.hostname)) {
        checks.wrong('sites', 'lead to origins on loopback, such as "http://localhost:3000"', origin);
      }
    }
    // No login is begun with these: they say under which rules a document is fetched.
    const unused = { clientName: 'Testing instance', callbackURL: 'https://unused.invalid' };
    this.http = new Http(readOptions({ ...unused, developmentInstances: here }));
  }

  private async fetch(url: string): Promise<Answer | undefined> {
    const context = this.http.context({ timeoutMs: fetchMs, typed: new URL(url).host });
    try {
      return await get(context, url, { accept: '*/*', redirects: 0 }, (answer) => answer);
    } catch {
      return undefined;
    } finally {
      context.end();
    }
  }

  /** Reads the document anew each time, as Misskey does: from its `Link` header, and the name from its `h-app`. */
  async meet(clientId: string): Promise<Met> {
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
    return { name: unescaped(id) === clientId ? unescaped(name) : clientId, redirectURI };
  }
}

function unescaped(text: string): string {
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
