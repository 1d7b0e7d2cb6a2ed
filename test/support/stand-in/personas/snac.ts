/** snac: ignores the code in a token request. */

import { createHash } from 'node:crypto';
import { variant } from '../persona.js';
import { page } from './common.js';
import { other } from './mastodon.js';

export const snac = variant(other, {
  name: 'snac',
  software: { name: 'snac', version: '2.75' },
  apiVersion: '4.0.0 (not true; really snac/2.75)',
  instance: { v2: false },
  nodeinfo: [['2.0', '/nodeinfo_2_0']],
  hostMeta: 'always https',
  hangsUp: true,
  scopes: { compare: 'never', reading: undefined },
  authorize: { returning: 'code' },
  token: { checksCode: false, oneTime: false, revoke: 'app' },
  accounts: {
    id: (index) => createHash('md5').update(String(index)).digest('hex'),
    actor: (username) => `/${username}`,
    url: (username) => `/${username}`,
  },
  replies: {
    not_found: [404, page('404 Not Found')],
    invalid_app: [404, page('404 Not Found')],
    page_client: [400],
    page_redirect: [400],
    page_request: [400],
    unknown_client: [401, ''],
    wrong_secret: [401, ''],
    missing_field: [400, ''],
    unsupported_grant: [400, ''],
    bad_token: [422, ''],
    app_token: [422, ''],
  },
});
