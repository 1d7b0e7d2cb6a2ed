/** Mistakes of new sites at the web door, which sees requests and its own cookie. */

import type { BrowserKeys } from '../login/browser-keys.js';
import { Advice } from '../login/advice.js';
import { ComingsAndGoings } from '../login/comings-and-goings.js';
import { targetOf } from '../login/response.js';
import { webOptionNames } from './options.js';

/** So many browsers are watched for a cookie that they should have lost. */
const maxWatched = 100;

export class WebHints {
  private readonly advice = new Advice('createLogin');
  private readonly browsers: ComingsAndGoings;
  /** Keys that a finished login has replaced. */
  private readonly replaced = new Set<string>();

  /** @param callbackURL without a slash at its end */
  constructor(
    private readonly callbackURL: string,
    hasStore: boolean,
  ) {
    this.browsers = new ComingsAndGoings(this.advice, callbackURL, hasStore);
  }

  /** `begin` was called, for whatever. */
  isGiven({ url }: Request, options: object): void {
    this.advice.begunWith('begin', options, webOptionNames);
    this.advice.try(() => {
      const { pathname, searchParams } = targetOf(url);
      if (!searchParams.has('state') || !this.isBelowCallback(pathname)) return;
      this.advice.tell(
        'MASTODON_WRONG_ROUTE',
        `begin was called for an answer of an instance${at(pathname)}: the route of callbackURL calls finish`,
      );
    });
  }

  /** @param keys with the one that the browser has from now on */
  begins({ headers, url }: Request, { current }: BrowserKeys): void {
    this.advice.try(() => {
      const { host, protocol } = new URL(url, 'none://localhost');
      const start = {
        // Not every framework writes the header; all write the address.
        host: headers.get('host') ?? host,
        isByHTTP: protocol === 'http:',
        header: (name: string) => headers.get(name),
      };
      this.browsers.begins(start, current);
      this.ofTheAnswerBefore(current);
    });
  }

  /** A login did not begin. */
  refused(error: unknown): void {
    this.advice.refused(error);
  }

  /** A login did not end well. */
  unfinished({ url }: Request, error: unknown): void {
    this.advice.try(() => {
      if (targetOf(url).searchParams.has('state')) this.browsers.refused(error);
    });
  }

  /**
   * A start without an instance.
   * @param wasRead whether somebody had read the body before
   */
  missesField({ method }: Request, wasRead: boolean): void {
    if (method === 'GET' || method === 'HEAD') return;
    if (wasRead) {
      return this.advice.tell(
        'MASTODON_NO_BODY',
        'the body of the request was read before begin(), which was given no instance: pass what the form says, as in ' +
          'begin(request, { instance }), and look whether its field has the name that you read',
      );
    }
    this.advice.tell(
      'MASTODON_NO_FIELD',
      'a form was sent, and none of its fields is "instance": name the input so, or read the form yourself and pass what ' +
        'it says, as in begin(request, { instance })',
    );
  }

  answers({ url }: Request, { current, former }: BrowserKeys): void {
    this.advice.try(() => {
      const { pathname, searchParams } = targetOf(url);
      if (!searchParams.has('state') && !this.isBelowCallback(pathname)) {
        return this.advice.tell(
          'MASTODON_WRONG_ROUTE',
          `finish was called${at(pathname)}, which is not below callbackURL and has no answer of an instance in its query: the route ` +
            'of the form calls begin',
        );
      }
      this.browsers.answers();
      if (current === undefined && former.length === 0) this.ofTheCookie(url);
    });
  }

  finished({ current }: BrowserKeys): void {
    if (current === undefined || !this.advice.isOn) return;
    if (this.replaced.size < maxWatched) this.replaced.add(current);
  }

  /** The login's own, without which nobody knows who comes back. */
  private ofTheCookie(url: string): void {
    const { protocol, searchParams } = new URL(url, this.callbackURL);
    // What is no answer of an instance says nothing about the site.
    if (!searchParams.has('state') || !this.browsers.hasBegun) return;
    if (this.advice.hasTold('MASTODON_OTHER_NAME')) return;
    const isByHTTP = this.callbackURL.startsWith('https:') && protocol === 'http:';
    this.advice.tell(
      'MASTODON_NO_COOKIE',
      'an answer came without the cookie of the login: give the visitor the Response of begin() as it is, since a redirect ' +
        'made of its Location alone has no cookie; and begin the login at the name to which callbackURL leads' +
        (isByHTTP ? `, by https, without which browsers keep no cookie of ${this.callbackURL}` : ''),
    );
  }

  private isBelowCallback(path: string): boolean {
    return path.startsWith(`${new URL(this.callbackURL).pathname}/`);
  }

  private ofTheAnswerBefore(current: string | undefined): void {
    if (current === undefined || !this.replaced.has(current)) return;
    this.advice.tell(
      'MASTODON_NO_HEADERS',
      'this browser has finished a login and still has its cookie of before: the response to the callback has to carry the ' +
        'headers that finish() gives',
    );
  }
}

/** Of the site's own paths, which are short and plain. */
function at(path: string): string {
  return /^[\w/.~-]{1,80}$/.test(path) ? ` at ${path}` : ' at an address';
}
