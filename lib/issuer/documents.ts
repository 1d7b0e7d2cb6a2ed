/** Fetches the metadata documents of clients whose ID is a URL, and says which of them are taken. */

import { LRUCache } from 'lru-cache';
import { errorOf, MastodonError, recordOf, type FailureRecord } from '../errors.js';
import { type Answer, jsonObject } from '../http/answer.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Http } from '../http/context.js';
import { get } from '../http/request.js';
import type { Settings } from '../options.js';
import { isSafeRedirect } from './clients.js';
import type { Client, DocumentFeature, OIDC } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';

/** Any visitor can name such a URL. */
const limits = { inAll: 16, perInstance: 4, waiting: 64 };

/** For the whole of a fetch, waiting included. Milliseconds. */
const patienceMs = 5000;

/** A document that could not be fetched is not asked for again at once. */
const failures = { most: 1000, ms: 30_000 };

/** URLs in a document from which oidc-provider would fetch more, each time the client is used. */
const furtherURLs = ['jwks_uri', 'sector_identifier_uri'] as const;

/** Longer ones would go into tokens, links and logs. */
const longestId = 1024;

/** How long a document is good for, whatever its server says. Seconds. */
const cacheDuration = { min: 5 * 60, max: 60 * 60 };

/** In the form of `fetch`, as far as oidc-provider uses it: GET of a JSON object, without redirects. */
export function documentFetch(settings: Settings): typeof globalThis.fetch {
  // Which clients are taken is decided by `allowDocument`; `allowInstance` speaks of accounts.
  const http = new Http({ ...settings, allowInstance: undefined });
  const limit = new ConcurrencyLimit(limits);
  const failed = new LRUCache<string, FailureRecord>({
    max: failures.most,
    ttl: failures.ms,
    perf: Date,
    noUpdateTTL: true,
  });
  return async (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const known = failed.get(url.href);
    if (known) throw errorOf(known);
    const context = http.context({ timeoutMs: patienceMs, typed: url.host });
    try {
      const fetchIt = () => get(context, url.href, { redirects: 0 }, checkedDocument);
      const { text, headers } = await limit.run(context, url.host, fetchIt);
      return new Response(text, { headers: { 'Cache-Control': headers['cache-control'] ?? '' } });
    } catch (error) {
      // That this process is busy says nothing about the document.
      if (error instanceof MastodonError && error.code !== 'login_busy')
        failed.set(url.href, recordOf(error));
      throw error;
    } finally {
      context.end();
    }
  };
}

/** @throws MastodonError `response_invalid` */
function checkedDocument(answer: Answer): Answer {
  if (answer.status !== 200) throw invalid(`status ${answer.status}`);
  const document = jsonObject(answer);
  const further = furtherURLs.find((name) => document[name] !== undefined);
  if (further !== undefined) throw invalid(`${further} is not taken from a metadata document`);
  return answer;
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: new Error(why) });
}

/** The settings of oidc-provider for metadata documents. */
export function documentFeature(
  { errors }: OIDC,
  allowDocument: NonNullable<IssuerSettings['allowDocument']>,
): DocumentFeature {
  return {
    enabled: true,
    ack: 'draft-02',
    cacheDuration,
    allowFetch: async (_ctx, clientId) =>
      clientId.length <= longestId && (await allowDocument(clientId)) === true,
    // Asked again for a document that is remembered: a client that is not allowed any more is refused at once.
    async allowClient(_ctx, client) {
      if (!urisOf(client).every(isSafeRedirect)) {
        throw new errors.InvalidClientMetadata(
          'redirect_uris of a client_id metadata document must be https, loopback, or of a scheme with a dot',
        );
      }
      return (await allowDocument(client.clientId)) === true;
    },
  };
}

function urisOf({ redirectUris, postLogoutRedirectUris }: Client): readonly string[] {
  return [...(redirectUris ?? []), ...(postLogoutRedirectUris ?? [])];
}
