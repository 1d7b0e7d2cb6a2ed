/** Redirects posted requests to a URL by GET. A request with an ID token is stored, so that the token is not in a URL. */

import type { IncomingMessage } from 'node:http';
import { randomToken } from '../login/browser.js';
import { readFields } from '../pages/form.js';
import type { ClientAddress } from '../util/client-address.js';
import { limits, PendingRecords } from './limits.js';
import { routes } from './route.js';
import type { IssuerStore, RecordName } from './store.js';

/** Endpoints that also accept POST: OpenID Connect Core, section 3.1.2.1; RP-Initiated Logout, section 2. */
const postable: ReadonlySet<string> = new Set([routes.authorization, routes.end_session]);

const form = 'application/x-www-form-urlencoded';

/** It has the claims of a person, and URLs are in histories and logs. */
const token = 'id_token_hint';

/** Time for one redirect. */
const ttlMs = 60 * 1000;

/** The path and query that a request is for, or the ones to redirect to first. */
export type Requested =
  { readonly url: string } | { readonly redirect: string } | 'gone' | 'too long' | 'no form';

export class PostedRequests {
  private readonly pending: PendingRecords;

  constructor(
    private readonly store: IssuerStore,
    private readonly addressOf: (req: IncomingMessage) => ClientAddress,
  ) {
    this.pending = new PendingRecords((key) => {
      for (const path of postable) void this.store.delete(nameOf(path, key));
    });
  }

  /**
   * The request as its client has made it, by GET or by POST.
   * @throws MastodonError `store_failed`
   */
  async read(req: IncomingMessage, url: string): Promise<Requested> {
    const [path = '', query = ''] = url.split('?', 2);
    if (postable.has(path) && req.method === 'POST') return this.posted(req, path);
    if (url.length > limits.request) return 'too long';
    const [, key] = /^posted=([\w-]{43})$/.exec(query) ?? [];
    if (key === undefined || !postable.has(path)) return { url };
    const posted = await this.store.get<{ query: string }>(nameOf(path, key));
    return posted === undefined ? 'gone' : { url: `${path}?${posted.query}` };
  }

  /** Browsers send no `SameSite=Lax` cookies with a POST from another site, so the session would be missing. */
  private async posted(req: IncomingMessage & { readonly body?: unknown }, path: string): Promise<Requested> {
    const { 'content-type': type = form } = req.headers;
    if (Object(req.body) !== req.body && !type.toLowerCase().startsWith(form)) return 'no form';
    const fields = await readFields(req, limits.request);
    const redirect = `${path}?${String(fields)}`;
    if (!fields || redirect.length > limits.request) return 'too long';
    if (![...fields.keys()].some((name) => name.includes(token))) return { redirect };
    const key = randomToken();
    const query = String(fields);
    await this.store.set(nameOf(path, key), { query }, ttlMs);
    this.pending.add({
      ...{ id: key, client: fields.get('client_id') ?? '', address: this.addressOf(req) },
      ...{ size: query.length, until: Date.now() + ttlMs },
    });
    return { redirect: `${path}?posted=${key}` };
  }
}

function nameOf(path: string, key: string): RecordName {
  return ['posted', path, key];
}
