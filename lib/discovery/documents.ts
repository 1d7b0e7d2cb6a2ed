/** Fetches the documents of one discovery, each URL at most once. */

import { MastodonError } from '../errors.js';
import type { RequestContext } from '../http/context.js';
import { get, readAnswer, type Answer, type Reader } from '../http/request.js';

/** As `get` of http/request takes them. */
interface DocumentOptions {
  readonly accept?: string;
  readonly maxBytes?: number;
}

/** The domain, the server behind it, and a second name of each. */
const maxOrigins = 4;

export class Documents {
  private readonly answers = new Map<string, Promise<Answer>>();
  private readonly origins = new Set<string>();
  private readonly answered = new Set<string>();

  constructor(private readonly context: RequestContext) {}

  /** @throws MastodonError like every request; `instance_unsupported` where too many origins were named */
  async get<T>(url: string, options: DocumentOptions, read: Reader<T>): Promise<T> {
    return readAnswer(await this.answer(url, options), read);
  }

  /** Whether the origin has answered any request yet. Where it has not, further requests would be in vain. */
  hasAnswered(origin: string): boolean {
    return this.answered.has(origin);
  }

  private answer(url: string, options: DocumentOptions): Promise<Answer> {
    const known = this.answers.get(url);
    if (known) return known;
    const { origin, host } = new URL(url);
    if (!this.origins.has(origin) && this.origins.size >= maxOrigins) {
      const cause = new Error('too many servers are named one after another');
      return Promise.reject(new MastodonError('instance_unsupported', { instance: host, cause }));
    }
    this.origins.add(origin);
    const answer = get(this.context, url, options, (complete) => complete).then((complete) => {
      this.answered.add(origin);
      // A redirect led here: who asks for this URL next has its answer already.
      if (!this.answers.has(complete.url.href)) this.answers.set(complete.url.href, answer);
      return complete;
    });
    this.answers.set(url, answer);
    return answer;
  }
}
