/** Fetches the metadata documents of clients whose ID is a URL, and decides which are accepted. */

import { errorOf, MastodonError, recordOf, type FailureRecord } from '../errors.js';
import { type Answer, jsonObject } from '../http/answer.js';
import { ConcurrencyLimit } from '../http/concurrency.js';
import { Http, RequestContext } from '../http/context.js';
import { get } from '../http/request.js';
import type { Settings } from '../options.js';
import type { ClientAddress } from '../util/client-address.js';
import { boundedMap } from '../util/memory.js';
import { isSafeRedirect } from './redirect-uris.js';
import { MinuteQuota } from './limits.js';
import type { OidcClient, DocumentFeature, OIDC } from './oidc-provider.js';
import type { IssuerSettings } from './options.js';
import type { IssuerStore } from './store.js';

/** Any visitor can make the issuer fetch such a URL. */
const concurrency = { inAll: 16, perInstance: 4, waiting: 64 };

/** For a whole fetch, waiting included. Milliseconds. */
const timeoutMs = 5000;

/** A URL is fetched once in this time, also where oidc-provider does not keep its document. Milliseconds. */
const answerMs = 30_000;

/** Documents that one network may have fetched for the first time in a minute. */
const firstFetches = 10;

/** How long a document counts as known after its client got a token. Milliseconds. */
const knownMs = 30 * 24 * 60 * 60 * 1000;

/** oidc-provider would fetch these URLs of a document each time the client is used. */
const furtherURLs = ['jwks_uri', 'sector_identifier_uri'] as const;

/** Client IDs are part of tokens, links and logs. */
const longestId = 1024;

/** Bounds for the `max-age` of a document. Seconds. */
const cacheDuration = { min: 5 * 60, max: 60 * 60 };

/**
 * The metadata documents of clients. A document is known once it was fetched, or once its client got a token. Other
 * visitors' requests for made-up URLs of its host do not delay or refuse a known document. They are limited by the visitor's
 * network and by the host's domain, where the first request of a network has room of its own.
 */
export class ClientDocuments {
  private readonly http: Http;
  private readonly known = boundedMap<true>(10_000);
  private readonly answers = boundedMap<Fetched | FailureRecord>(1000, answerMs);
  private readonly first = new MinuteQuota(firstFetches);
  private readonly limits = {
    known: new ConcurrencyLimit(concurrency),
    first: new ConcurrencyLimit(concurrency),
  };

  /** @param address of the visitor whose request is being answered */
  constructor(
    settings: Settings,
    private readonly store: IssuerStore,
    private readonly address: () => ClientAddress,
  ) {
    // `allowDocument` decides about clients. `allowInstance` is about accounts.
    this.http = new Http({ ...settings, allowInstance: undefined });
  }

  /** A `fetch` for oidc-provider: GET of a JSON object, without redirects. */
  readonly fetch: typeof globalThis.fetch = async (input) => {
    const { href, host } = new URL(input instanceof Request ? input.url : input);
    const recent = this.answers.get(href);
    if (recent) return responseOf(recent);
    const isKnown = this.known.has(href);
    const isFirst = this.first.countOf(this.address()) === 1;
    const standing = isKnown ? ('confirmed' as const) : isFirst ? ('pending' as const) : undefined;
    const context = new RequestContext(
      this.http,
      { timeoutMs, typed: host },
      { allowed: new Map(), standing: new Map([[host, standing]]) },
    );
    try {
      const fetchIt = () => get(context, href, { redirects: 0 }, checkedDocument);
      const fetched = await this.limits[isKnown ? 'known' : 'first'].run(context, host, fetchIt);
      this.answers.set(href, fetched);
      if (fetched.clientId === href) this.known.set(href, true);
      return responseOf(fetched);
    } catch (error) {
      // The failure is this process's, not the document's.
      if (error instanceof MastodonError && error.code !== 'login_busy')
        this.answers.set(href, recordOf(error));
      throw error;
    } finally {
      context.end();
    }
  };

  /** Keeps the document known, also after a restart. A failure is ignored. */
  async remember({ clientId }: OidcClient): Promise<void> {
    await this.store.set(['document', clientId], {}, knownMs).catch(() => undefined);
  }

  /** The settings of oidc-provider. */
  feature({ errors }: OIDC, allowDocument: NonNullable<IssuerSettings['allowDocument']>): DocumentFeature {
    return {
      enabled: true,
      ack: 'draft-02',
      cacheDuration,
      allowFetch: async (_ctx, clientId) => {
        if (clientId.length > longestId || (await allowDocument(clientId)) !== true) return false;
        if (await this.mayFetch(clientId)) return true;
        throw new errors.InvalidClient(
          'too many documents were fetched for this network: try again in a minute',
        );
      },
      // Also for a cached document: a client that is no longer allowed is refused at once.
      async allowClient(_ctx, { clientId, redirectUris = [], postLogoutRedirectUris = [] }) {
        if (![...redirectUris, ...postLogoutRedirectUris].every(isSafeRedirect)) {
          throw new errors.InvalidClientMetadata(
            'redirect_uris of a client_id metadata document must be https, loopback, or of a scheme with a dot',
          );
        }
        return (await allowDocument(clientId)) === true;
      },
    };
  }

  /** Counts each visitor's request, also where several visitors share one fetch. */
  private async mayFetch(clientId: string): Promise<boolean> {
    const { href } = new URL(clientId);
    if (this.known.has(href) || this.answers.has(href)) return true;
    if (await this.store.cached(['document', clientId])) {
      this.known.set(href, true);
      return true;
    }
    const address = this.address();
    if (!this.first.hasRoom(address)) return false;
    this.first.addForMinute(address);
    return true;
  }
}

interface Fetched {
  readonly text: string;
  readonly cacheControl: string;
  /** As the document says. */
  readonly clientId: unknown;
}

/** @throws MastodonError */
function responseOf(recent: Fetched | FailureRecord): Response {
  if (!('text' in recent)) throw errorOf(recent);
  return new Response(recent.text, { headers: { 'Cache-Control': recent.cacheControl } });
}

/** @throws MastodonError `response_invalid` */
function checkedDocument(answer: Answer): Fetched {
  if (answer.status !== 200) throw invalid(`status ${answer.status}`);
  const document = jsonObject(answer);
  const further = furtherURLs.find((name) => document[name] !== undefined);
  if (further !== undefined) throw invalid(`${further} is not taken from a metadata document`);
  const { text, headers } = answer;
  return { text, cacheControl: headers['cache-control'] ?? '', clientId: document['client_id'] };
}

function invalid(why: string): MastodonError {
  return new MastodonError('response_invalid', { cause: why });
}
