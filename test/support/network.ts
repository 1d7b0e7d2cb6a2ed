/** Requests of a test itself, which may reach the given origins, and their outcome. */

import { Http, RequestContext, type ContextOptions } from '../../lib/http/context.js';
import { get, postForm, postJSON, type Answer, type GetOptions } from '../../lib/http/request.js';
import { readOptions, type OutboundOptions, type Settings } from '../../lib/options.js';
import { names, type RawServer } from './hostile.js';
import { leastOptions } from './records.js';

type Origins = readonly { origin: string }[];

export function settingsTo(
  origins: Origins,
  outbound: OutboundOptions = {},
  settings: Partial<Settings> = {},
): Settings {
  const developmentInstances = origins.map(({ origin }) => origin);
  const { lookup } = names({ localhost: ['127.0.0.1'] });
  const options = {
    ...leastOptions,
    developmentInstances,
    // Long enough for the first request of a test file, before which the HTTP parser is compiled, on a busy
    // machine.
    outbound: { lookup, timeoutMs: 2000, ...outbound },
  };
  return { ...readOptions(options), ...settings };
}

/** The objects that the requests of a test share. */
export function httpTo(
  origins: Origins,
  outbound: OutboundOptions = {},
  settings: Partial<Settings> = {},
): Http {
  return new Http(settingsTo(origins, outbound, settings));
}

const contexts: RequestContext[] = [];
afterEach(() => contexts.splice(0).forEach((context) => context.end()));

/** Ended after the test. */
export function contextOf(http: Http, options: Partial<ContextOptions> = {}): RequestContext {
  const context = new RequestContext(http, { timeoutMs: 60_000, ...options });
  contexts.push(context);
  return context;
}

/** One request after another, each with its own context, to hosts that were typed and are in use. */
export function requestsTo(
  origins: Origins,
  outbound: OutboundOptions = {},
  settings: Partial<Settings> = {},
  timeoutMs = 60_000,
) {
  const http = httpTo(origins, outbound, settings);
  const within = (url: string) => {
    const { host } = new URL(url);
    http.referrals.inUse.set(host, true);
    return contextOf(http, { timeoutMs, typed: host });
  };
  const whole = (answer: Answer) => answer;
  return {
    get: (url: string, options: GetOptions = {}) => get(within(url), url, options, whole),
    post: (url: string, form: Parameters<typeof postForm>[2]) => postForm(within(url), url, form, whole),
    postJSON: (url: string, value: unknown, accessToken: string) =>
      postJSON(within(url), url, value, accessToken, whole),
  };
}

export function originOf(server: RawServer): { origin: string } {
  return { origin: `http://localhost:${server.port}` };
}

export const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
