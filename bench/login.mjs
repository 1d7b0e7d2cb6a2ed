/**
 * What a login costs the site: each phase of a warm login beside plain passport-oauth2, which has one server and
 * its endpoints fixed, against the same stand-in and in turns. Prints medians; a machine's numbers mean nothing
 * alone, their ratio does.
 *
 *     npm run bench -- [--rounds 300]
 */

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
require('../test/support/from-source.js');
const OAuth2Strategy = require('passport-oauth2');
const { MastodonStrategy } = require('../lib/index.ts');
const { startInstance } = require('../test/support/instance.ts');

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '300' } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1)
  throw new TypeError('--rounds must be a positive whole number');

const callbackURL = 'http://localhost:1/callback';
const instance = await startInstance('mastodon45');

/** Has a strategy handle a request, without a framework around it, and tells how it ended. */
function handle(strategy, url, session) {
  return new Promise((resolve, reject) => {
    const query = Object.fromEntries(new URL(url, callbackURL).searchParams);
    const request = {
      url,
      originalUrl: url,
      method: 'GET',
      headers: { host: 'localhost:1' },
      connection: {},
      query,
      session,
    };
    const handler = Object.create(strategy, {
      redirect: { value: resolve },
      success: { value: resolve },
      fail: { value: (challenge) => reject(new Error(JSON.stringify(challenge))) },
      error: { value: reject },
    });
    handler.authenticate(request, {});
  });
}

async function plainStrategy() {
  const form = new URLSearchParams({ client_name: 'Plain', redirect_uris: callbackURL, scopes: 'profile' });
  const answer = await fetch(`${instance.origin}/api/v1/apps`, { method: 'POST', body: form });
  const { client_id: clientID, client_secret: clientSecret } = await answer.json();
  const strategy = new OAuth2Strategy(
    {
      authorizationURL: `${instance.origin}/oauth/authorize`,
      tokenURL: `${instance.origin}/oauth/token`,
      clientID,
      clientSecret,
      callbackURL,
      scope: 'profile',
      state: true,
      pkce: true,
    },
    (_accessToken, _refreshToken, profile, done) => done(null, profile),
  );
  strategy._oauth2.useAuthorizationHeaderforGET(true);
  strategy.userProfile = function userProfile(accessToken, done) {
    this._oauth2.get(`${instance.origin}/api/v1/accounts/verify_credentials`, accessToken, (error, body) => {
      if (error) done(error);
      else done(null, { provider: 'plain', ...JSON.parse(body) });
    });
  };
  return { strategy, startURL: '/auth', callbackPath: '/callback' };
}

function mastodonStrategy() {
  const strategy = new MastodonStrategy(
    { clientName: 'Bench', callbackURL, developmentInstances: [instance.origin] },
    async (_accessToken, _refreshToken, profile) => profile,
  );
  const startURL = `/auth?instance=${encodeURIComponent(instance.host)}`;
  return { strategy, startURL, callbackPath: `/callback/${instance.host}` };
}

/** What the visitor does at the instance, which costs the site nothing. */
function approve(location) {
  const asked = new URL(location).searchParams;
  const code = instance.secret();
  instance.codes.set(code, {
    code,
    clientId: asked.get('client_id'),
    redirectURI: asked.get('redirect_uri'),
    username: 'alice',
    scopes: asked.get('scope').split(' '),
    challenge: asked.get('code_challenge'),
    at: instance.now(),
    used: false,
  });
  return new URLSearchParams({ code, state: asked.get('state') });
}

async function logIn({ strategy, startURL, callbackPath }, times) {
  const session = {};
  const begun = performance.now();
  const location = await handle(strategy, startURL, session);
  const sent = performance.now();
  const query = approve(location);
  const back = performance.now();
  const user = await handle(strategy, `${callbackPath}?${query}`, session);
  if (user.username !== 'alice') throw new Error('the wrong user');
  times.start.push(sent - begun);
  times.callback.push(performance.now() - back);
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
const freshTimes = () => ({ start: [], callback: [] });

const plain = await plainStrategy();
const ours = mastodonStrategy();
// Cold, and until the code is compiled.
for (let round = 0; round < 50; round += 1) {
  await logIn(plain, freshTimes());
  await logIn(ours, freshTimes());
}
const times = { plain: freshTimes(), ours: freshTimes() };
for (let round = 0; round < rounds; round += 1) {
  // Neither always goes first.
  const order = round % 2 === 0 ? ['plain', 'ours'] : ['ours', 'plain'];
  for (const name of order) await logIn(name === 'plain' ? plain : ours, times[name]);
  instance.resetRequests();
}
await instance.close();

const line = (...cells) =>
  process.stdout.write(
    `${cells
      .map((cell) => String(cell).padEnd(18))
      .join('')
      .trimEnd()}\n`,
  );
line(`median of ${rounds}`, 'passport-oauth2', 'this package', 'ratio');
for (const phase of ['start', 'callback']) {
  const [base, own] = [median(times.plain[phase]), median(times.ours[phase])];
  line(phase, `${base.toFixed(3)} ms`, `${own.toFixed(3)} ms`, (own / base).toFixed(2));
}
