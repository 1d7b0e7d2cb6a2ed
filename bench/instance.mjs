/**
 * Any number of instances in one process, distinguished by the host of the request. Each is a minimal Mastodon: it
 * describes itself, registers apps, checks codes with PKCE, and has one account. A code contains the parameters
 * that it was issued for, so that a simulated visitor can build one without a request.
 */

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { answering, settings } from './processes.mjs';

const { key, cert } = settings();
let delayMs = 0;
let requests = [];
let connections = 0;

const server = createServer(handle).listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
const secure = createSecureServer({ key, cert }, handle).listen(0, '127.0.0.1');
for (const one of [server, secure]) {
  one.keepAliveTimeout = 60_000;
  one.on('connection', () => connections++);
}

answering({
  ports: () => ({ http: server.address().port, https: secure.address().port }),
  delay: (milliseconds) => void (delayMs = milliseconds),
  /** The number of connections since the start. */
  connections: () => connections,
  /** The requests since the last question: path, and time. */
  requests() {
    const asked = requests;
    requests = [];
    return asked;
  },
});

function handle(request, response) {
  const { pathname } = new URL(request.url, 'http://instance');
  requests.push({ path: pathname, at: performance.timeOrigin + performance.now() });
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text) => (body += text));
  request.on('end', () => {
    const origin = `${request.socket.encrypted ? 'https' : 'http'}://${request.headers.host}`;
    const [status, document] = answerTo(pathname, origin, new URLSearchParams(body), request.headers);
    const text = JSON.stringify(document);
    const send = () => {
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
      response.end(text);
    };
    if (delayMs === 0) send();
    else setTimeout(send, delayMs);
  });
}

function answerTo(path, origin, form, headers) {
  const { host } = new URL(origin);
  switch (path) {
    case '/api/v1/instance':
      return [200, { uri: host, title: 'An instance', version: '4.5.0' }];
    case '/.well-known/oauth-authorization-server':
      return [200, metadata(origin)];
    case '/nodeinfo/2.0':
      return [200, { version: '2.0', software: { name: 'mastodon', version: '4.5.0' } }];
    case '/api/v1/apps':
      return [200, { client_id: digest(`${Math.random()}`), client_secret: digest(`${Math.random()}`) }];
    case '/oauth/token':
      return token(form);
    case '/oauth/revoke':
      return [200, {}];
    case '/api/v1/accounts/verify_credentials':
      return headers.authorization?.startsWith('Bearer ') ? [200, account(origin)] : [401, {}];
    default:
      return [404, { error: 'Not found' }];
  }
}

function metadata(origin) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    app_registration_endpoint: `${origin}/api/v1/apps`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    scopes_supported: ['read', 'profile', 'write', 'follow', 'push'],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  };
}

function token(form) {
  if (form.get('grant_type') !== 'authorization_code') return [400, { error: 'unsupported_grant_type' }];
  const [client, redirectURI, challenge] = readCode(form.get('code') ?? '');
  const isGood =
    client === form.get('client_id') &&
    redirectURI === form.get('redirect_uri') &&
    challenge === digest(form.get('code_verifier') ?? '');
  if (!isGood) return [400, { error: 'invalid_grant' }];
  return [200, { access_token: digest(challenge), token_type: 'Bearer', scope: 'profile', created_at: 1 }];
}

function readCode(code) {
  try {
    return JSON.parse(Buffer.from(code, 'base64url').toString());
  } catch {
    return [];
  }
}

/** About as large as Mastodon's; a login uses little of it. */
function account(origin) {
  return {
    ...{ id: '7112', username: 'alice', acct: 'alice', display_name: 'Alice', locked: false, bot: false },
    ...{ url: `${origin}/@alice`, uri: `${origin}/users/alice`, avatar: `${origin}/avatars/alice.png` },
    note: `<p>${'About me. '.repeat(40)}</p>`,
    created_at: '2017-04-01T00:00:00.000Z',
    fields: Array.from({ length: 4 }, (_, n) => ({
      name: `Field ${n}`,
      value: 'A value',
      verified_at: null,
    })),
    source: {
      privacy: 'public',
      sensitive: false,
      language: 'en',
      note: 'About me. '.repeat(40),
      fields: [],
    },
    role: { id: '-99', name: '', permissions: '65536', color: '', highlighted: false },
  };
}

function digest(text) {
  return createHash('sha256').update(text).digest('base64url');
}
