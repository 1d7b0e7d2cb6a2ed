/** Simulates the visitors of one client of an issuer, and the client itself. */

import { createHash, randomBytes } from 'node:crypto';
import { Browser } from './browser.mjs';
import { agreed, poolOf, timed } from './visitors.mjs';
import { answering, settings } from './processes.mjs';

const { client, host } = settings();
const [redirectURI] = client.redirect_uris;
const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64');
let requests = 0;

answering({
  /** Whole logins, each in a new browser. @returns milliseconds for all */
  logins: ({ port, count, atOnce }) => timed(count, atOnce, () => login(poolOf(port, atOnce))),
  /** The number of requests since the last question. */
  requests() {
    const sent = requests;
    requests = 0;
    return sent;
  },
});

async function login(pool) {
  const verifier = randomBytes(32).toString('base64url');
  const code = await codeFor(aBrowser(pool), verifier);
  // The client's own requests carry no cookies.
  const own = aBrowser(pool);
  const grant = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectURI,
    code_verifier: verifier,
  };
  const tokens = JSON.parse((await own.post('/token', grant, { authorization: `Basic ${basic}` })).text);
  const { text } = await own.get('/userinfo', { authorization: `Bearer ${tokens.access_token}` });
  if (!tokens.id_token || JSON.parse(text).nickname !== 'alice') throw new Error(`not Alice's: ${text}`);
}

async function codeFor(browser, verifier) {
  const query = new URLSearchParams({
    ...{ client_id: client.client_id, redirect_uri: redirectURI, response_type: 'code' },
    ...{ scope: 'openid profile', state: 'a-state', nonce: 'a-nonce' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  let page = await browser.get(`/authorize?${query}`);
  while (!page.location?.startsWith(redirectURI)) page = await onward(browser, page);
  return new URL(page.location).searchParams.get('code');
}

/** Follows the page: consents at the instance, and types the instance into the login form. */
function onward(browser, { path, location, text }) {
  if (location !== undefined) {
    const to = new URL(location, 'http://issuer');
    return browser.get(to.host === host ? agreed(location) : to.pathname + to.search);
  }
  const [, proof] = /name="proof" value="([^"]*)"/.exec(text) ?? [];
  if (proof === undefined) throw new Error(`no login page at ${path}: ${text}`);
  return browser.post(path, { proof, instance: host, action: 'login' });
}

function aBrowser(pool) {
  return new Browser(pool, () => requests++);
}
