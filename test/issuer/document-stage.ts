/** A client without registration: a site over TLS that serves its client metadata document. */

import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as openid from 'openid-client';
import type { Certificate } from '../support/certificate';
import { listenLocally } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { startAuthority, type Authority } from '../support/tls';
import { anIssuer, type IssuerStage, type IssuerStageOptions } from './stage';

let authority: Authority;
let tls: Certificate;
const open: { close(): void }[] = [];

beforeAll(() => {
  // Inside Jest's globals oidc-provider cannot set up its own check of addresses, and says so. All its requests are
  // made
  // by this package.
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
  /** Requested paths, in order. */
  readonly requests: string[];
  /** Members of the document beside the required ones; `undefined` removes one. */
  metadata: Metadata;
  /** Handles a request in place of the site. */
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
  const origin = `https://${host}:${await listenLocally(server)}`;
  open.push({ close: () => (server.closeAllConnections(), server.close()) });
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

/** An issuer that accepts clients by their documents, and may reach these sites. */
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
      // Every name leads to this machine, which is an inner address for every site that is not listed.
      lookup: (_host, options, callback) => {
        const found = { address: '127.0.0.1', family: 4 };
        if (options.all) callback(null, [found]);
        else callback(null, found.address, found.family);
      },
      ...options.outbound,
    },
  });
}

/** A key pair, with the public key in the document; the client authenticates with the private one. */
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

/** By default as a client without a secret. */
export function discoverAs(
  { issuerURL }: { issuerURL: string },
  clientId: string,
  auth = openid.None(),
): Promise<openid.Configuration> {
  return openid.discovery(new URL(issuerURL), clientId, {}, auth, {
    execute: [openid.allowInsecureRequests],
  });
}
