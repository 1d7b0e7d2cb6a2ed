/** Clients that nobody here knows, and that go by the URL of a document about them: how it is fetched, and who may. */

import { lru } from 'tiny-lru';
import { MastodonError } from '../errors.js';
import { Budget } from '../http/budget.js';
import { Gate } from '../http/gate.js';
import { jsonObject } from '../http/json.js';
import type { Answer, Network } from '../http/network.js';
import type { Client, DocumentFeature, OIDC } from './library.js';
import type { IssuerSettings } from './options.js';
import { mayBeStrangers } from './redirects.js';

/** Anybody can name such a URL, without an account and without a page. */
const limits = { inAll: 16, perInstance: 4, waiting: 64, waitMs: 2500 };

/** For the whole of a fetch, waiting included. Milliseconds. */
const patienceMs = 5000;

/** A document that could not be had is not asked for again at once, however often it is named. */
const failures = { most: 1000, ms: 30_000 };

/** Longer ones would go into tokens, links and logs. */
const longestId = 1024;

/** How long a document is good for, whatever its server says. Seconds. */
const cacheDuration = { min: 5 * 60, max: 60 * 60 };

/** In the form of `fetch`, as far as the library uses it: GET of a JSON object, without redirects. */
export function documentFetch(network: Network): typeof globalThis.fetch {
  const gate = new Gate(limits);
  const failed = lru<MastodonError>(failures.most, failures.ms);
  const fetched = async (url: URL): Promise<Answer> => {
    const budget = new Budget(patienceMs);
    const get = () => network.within(budget).get(url.href, { redirects: 0 });
    return asDocument(await gate.run(url.host, get, budget));
  };
  return async (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const known = failed.get(url.href);
    if (known) throw known;
    try {
      const { text, headers } = await fetched(url);
      return new Response(text, { headers: { 'Cache-Control': headers['cache-control'] ?? '' } });
    } catch (error) {
      // That we are busy says nothing of the document.
      if (error instanceof MastodonError && error.code !== 'login_busy') failed.set(url.href, error);
      throw error;
    }
  };
}

/** @throws MastodonError `response_invalid` */
function asDocument(answer: Answer): Answer {
  if (answer.status !== 200) {
    throw new MastodonError('response_invalid', { cause: new Error(`status ${answer.status}`) });
  }
  jsonObject(answer);
  return answer;
}

/** The library's settings for them. */
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
    // Asked again of a document that is remembered: who is not let in any more is out at once.
    async allowClient(_ctx, client) {
      if (!urisOf(client).every(mayBeStrangers)) {
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
