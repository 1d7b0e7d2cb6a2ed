/** A client without registration: a site over TLS that serves its client metadata document. */

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as openid from 'openid-client';
import type { Certificate } from '../support/certificate';
import type { StandIn } from '../support/instance';
import { startAuthority, type Authority } from '../support/tls';
import { anIssuer, type IssuerStage, type IssuerStageOptions } from './stage';

let authority: Authority;
let tls: Certificate;
const open: { close(): void }[] = [];

beforeAll(() => {
  // Inside Jest's own globals the library cannot set up its own guard of addresses, and says so. All its requests are
  // made by ours.
  const { warn } = console;
  jest.spyOn(console, 'warn').mockImplementation((...args: unknown[]) => {
    if (!String(args[0]).includes('failed to setup SSRF protection')) warn.apply(console, args);
  });
  authority = startAuthority();
  tls = authority.issue(['app.example', 'other.example', '*.many.example']);
});
afterEach(() => open.splice(0).forEach((one) => one.close()));
afterAll(() => {
  authority.close();
  jest.restoreAllMocks();
});

export type Metadata = Record<string, unknown>;

export interface DocumentSite {
  /** The URL of its document, which is its client ID. */
  readonly clientId: string;
  readonly origin: string;
  readonly redirectURI: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** What the document says beside the least that it has to; `undefined` takes something away. */
  metadata: Metadata;
  /** Answers instead. */
  answer: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
}

/** Serves `https://app.example:port/client.json`, and the same document for every other path below it. */
export async function aDocumentSite(host = 'app.example'): Promise<DocumentSite> {
  const server = createServer(tls, (req, res) => {
    site.requests.push(req.url ?? '');
    if (site.answer) return site.answer(req, res);
    res.setHeader('Content-Type', 'application/json');
    const metadata = {
      client_id: `${site.origin}${req.url}`,
      client_name: 'An Unknown App',
      redirect_uris: [site.redirectURI],
      token_endpoint_auth_method: 'none',
      ...site.metadata,
    };
    res.end(JSON.stringify(metadata));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ close: () => (server.closeAllConnections(), server.close()) });
  const origin = `https://${host}:${(server.address() as AddressInfo).port}`;
  const site: DocumentSite = {
    clientId: `${origin}/client.json`,
    origin,
    redirectURI: `${origin}/callback`,
    requests: [],
    metadata: {},
    answer: undefined,
  };
  return site;
}

/** An issuer that takes clients by their documents, and may reach these sites. */
export async function anOpenIssuer(
  instances: readonly StandIn[],
  sites: readonly DocumentSite[],
  options: IssuerStageOptions = {},
): Promise<IssuerStage> {
  return anIssuer(instances, {
    clientDocuments: true,
    clients: [],
    ...options,
    developmentInstances: [...instances, ...sites].map(({ origin }) => origin),
    outbound: {
      ca: authority.ca,
      // Every name is on this machine; which is an inner address for all that is not listed.
      lookup: (_host, options, callback) => {
        const found = { address: '127.0.0.1', family: 4 };
        if (options.all) callback(null, [found]);
        else callback(null, found.address, found.family);
      },
      ...options.outbound,
    },
  });
}

/** A key pair, of which the document shows one half; the client authenticates with the other. */
export async function aKeyPair(options: openid.ModifyAssertionOptions = {}) {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['sign', 'verify'],
  );
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), alg: 'ES256', kid: 'one' };
  const metadata: Metadata = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } };
  return {
    metadata,
    auth: openid.PrivateKeyJwt({ key: privateKey as openid.CryptoKey, kid: 'one' }, options),
  };
}

/** By default as a client that has no secret. */
export function discoverAs(
  { issuerURL }: { issuerURL: string },
  clientId: string,
  auth = openid.None(),
): Promise<openid.Configuration> {
  return openid.discovery(new URL(issuerURL), clientId, {}, auth, {
    execute: [openid.allowInsecureRequests],
  });
}
