/** Requests that came in a body: browsers are sent on with them to an address, and a token that they hold stays out of it. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomToken } from '../login/state.js';
import { readFields } from '../pages/form.js';
import { sealed, unsealed } from '../util/encryption.js';
import type { Store } from '../store.js';
import type { RecordKeys } from './records.js';
import { routes } from './route.js';

/** Of an address. What an authorization request says is kept for as long as its login may take, for anybody who asks. */
export const longestRequest = 8192;

/** What browsers may also be sent to by a POST: OpenID Connect Core, section 3.1.2.1; RP-Initiated Logout, section 2. */
const postable: ReadonlySet<string> = new Set([routes.authorization, routes.end_session]);

const form = 'application/x-www-form-urlencoded';

/** Names somebody, with all that is known of them, and ends up in histories and logs where it is in an address. */
const token = 'id_token_hint';

/** For one redirect: what an authorization request says is kept with its login from then on. Anybody may post. */
const waitingMs = 60 * 1000;

/** What a request asks for: an address below the issuer's, or one to which the browser has to be sent first. */
export type Asked =
  { readonly url: string } | { readonly redirect: string } | 'gone' | 'too long' | 'no form';

export class PostedRequests {
  constructor(
    private readonly store: Store,
    private readonly keys: RecordKeys,
  ) {}

  /**
   * The request as its client has made it, wherever it came from.
   * @throws MastodonError `store_failed`
   */
  async read(req: IncomingMessage, url: string): Promise<Asked> {
    const [path = '', query = ''] = url.split('?', 2);
    if (postable.has(path) && req.method === 'POST') return this.posted(req, path);
    if (url.length > longestRequest) return 'too long';
    const [, key] = /^posted=([\w-]{43})$/.exec(query) ?? [];
    if (key === undefined || !postable.has(path)) return { url };
    const record = (await this.store.read(this.keyOf(path, key))) as { readonly query?: unknown } | undefined;
    const posted = unsealed(key, path, String(record?.query));
    return posted === undefined ? 'gone' : { url: `${path}?${posted}` };
  }

  /** With another site's POST a browser brings no cookies that are `SameSite=Lax`, and so no login that it has here. */
  private async posted(req: IncomingMessage & { readonly body?: unknown }, path: string): Promise<Asked> {
    const { 'content-type': type = form } = req.headers;
    if (Object(req.body) !== req.body && !type.toLowerCase().startsWith(form)) return 'no form';
    const fields = await readFields(req, longestRequest);
    const redirect = `${path}?${String(fields)}`;
    if (!fields || redirect.length > longestRequest) return 'too long';
    if (![...fields.keys()].some((name) => name.includes(token))) return { redirect };
    const key = randomToken();
    await this.store.save(this.keyOf(path, key), { query: sealed(key, path, String(fields)) }, waitingMs);
    return { redirect: `${path}?posted=${key}` };
  }

  private keyOf(path: string, key: string): string {
    return this.keys.of('posted', path, key);
  }
}

/** Before anybody hears of the answer: what was put around the response for that, when its head is written or at its end, too. */
export function beforeAnswering(res: ServerResponse, work: () => void): void {
  for (const name of ['writeHead', 'end'] as const) {
    const former = res[name].bind(res) as (...args: unknown[]) => ServerResponse;
    Object.assign(res, {
      [name](...args: unknown[]) {
        work();
        return former(...args);
      },
    });
  }
  for (const end of ['finish', 'close']) res.prependOnceListener(end, work);
}
