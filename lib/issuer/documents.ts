/** Fetches the metadata documents of clients whose ID is a URL, and decides which are accepted. */

import { LRUCache } from 'lru-cache';
import { errorOf, MastodonError, recordOf, type FailureRecord } from '../errors.js';
import { type Answer, jsonObject } from '../http/answer.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Http, RequestContext } from '../http/context.js';
import { get } from '../http/request.js';
import type { Settings } from '../options.js';
import { isSafeRedirect } from './clients.js';
import type { Client, DocumentFeature, OIDC } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';

/** Any visitor can make the issuer fetch such a URL. */
const limits = { inAll: 16, perInstance: 4, waiting: 64 };

/** For a whole fetch, waiting included. Milliseconds. */
const timeoutMs = 5000;

/** A document that failed is not fetched again in this time. */
const failures = { most: 1000, ms: 30_000 };

/** oidc-provider would fetch these URLs of a document each time the client is used. */
const furtherURLs = ['jwks_uri', 'sector_identifier_uri'] as const;

/** Client IDs are part of tokens, links and logs. */
const longestId = 1024;

/** Bounds for the `max-age` of a document. Seconds. */
const cacheDuration = { min: 5 * 60, max: 60 * 60 };

/** A `fetch` for oidc-provider: GET of a JSON object, without redirects. */
export function documentFetch(settings: Settings): typeof globalThis.fetch {
  // `allowDocument` decides about clients. `allowInstance` is about accounts.
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
    const context = new RequestContext(http, { timeoutMs, typed: url.host });
    try {
      const fetchIt = () => get(context, url.href, { redirects: 0 }, checkedDocument);
      const { text, headers } = await limit.run(context, url.host, fetchIt);
      return new Response(text, { headers: { 'Cache-Control': headers['cache-control'] ?? '' } });
    } catch (error) {
      // The failure is this process's, not the document's.
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
  return new MastodonError('response_invalid', { cause: why });
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
    // Also for a cached document: a client that is no longer allowed is refused at once.
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
