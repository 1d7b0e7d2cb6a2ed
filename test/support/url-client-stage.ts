/** A site whose document servers can fetch over TLS, and servers like Misskey that do so. */

import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { createLogin, type MastodonError, type WebLoginOptions } from '../../lib/web';
import { listenLocally } from './free-port.js';
import type { Certificate } from './certificate.js';
import { startSite, type Site, type SiteOptions } from './site.js';
import { FutureMastodon, type FutureOptions } from './stand-in/future-mastodon.js';
import { startMisskey, type MisskeyOptions, type MisskeyStandIn } from './stand-in/misskey/misskey.js';
import type { MisskeyPersona, MisskeyPersonaName } from './stand-in/misskey/persona.js';
import { startAuthority, type Authority } from './tls.js';
import { requestOf, send } from './web-request.js';

/** The host of a site's client metadata document. The stand-ins resolve all names to this machine. */
const siteName = 'site.example';

/** Resolves every public name to this machine, also for visitors. */
export const allNamesHere: LookupFunction = (_name, options, callback) =>
  options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

let authority: Authority;
/** One for all, because making one takes longer than a login. */
let tls: Certificate;
const running: { close(): unknown }[] = [];

beforeAll(() => {
  authority = startAuthority();
  tls = authority.issue(['localhost', siteName]);
});
afterEach(async () => void (await Promise.all(running.splice(0).map((one) => one.close()))));
afterAll(() => authority.close());

/** The authority that a site trusts to reach these servers: for `outbound.ca`. */
export const trusted = (): string => authority.ca;

export async function aMisskey(
  persona: MisskeyPersonaName | MisskeyPersona = 'misskey2025',
  options: MisskeyOptions = {},
): Promise<MisskeyStandIn> {
  const standIn = await startMisskey(persona, { ca: authority.ca, tls, ...options });
  running.push(standIn);
  return standIn;
}

export async function aFutureMastodon(options: Partial<FutureOptions> = {}): Promise<FutureMastodon> {
  const standIn = await FutureMastodon.start({ ca: authority.ca, tls, ...options });
  running.push(standIn);
  return standIn;
}

/** The https side of a site: its handler and its origin. */
export async function aFront(handler?: Parameters<typeof https.createServer>[1]) {
  const server = https.createServer(tls, handler);
  const port = await listenLocally(server);
  running.push({ close: () => (server.closeAllConnections(), server.close()) });
  return { server, origin: `https://${siteName}:${port}` };
}

export type URLClientSite = Site & { readonly clientMetadataURL: string };

export async function aURLClientSite(options: SiteOptions = {}): Promise<URLClientSite> {
  const { server, origin } = await aFront();
  const clientMetadataURL = `${origin}/auth/mastodon/client`;
  const outbound = { ca: authority.ca, ...options.options?.outbound };
  const site = await startSite({ ...options, options: { clientMetadataURL, ...options.options, outbound } });
  running.push(site);
  site.app.get('/auth/mastodon/client/:instance', site.strategy.clientMetadata);
  server.on('request', site.app);
  return { ...site, clientMetadataURL };
}

/** A site, a Misskey that it may reach, and the output of both. */
export async function aURLClientStage(
  persona: Parameters<typeof aMisskey>[0] = 'misskey2025',
  options: SiteOptions = {},
) {
  const instance = await aMisskey(persona);
  const site = await aURLClientSite({ instances: [instance], ...options });
  return { instance, site };
}

/** A site on the web adapter, with https and one public name. Visitors must resolve names by `allNamesHere`. */
export async function aWebSite(
  instances: readonly { origin: string }[],
  options: Partial<WebLoginOptions> = {},
) {
  const front = await aFront();
  const login = createLogin({
    clientName: 'A site on the web adapter',
    callbackURL: `${front.origin}/callback`,
    clientMetadataURL: `${front.origin}/client`,
    developmentInstances: instances.map(({ origin }) => origin),
    outbound: { ca: trusted() },
    ...options,
  });
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/client/')) return login.clientMetadata(request);
    if (pathname === '/auth/mastodon') return login.begin(request);
    const { profile, headers } = await login.finish(request);
    return Response.json(profile, { headers });
  };
  front.server.on('request', (req, res) => {
    const failed = ({ code, message, status = 500 }: MastodonError) =>
      Response.json({ code, message }, { status });
    void answer(requestOf(req))
      .catch(failed)
      .then((response) => send(response, res));
  });
  return { ...front, login };
}
