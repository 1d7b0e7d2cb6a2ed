/**
 * A future Mastodon that reads client metadata documents (draft-ietf-oauth-client-id-metadata-document; planned as
 * mastodon/mastodon#31151), as strictly as Doorkeeper's first version does.
 */

import { json, type Incoming, type Outgoing } from '../../../lib/testing/server.js';
import { get } from './misskey/client-document.js';
import { variant, type Persona } from './persona.js';
import { metadata } from './personas/common.js';
import { mastodon45 } from './personas/mastodon.js';
import { listen } from './server.js';
import { StandIn, type StandInOptions } from './stand-in.js';

export interface FutureOptions extends StandInOptions {
  /** The certificate authority for documents; every name leads to this machine. */
  ca: string;
  /** Registers apps as well, like the first of these versions will. Default false. */
  registers?: boolean;
}

const future = (registers: boolean): Persona =>
  variant(mastodon45, {
    name: 'futureMastodon',
    software: { name: 'mastodon', version: '5.0.0' },
    apiVersion: '5.0.0',
    authorize: { issuer: true },
    metadata: (origin, scopes) => ({
      ...metadata(origin, scopes),
      ...(!registers && { app_registration_endpoint: undefined }),
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    }),
  });

const sharedSecrets = ['client_secret_post', 'client_secret_basic', 'client_secret_jwt'];

export class FutureMastodon extends StandIn {
  private constructor(
    private readonly ca: string,
    ...standIn: ConstructorParameters<typeof StandIn>
  ) {
    super(...standIn);
  }

  static async start({ ca, registers = false, ...options }: FutureOptions): Promise<FutureMastodon> {
    return new FutureMastodon(ca, await listen(options), future(registers), options);
  }

  protected override async handle(incoming: Incoming): Promise<Outgoing> {
    const { method, path, query } = incoming;
    const id = query['client_id'] ?? '';
    if (path === '/api/v1/apps' && !this.registersApps()) return this.refuse('not_found');
    if (method === 'GET' && path === '/oauth/authorize' && id.startsWith('https://')) {
      try {
        await this.meet(id);
      } catch (error) {
        return json(400, { error: 'invalid_client', why: String(error) });
      }
    }
    return super.handle(incoming);
  }

  private registersApps(): boolean {
    const document = this.persona.metadata?.(this.origin, []) as Record<string, unknown> | undefined;
    return document?.['app_registration_endpoint'] !== undefined;
  }

  /** Makes an app from the document at a URL. @throws Error for a document that the draft does not allow */
  private async meet(id: string): Promise<void> {
    const { response, text } = await get(id, this.ca, Infinity);
    if (response.statusCode !== 200) throw new Error(`the document was answered with ${response.statusCode}`);
    if (!/^application\/(?:\w+\+)?json\s*(?:;|$)/.test(response.headers['content-type'] ?? '')) {
      throw new Error('the document is not JSON');
    }
    if (Buffer.byteLength(text) > 5 * 1024) throw new Error('the document is too large');
    const document = JSON.parse(text) as Record<string, unknown>;
    const { client_id: named, redirect_uris: uris, scope, token_endpoint_auth_method: method } = document;
    if (named !== id) throw new Error('the document is about another client');
    if (!Array.isArray(uris) || !uris.every((uri) => new URL(String(uri)).origin === new URL(id).origin)) {
      throw new Error('its redirect URIs are elsewhere');
    }
    const hasSecret = 'client_secret' in document || 'client_secret_expires_at' in document;
    if (hasSecret || sharedSecrets.includes(String(method))) throw new Error('there is no shared secret');
    this.apps.set(id, {
      name: String(document['client_name']),
      website: typeof document['client_uri'] === 'string' ? document['client_uri'] : null,
      redirectURIs: uris as string[],
      scopes: typeof scope === 'string' ? scope.split(' ') : [],
      clientId: id,
    });
  }
}
