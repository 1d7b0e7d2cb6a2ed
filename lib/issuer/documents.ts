/** The library's requests: for documents of clients that name themselves by a URL. Made by our one way out. */

import { Gate } from '../net/gate.js';
import type { Network } from '../net/network.js';

/** Anybody can name such a URL, without an account and without a page. */
const limits = { inAll: 16, perInstance: 4, waiting: 64, waitMs: 2500 };

/** In the form of `fetch`, as far as the library uses it: GET, no body, no redirects. */
export function documentFetch(network: Network): typeof globalThis.fetch {
  const gate = new Gate(limits);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const accept = new Headers(init?.headers).get('accept') ?? 'application/json';
    const { status, headers, text } = await gate.run(url.host, () =>
      network.get(url.href, { redirects: 0, accept }),
    );
    const kept = ['content-type', 'cache-control', 'expires'].flatMap((name): [string, string][] => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    });
    // These have no body, and Response insists on that.
    const body = [101, 204, 205, 304].includes(status) ? null : text;
    return new Response(body, { status: Math.max(200, status), headers: kept });
  };
}
