/** A minimal browser for clicking through a site: cookies, redirects, forms, no scripts. */

export interface Form {
  readonly action: string;
  readonly method: string;
  /** The prefilled fields of a form, hidden ones included. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** The visible text of a page. */
  readonly text: string;
  readonly forms: readonly Form[];
}

export class Browser {
  /** By host name, because cookies ignore ports. */
  private readonly cookies = new Map<string, Map<string, string>>();

  async open(url: string, from?: string): Promise<Page> {
    return this.go(url, { method: 'GET' }, from);
  }

  /** Another browser with stolen cookies of this one. */
  copy(): Browser {
    const copy = new Browser();
    for (const [host, jar] of this.cookies) copy.cookies.set(host, new Map(jar));
    return copy;
  }

  /** Submits the form of `page` whose action is `action`. */
  async submit(page: Page, action: string, fields: Record<string, string> = {}): Promise<Page> {
    const form = page.forms.find((candidate) => candidate.action.endsWith(action));
    if (form?.method !== 'post') throw new Error(`no form to ${action} on ${page.url}`);
    const body = new URLSearchParams({ ...form.fields, ...fields });
    return this.go(new URL(form.action, page.url).href, { method: 'POST', body }, page.url);
  }

  /** A form of another site, submitted from there. */
  async submitFrom(site: string, url: string, fields: Record<string, string>): Promise<Page> {
    return this.go(url, { method: 'POST', body: new URLSearchParams(fields) }, site);
  }

  private async go(url: string, request: RequestInit, from: string | undefined, hops = 0): Promise<Page> {
    if (hops > 10) throw new Error(`too many redirects, at ${url}`);
    const { hostname, origin } = new URL(url);
    const isForeign = from !== undefined && new URL(from).origin !== origin;
    const jar = this.cookies.get(hostname) ?? new Map<string, string>();
    this.cookies.set(hostname, jar);
    // SameSite=Lax: the browser sends cookies with another site's links, not with its forms. Ports do not change
    // the site.
    const isCrossSite = from !== undefined && new URL(from).hostname !== hostname;
    const cookie =
      isCrossSite && request.method === 'POST' ? '' : [...jar].map((pair) => pair.join('=')).join('; ');
    const site =
      from === undefined ? 'none' : isCrossSite ? 'cross-site' : isForeign ? 'same-site' : 'same-origin';
    const response = await fetch(url, {
      ...request,
      redirect: 'manual',
      headers: {
        'sec-fetch-site': site,
        ...(cookie && { cookie }),
        ...(request.method === 'POST' && from && { origin: new URL(from).origin }),
      },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.arrayBuffer();
      return this.go(new URL(location, url).href, { method: 'GET' }, url, hops + 1);
    }
    return readPage(url, response, await response.text());
  }
}

function readPage(url: string, { status, headers }: Response, html: string): Page {
  const forms = [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, head = '', inside = '']) => {
    const inputs = [...inside.matchAll(/<input\b([^>]*)>/g)].map(([, input = '']) => input);
    const sent = inputs.filter((input) => attribute(input, 'type') !== 'radio' || /\schecked\b/.test(input));
    return {
      action: attribute(head, 'action') ?? '',
      method: attribute(head, 'method') ?? 'get',
      fields: Object.fromEntries(
        sent.map((input) => [attribute(input, 'name'), attribute(input, 'value') ?? '']),
      ),
    };
  });
  const body = html.replace(/^.*?<body[^>]*>/s, '').replace(/<[^>]*>/g, ' ');
  return { url, status, headers, html, forms, text: unescape(body).replace(/\s+/g, ' ').trim() };
}

export function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescape(value);
}

function unescape(text: string): string {
  const characters: Record<string, string> = {
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    '#39': "'",
    '#96': '`',
  };
  return text.replace(/&([a-z]+|#\d+);/g, (entity, name: string) => characters[name] ?? entity);
}
