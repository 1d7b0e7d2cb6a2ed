/** Mistakes of who builds something on a login: each is told once, with what to do, while it is being built. */

import { isLoopbackHost } from '../checks.js';
import { UnlistedServer } from '../unlisted-server.js';

/** So many browsers are watched for a login that never comes back: one is enough while a site is being built. */
const maxWatched = 100;

export class Advice {
  /** Whether anybody is told. In production strangers could set these off; there the option `log` tells causes. */
  readonly isOn = isBeingBuilt();
  private readonly told = new Set<string>();

  /** @param caller what was called, as the messages name it */
  constructor(private readonly caller: string) {}

  /** Looks for something to tell. What it finds in a framework's request may be anything, and no login fails of it. */
  try(look: () => void): void {
    if (!this.isOn) return;
    try {
      look();
    } catch {
      // Then there is nothing to tell.
    }
  }

  tell(code: string, what: string): void {
    if (!this.isOn || this.told.has(code)) return;
    this.told.add(code);
    process.emitWarning(`${this.caller}: ${what}`, { code });
  }

  /**
   * A login did not begin. Visitors have their accounts at public servers; others are typed by who builds.
   * @param elsewhere how the option is written where it is not set in a program
   */
  refused(error: unknown, elsewhere: (origin: string) => string = () => ''): void {
    this.try(() => {
      const { cause } = Object(error) as { cause?: unknown };
      if (!(cause instanceof UnlistedServer)) return;
      const { origin, listed } = cause;
      const same = listed.find((other) => isSameMachine(origin, other));
      if (same !== undefined) {
        const { host } = new URL(origin);
        return this.tell(
          'MASTODON_NOT_LISTED',
          `${host} was typed, and is listed by another name: type ${new URL(same).host}`,
        );
      }
      this.tell(
        'MASTODON_NOT_LISTED',
        `${origin} was typed, and a server that is not public is refused unless it is listed: to log in at one of your own, ` +
          `set the option developmentInstances: ['${origin}']${elsewhere(origin)}, with https if it is reached so` +
          (listed.length > 0 ? `; it has ${listed.join(', ')} now` : ''),
      );
    });
  }
}

/** Names of one server on this machine, which knows itself by one of them only. */
function isSameMachine(origin: string, other: string): boolean {
  const [one, two] = [new URL(origin), new URL(other)];
  return one.port === two.port && isLoopbackHost(one.hostname) && isLoopbackHost(two.hostname);
}

function isBeingBuilt(): boolean {
  const { NODE_ENV = '' } = process.env;
  return NODE_ENV === '' || NODE_ENV === 'development';
}

/** For doors that are also a service: how its file has `developmentInstances`. */
export function inTheFile(origin: string): string {
  return ` (in the service's file, development_instances: [${origin}])`;
}

/** The part of a path that a framework has taken away: where it has mounted who sees this request. */
export function mountOf(req: {
  readonly url?: string | undefined;
  readonly originalUrl?: string | undefined;
}): string {
  const { url = '', originalUrl = url } = req;
  return originalUrl.endsWith(url) ? originalUrl.slice(0, originalUrl.length - url.length) : '';
}

/** A request that begins a login, as any door sees it. */
export interface Start {
  readonly host: string | undefined;
  /** Known to have come to this process without TLS. */
  readonly isByHTTP: boolean;
  /** @param name in lower case */
  readonly header: (name: string) => unknown;
}

/** What is to be seen of a browser that begins a login, at whichever door of a site. */
export class ComingsAndGoings {
  private readonly began = new Set<string>();
  hasHeardAnswer = false;

  /** @param callbackURL without a slash at its end */
  constructor(
    private readonly advice: Advice,
    private readonly callbackURL: string,
  ) {}

  /**
   * A visitor is being sent away.
   * @param browserKey what this browser had already, or has now for the next time
   */
  begins(start: Start, browserKey: string | undefined): void {
    this.ofTheName(start);
    this.ofTheScheme(start);
    this.ofTheScript(start);
    if (browserKey === undefined || this.hasHeardAnswer) return;
    if (this.began.has(browserKey)) {
      this.advice.tell(
        'MASTODON_NO_ANSWER',
        `one browser has begun a second login, and no answer has come to the first. Answers go to ${this.callbackURL}/<its host>: ` +
          `is there a route for ${new URL(this.callbackURL).pathname}/:instance, and is this site at that address?`,
      );
    }
    if (this.began.size < maxWatched) this.began.add(browserKey);
  }

  answers(): void {
    this.hasHeardAnswer = true;
  }

  /** Cookies belong to a name: who begins at 127.0.0.1 and comes back to localhost has lost them. */
  private ofTheName({ host }: Start): void {
    const begunAt = host?.replace(/:\d+$/, '') ?? '';
    const { hostname, origin } = new URL(this.callbackURL);
    if (begunAt === hostname || !isLoopbackHost(begunAt) || !isLoopbackHost(hostname)) return;
    this.advice.tell(
      'MASTODON_OTHER_NAME',
      `a login was begun at ${begunAt}, and comes back to ${hostname}, where the browser has other cookies: open the ` +
        `site at ${origin}`,
    );
  }

  /** What comes from a proxy that ends TLS came by https; browsers tell of either, by the page with the form. */
  private ofTheScheme({ host, isByHTTP, header }: Start): void {
    const url = new URL(this.callbackURL);
    if (url.protocol !== 'https:' || !isByHTTP || host !== url.host) return;
    const pages = ['origin', 'referer'].map((name) => String(header(name)));
    if (pages.some((page) => page.startsWith('https:'))) return;
    const isPageByHTTP = pages.some((page) => page.startsWith(`http://${host}`));
    if (!isPageByHTTP && signsOfProxies.some((name) => Boolean(header(name)))) return;
    this.advice.tell(
      'MASTODON_BY_HTTP',
      `a login was begun by http, and comes back by https, as callbackURL is ${this.callbackURL}: ` +
        (isLoopbackHost(url.hostname) ? 'say http there while you build the site, or ' : '') +
        `open the site at ${url.origin}`,
    );
  }

  /** Scripts follow redirects by themselves, and other sites do not let them (Fetch Metadata, section 2.2). */
  private ofTheScript({ header }: Start): void {
    if (header('sec-fetch-dest') !== 'empty') return;
    this.advice.tell(
      'MASTODON_BY_SCRIPT',
      'a login was begun by a script (fetch or XMLHttpRequest), which cannot follow the visitor to the instance: send a ' +
        'form, or set location',
    );
  }
}

const signsOfProxies = [
  'forwarded',
  'via',
  'x-forwarded-proto',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
];
