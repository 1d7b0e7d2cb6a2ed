/** What is to be seen of the browsers that begin logins and come back, at whichever door of a site, and what it says of the site. */

import { isLoopbackHost } from '../util/checks.js';
import { MastodonError } from '../errors.js';
import type { Advice } from './advice.js';

/** So many browsers are watched for a login that never comes back, and so many addresses: one is enough while a site is being built. */
const maxWatched = 100;

const doorsInProcess = Symbol.for('passport-mastodon-oauth2.doors');

/** All in this process that take the answers at one address: a program may have made several without meaning to. */
interface Doors {
  made: number;
  /** That was told, and is why no answer comes to the one that has begun a login. */
  wasTold: boolean;
}

/** Next.js loads a module more than once into one process, which is how most doors are made twice there. */
const everywhere = globalThis as { [doorsInProcess]?: Map<string, Doors> };
const doorsAt = (everywhere[doorsInProcess] ??= new Map<string, Doors>());

/** Told already, these say why no answer comes, or none that belongs to a login. */
const reasons = [
  'MASTODON_BY_SCRIPT',
  'MASTODON_FORM_ACTION',
  'MASTODON_BY_HTTP',
  'MASTODON_OTHER_NAME',
  'MASTODON_NO_SESSION',
  'MASTODON_NO_COOKIE',
];

/** A request that begins a login, as any door sees it. */
export interface Start {
  readonly host: string | undefined;
  /** Known to have come to this process without TLS. */
  readonly isByHTTP: boolean;
  /** @param name in lower case */
  readonly header: (name: string) => unknown;
}

export class ComingsAndGoings {
  private readonly began = new Set<string>();
  private readonly doors: Doors;
  hasHeardAnswer = false;
  /** Whether an answer may belong to a login that was begun here: sites are restarted, and asked by anybody. */
  hasBegun = false;

  /**
   * @param callbackURL without a slash at its end
   * @param hasStore whether what one door begins another one may know
   */
  constructor(
    private readonly advice: Advice,
    private readonly callbackURL: string,
    private readonly hasStore: boolean,
  ) {
    this.doors = doorsAt.get(callbackURL) ?? { made: 0, wasTold: false };
    this.doors.made += 1;
    if (advice.isOn && doorsAt.size < maxWatched) doorsAt.set(callbackURL, this.doors);
  }

  /**
   * A visitor is being sent away.
   * @param browserKey what this browser had already, or has now for the next time
   */
  begins(start: Start, browserKey: string | undefined): void {
    this.ofTheName(start);
    this.ofTheScheme(start);
    this.ofTheScript(start);
    this.hasBegun = true;
    if (browserKey === undefined || this.hasHeardAnswer) return;
    if (this.doors.wasTold || this.advice.hasTold(...reasons)) return;
    if (this.began.has(browserKey)) {
      this.advice.tell(
        'MASTODON_NO_ANSWER',
        `one browser has begun a second login, and no answer has come to the first. Answers go to ${this.callbackURL}/<its host>: ` +
          `is there a route for ${new URL(this.callbackURL).pathname}/:instance, is this site at that address, and does ` +
          'no Content-Security-Policy (form-action) stop the redirect? (Who has ' +
          'gone back from the instance, or has begun in a second tab, need not mind.)',
      );
    }
    if (this.began.size < maxWatched) this.began.add(browserKey);
  }

  answers(): void {
    this.hasHeardAnswer = true;
  }

  /** An answer did not end a login. Of two doors with a memory of their own, one may have begun what comes to the other. */
  refused(error: unknown): void {
    // It may be the application's own, and whatever it has thrown.
    this.advice.try(() => {
      if (!(error instanceof MastodonError) || error.code !== 'login_expired') return;
      if (this.hasStore || this.doors.made < 2) return;
      this.doors.wasTold = true;
      this.advice.tell(
        'MASTODON_MADE_TWICE',
        `an answer came that belongs to no login here, and there are ${this.doors.made} with this callbackURL in the process, each with ` +
          'logins of its own: make it once, outside of the routes, in a module that all of them import (in Next.js, which loads ' +
          'modules more than once, as globalThis.mastodonLogin ??= …); or give all one store (and one cookieName)',
      );
    });
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
  ofTheScript({ header }: Start): void {
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
