/** Mistakes of who builds something on a login: each is told once, with what to do, while it is being built. */

import { isBeingBuilt, isLoopbackHost } from '../util/checks.js';
import { nearest } from '../util/did-you-mean.js';
import { beginOptionNames } from '../options.js';
import { UnlistedServer } from '../unlisted-server.js';

/** With so many things the same mistake is told at most: some of them are what a visitor has typed. */
const maxAbout = 10;

/** What nobody calls an option, or a field, is something else that was passed on, and not to be shown. */
export const plainName = /^[\w$-]{1,40}$/;

export class Advice {
  /** Whether anybody is told. In production strangers could set these off; there the option `log` tells causes. */
  readonly isOn = isBeingBuilt();
  /** What each of them was about. */
  private readonly told = new Map<string, Set<string>>();

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

  /** @param about what of, where the same mistake is made with several things */
  tell(code: string, what: string, about = ''): void {
    const told = this.told.get(code) ?? new Set();
    if (!this.isOn || told.has(about) || told.size >= maxAbout) return;
    this.told.set(code, told.add(about));
    process.emitWarning(`${this.caller}: ${what}`, { code });
  }

  /** Whether one of these was told, which explains what else there might be to tell. */
  hasTold(...codes: readonly string[]): boolean {
    return codes.some((code) => this.told.has(code));
  }

  /**
   * What was said as a login began.
   * @param call to what, as it is written
   * @param made the names of all that the door is made with
   * @param others names that somebody else reads
   */
  begunWith(call: string, options: object, made: readonly string[], others: readonly string[] = []): void {
    this.try(() => {
      const own = ['instance', ...beginOptionNames];
      for (const [name, value] of Object.entries(options)) {
        if (value === undefined || !plainName.test(name)) continue;
        if (own.includes(name) || others.includes(name)) continue;
        const isMisplaced = made.includes(name);
        const meant = isMisplaced ? undefined : nearest(name, [...own, ...others, ...made]);
        if (!isMisplaced && meant === undefined) continue;
        const why = isMisplaced
          ? `has no effect there: it is an option of ${this.caller}`
          : `is no option; did you mean ${meant}?`;
        this.tell('MASTODON_OPTION', `${name} in ${call} ${why}`, name);
      }
    });
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
          origin,
        );
      }
      this.tell(
        'MASTODON_NOT_LISTED',
        `${origin} was typed, and a server that is not public is refused unless it is listed: to log in at one of your own, ` +
          `set the option developmentInstances: ['${origin}']${elsewhere(origin)}, with https if it is reached so` +
          (listed.length > 0 ? `; it has ${listed.join(', ')} now` : ''),
        origin,
      );
    });
  }
}

/** Names of one server on this machine, which knows itself by one of them only. */
function isSameMachine(origin: string, other: string): boolean {
  const [one, two] = [new URL(origin), new URL(other)];
  return one.port === two.port && isLoopbackHost(one.hostname) && isLoopbackHost(two.hostname);
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
