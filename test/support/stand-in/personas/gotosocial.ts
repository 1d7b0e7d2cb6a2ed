/** GoToSocial: strict about headers, and its errors contain SQL. */

import { variant } from '../persona.js';
import { page, scopesOf43 } from './common.js';
import { other } from './mastodon.js';

const gtsError = (text: string): object => ({ error: text });

export const gotosocial = variant(other, {
  name: 'gotosocial',
  software: { name: 'gotosocial', version: '0.20.0+git-1a2b3c4' },
  apiVersion: '0.20.0+git-1a2b3c4',
  instance: { v2: true, uri: 'origin', accountDomain: true },
  nodeinfo: [
    ['2.0', '/nodeinfo/2.0'],
    ['2.1', '/nodeinfo/2.1'],
  ],
  scopes: { known: scopesOf43 },
  token: { revoke: 'client' },
  accounts: {
    id: (index) => `01HZ8Y3T5W9QK4RD6M2N7PXB0${index}`,
  },
  replies: {
    not_found: [404, gtsError('Not Found: page not found')],
    invalid_app: [400, gtsError('Bad Request: redirect_uris is not valid')],
    page_client: [500, page('Internal Server Error: sql: no rows in result set')],
    page_redirect: [400, page('Bad Request: redirect_uri does not match')],
    page_request: [400, page('Bad Request: response_type not set')],
    page_scope: [403, page('Forbidden: requested scopes not permitted')],
    unknown_client: [400, gtsError('sql: no rows in result set')],
    wrong_secret: [400, gtsError('invalid_client')],
    missing_field: [400, gtsError('Bad Request: redirect_uri not set')],
    wrong_code: [400, gtsError('sql: no rows in result set')],
    wrong_redirect: [403, gtsError('Forbidden: redirect_uri mismatch')],
    wrong_scope: [403, gtsError('Forbidden: requested scopes not permitted')],
    bad_token: [401, gtsError('Unauthorized: token not supplied')],
    app_token: [403, gtsError('Forbidden: no user in token')],
    missing_scope: [403, gtsError('Forbidden: token has insufficient scope permission')],
  },
});
