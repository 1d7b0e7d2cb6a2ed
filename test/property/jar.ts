/** A browser of a generated story: its cookies by name and path, or the keys that a program stores for it. */

/** A response of the site. */
export interface Page {
  readonly status: number;
  readonly text: string;
  /** Path and query of the request. */
  readonly path: string;
  /** Absolute, if it is a redirect. */
  readonly location: string | undefined;
  /** The fields of the page's first form, as a browser without scripts sends them. */
  fields(): Record<string, string>;
}

const origin = 'https://site.example';

export class Jar {
  /** For the entry point without cookies. */
  keys: string[] = [];
  private readonly kept = new Map<string, { name: string; value: string; path: string }>();

  clear(): void {
    this.kept.clear();
    this.keys = [];
  }

  cookies(path: string): string {
    const matching = [...this.kept.values()].filter((cookie) => path.startsWith(cookie.path));
    return matching.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  keep(headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const [, path = '/'] = /; path=([^;]*)/i.exec(line) ?? [];
      const isOver = /; max-age=0/i.test(line) || /; expires=Thu, 01 Jan 1970/i.test(line);
      if (isOver) this.kept.delete(`${path} ${name}`);
      else this.kept.set(`${path} ${name}`, { name, value, path });
    }
  }

  /** Sends one request to a process, with the cookies of the site. */
  async open(
    local: string,
    target: string,
    form?: Readonly<Record<string, string>>,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    const response = await fetch(local + target, {
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      headers: { cookie: this.cookies(target), connection: 'close', ...(form && { origin }), ...more },
      redirect: 'manual',
    });
    this.keep(response.headers);
    const location = response.headers.get('location');
    const text = await response.text();
    return {
      ...{ status: response.status, text, path: target },
      location: location === null ? undefined : new URL(location, origin + target).href,
      fields: () => fieldsOf(text),
    };
  }

  /** Follows redirects within the site, and its forms that submit themselves, like a browser with scripts. */
  async follow(local: string, target: string): Promise<Page> {
    let page = await this.open(local, target);
    for (let hops = 0; hops < 10; hops += 1) {
      const next = page.location ?? selfSubmitted(page);
      if (next?.startsWith(`${origin}/`) !== true) break;
      page = await this.open(
        local,
        next.slice(origin.length),
        page.location === undefined ? page.fields() : undefined,
      );
    }
    return page;
  }
}

/** The action of a form that a script of its page submits. */
function selfSubmitted({ text }: Page): string | undefined {
  return text.includes('document.forms[0].submit()') ? / action="([^"]*)"/.exec(text)?.[1] : undefined;
}

function fieldsOf(text: string): Record<string, string> {
  const [form = ''] = /<form.*?<\/form>/s.exec(text) ?? [];
  const inputs = [...form.matchAll(/<input[^>]*>/g)].map(([input]) => [
    / name="([^"]*)"/.exec(input)?.[1] ?? '',
    / value="([^"]*)"/.exec(input)?.[1] ?? '',
  ]);
  return Object.fromEntries(inputs) as Record<string, string>;
}
