/** The web adapter on plain node:http: requests and responses are converted by hand. */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { createLogin, MastodonError } from 'passport-mastodon-oauth2/web';

const login = createLogin({
  clientName: 'A site without a framework',
  callbackURL: `${process.env.ORIGIN}/auth/mastodon/callback`,
  clientMetadataURL: `${process.env.ORIGIN}/auth/mastodon/client`,
  developmentInstances: process.env.DEVELOPMENT_INSTANCES.split(' '),
});

const users = new Map();

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === '/auth/mastodon') {
    const from = searchParams.get('from') ?? (await fromForm(request.clone()));
    return login.begin(request, { state: { from } });
  }
  if (pathname.startsWith('/auth/mastodon/callback/')) {
    const { profile, state } = await login.finish(request);
    const session = randomUUID();
    users.set(session, { id: profile.id, handle: profile.handle });
    const headers = {
      'Set-Cookie': `session=${session}; Path=/; HttpOnly; SameSite=Lax`,
      Location: `/me?from=${encodeURIComponent(state.from)}`,
    };
    return new Response(null, { status: 302, headers });
  }
  if (pathname.startsWith('/auth/mastodon/client/')) return login.clientMetadata(request);
  const [, session] = /(?:^|; )session=([^;]*)/.exec(request.headers.get('cookie') ?? '') ?? [];
  return Response.json({ user: users.get(session) ?? null });
}

async function fromForm(request) {
  const type = request.headers.get('content-type') ?? '';
  return type.startsWith('application/x-www-form-urlencoded') ? (await request.formData()).get('from') : '';
}

function failed(error) {
  if (!(error instanceof MastodonError)) throw error;
  const { code, message, status, headers } = error;
  return Response.json({ code, message }, { status, headers });
}

function requestOf(req) {
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  const pairs = Object.entries(req.headersDistinct).flatMap(([name, values]) => values.map((v) => [name, v]));
  return new Request(`http://${req.headers.host}${req.url}`, {
    method: req.method,
    headers: pairs,
    ...(hasBody && { body: Readable.toWeb(req), duplex: 'half' }),
  });
}

async function send(response, res) {
  res.writeHead(response.status, [...response.headers].flat());
  res.end(Buffer.from(await response.arrayBuffer()));
}

createServer((req, res) => {
  answer(requestOf(req))
    .catch(failed)
    .then((response) => send(response, res))
    .catch((error) => res.writeHead(500).end(String(error)));
}).listen(process.env.PORT);
