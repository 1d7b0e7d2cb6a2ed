/** Asks around for one start of a login: only whom the site allows, each document once, and nothing that a stranger chose. */

import { MastodonError } from '../errors.js';
import { redirectTarget, type Answer, type Network } from '../http/network.js';
import type { Fetcher } from './webfinger.js';

/** The domain, the server behind it, and a second name of each. */
const maxOrigins = 4;
const maxRedirects = 3;

/** As `Network.get` takes it. */
interface Asked {
  readonly accept?: string;
  readonly maxBytes?: number;
}

export class Scout implements Fetcher {
  private readonly allowed = new Map<string, Promise<void>>();
  private readonly answered = new Set<string>();
  private readonly answers = new Map<string, Promise<Answer>>();

  /**
   * @param home the origin of what was typed, which the site was asked about already
   * @param assertAllowed rejects for a host that must not be asked; called once for each, before its first request
   */
  constructor(
    private readonly network: Pick<Network, 'get'>,
    home: string,
    private readonly assertAllowed: (host: string) => Promise<void>,
  ) {
    this.allowed.set(home, Promise.resolve());
  }

  /** As `Network.get`; a redirect to another origin is one to the same document there. */
  async get(target: string, options: Asked = {}): Promise<Answer> {
    const { pathname, search } = new URL(target);
    let url = new URL(target);
    const seen = new Set<string>();
    for (let left = maxRedirects; ; left--) {
      // Who redirects to itself is asked anew: what is under way may be waiting for this very answer.
      const answer = await (seen.has(url.href) ? this.ask(url, options) : this.once(url, options));
      seen.add(url.href);
      const next = left > 0 ? redirectTarget(answer, answer.url.host) : undefined;
      if (!next) return answer;
      // Whoever redirects names a server, and does not choose what it is asked for: we are nobody's tool.
      const isElsewhere = next.origin !== url.origin && /^https?:$/.test(next.protocol);
      url = isElsewhere ? new URL(pathname + search, next.origin) : next;
    }
  }

  /** Whether anything came back from there yet; where nothing did, one more question is for nothing. */
  hasHeardFrom(origin: string): boolean {
    return this.answered.has(origin);
  }

  private once(url: URL, options: Asked): Promise<Answer> {
    const asked = this.answers.get(url.href);
    if (asked) return asked;
    const answer = this.ask(url, options);
    this.answers.set(url.href, answer);
    return answer;
  }

  private async ask(url: URL, options: Asked): Promise<Answer> {
    await this.mayAsk(url);
    const answer = await this.network.get(url.href, { ...options, redirects: 0 });
    this.answered.add(url.origin);
    return answer;
  }

  private mayAsk({ origin, host }: URL): Promise<void> {
    const known = this.allowed.get(origin);
    if (known) return known;
    const isTooMany = this.allowed.size >= maxOrigins;
    const allowed = isTooMany
      ? Promise.reject(
          new MastodonError('instance_unsupported', { instance: host, cause: new Error('led too far') }),
        )
      : this.assertAllowed(host);
    this.allowed.set(origin, allowed);
    return allowed;
  }
}
