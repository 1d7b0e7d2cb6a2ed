/**
 * Logs visitors in for a while, at many instances of which a tenth of all answers is broken, over a Redis that is
 * restarted in the middle. No visitor may be logged in as another one, and nothing may hang.
 *
 *     npm run soak -- [--seconds 60] [--seed 1] [--processes 3] [--instances 20] [--visitors 40]
 *
 * With --nginx, all visitors reach the processes through one nginx, no answer of an instance is broken, and Redis keeps its
 * records over the restart: then every login that fails has to fail with `store_failed`.
 *
 *     npm run soak -- --nginx --processes 8 --seconds 300
 *
 * With --issuer, the processes are those of an OpenID issuer behind nginx, and a client takes the visitors there:
 *
 *     npm run soak -- --issuer --processes 2 --seconds 300
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
require('../test/support/from-source.js');
const { startInstance } = require('../test/support/instance.ts');
const { freePort } = require('../test/support/free-port.ts');
const { redisAvailable, startProgram, startRedis } = require('../test/support/redis.ts');
const { at, report, shareCookies, startProcess } = require('../test/support/site-processes.ts');
const { inFile, keyvOnRedis, redisOnly } = require('../test/stores/openers.ts');
const { StuckAtInstance, Visitor } = require('../test/support/visitor.ts');

const families = [
  'mastodon45',
  'mastodon42',
  'gotosocial',
  'hollo',
  'pleroma',
  'akkoma',
  'pixelfed',
  'friendica',
];

/** The timeout of a request to an instance. Milliseconds. */
const timeoutMs = 1000;
/** A request to the site that takes longer than this counts as hung. A lock may take half a minute. */
const hungMs = 45_000;
const megabyte = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'soak-'));

const number = (value) => ({ type: 'string', default: String(value) });
const {
  values: { nginx, issuer: isIssuer, ...values },
} = parseArgs({
  options: {
    nginx: { type: 'boolean', default: false },
    issuer: { type: 'boolean', default: false },
    seconds: number(60),
    seed: number(Date.now() % 1_000_000),
    processes: number(3),
    instances: number(20),
    visitors: number(40),
  },
});
const isBehindNginx = nginx || isIssuer;
const settings = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
for (const [name, value] of Object.entries(settings)) {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new TypeError(`--${name} must be a positive whole number`);
}

/** Mulberry32: the same seed breaks the same answers, as far as the order of requests allows. */
let state = settings.seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const oneOf = (list) => list[Math.floor(random() * list.length)];

const json = { 'Content-Type': 'application/json' };
const send = (status, headers, body) => (_req, res) => res.writeHead(status, headers).end(body);

/** Ways in which an answer is broken. */
const faults = [
  () => {},
  (req) => req.socket.destroy(),
  (req, res) => {
    res.writeHead(200, { ...json, 'Content-Length': 1000 }).write('{"half":');
    setImmediate(() => req.socket.destroy());
  },
  send(200, json, '{"access_token":'),
  send(200, json, '[]'),
  send(200, json, '{"access_token":{},"client_id":[],"id":null,"username":7,"uri":false}'),
  send(200, json, Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28])),
  send(200, { 'Content-Type': 'text/html' }, '<!doctype html><p>Welcome</p>'),
  send(200, { ...json, 'Content-Encoding': 'gzip' }, 'not gzip'),
  send(200, json, `{"long":"${'x'.repeat(megabyte)}"}`),
  send(302, { Location: 'http://127.0.0.1:1/' }),
  send(400, json, '{"error":"bad"}'),
  send(401, json, '{"error":"invalid_client"}'),
  send(404, json, '{"error":"Record not found"}'),
  send(422, json, '{"error":"Validation failed"}'),
  send(429, json, '{"error":"Too many requests"}'),
  send(429, { ...json, 'Retry-After': 1 }, '{"error":"Too many requests"}'),
  send(500, { 'Content-Type': 'text/html' }, 'We are sorry'),
  send(503, json, ''),
  (_req, res) => {
    res.writeHead(200, json);
    const drip = setInterval(() => res.write(' '), 100);
    res.on('close', () => clearInterval(drip));
  },
];

async function startFaultyInstance(family) {
  const instance = await startInstance(family);
  const isTheSite = ({ headers }) => /^passport-mastodon-oauth2/.test(headers['user-agent'] ?? '');
  const isBroken = (seen) => isTheSite(seen) && random() < (isBehindNginx ? 0 : 0.1);
  instance.answer(isBroken, (...exchange) => oneOf(faults)(...exchange));
  return instance;
}

const counts = { begun: 0, finished: 0, wrong: 0, hung: 0, ended: 0, refused: new Map() };
const refused = (code) => void counts.refused.set(code, (counts.refused.get(code) ?? 0) + 1);

class Hung extends Error {}

/** The site's response, or none. */
async function answered(request) {
  const giveUp = new AbortController();
  const late = pause(hungMs, undefined, { signal: giveUp.signal }).then(() => {
    throw new Hung();
  });
  try {
    return await Promise.race([request, late]);
  } finally {
    giveUp.abort();
    late.catch(() => {});
  }
}

async function logIn(processes, instances) {
  const visitor = shareCookies(new Visitor(), processes);
  const instance = oneOf(instances);
  const as = oneOf(['alice', 'bob']);
  const [first, second] = [oneOf(processes), oneOf(processes)];
  const typed = oneOf([instance.host, `@${as}@${instance.host}`]);
  // Some try twice, like people do.
  for (let tries = 0; tries < 2; tries += 1) {
    const page = await answered(visitor.post(`${first.origin}/auth/mastodon`, { instance: typed }));
    if (page.location === undefined) return refused(page.json().code ?? `status ${page.status}`);
    counts.begun += 1;
    const callback = await visitor.approve(page.location, { as }).catch((error) => {
      if (error instanceof StuckAtInstance) return undefined;
      throw error;
    });
    if (callback === undefined) {
      refused('stuck at the instance');
      continue;
    }
    const end = await answered(visitor.get(at(second, callback)));
    const me = (await answered(visitor.get(`${first.origin}/me`))).json().user;
    if (me !== null && (me.username !== as || me.instance.host !== instance.host)) counts.wrong += 1;
    if (me !== null) {
      counts.finished += 1;
      return undefined;
    }
    refused(end.location === undefined ? (end.json().code ?? `status ${end.status}`) : 'session lost');
  }
  return undefined;
}

const clientURL = 'http://client.localhost:1/callback';
const secret = 'the secret of the shop, which is long';

/** The login of a visitor through the issuer, until the client has the ID token. */
async function logInAtIssuer([{ origin }], instances) {
  const visitor = new Visitor();
  const instance = oneOf(instances);
  const as = oneOf(['alice', 'bob']);
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    ...{ client_id: 'shop', redirect_uri: clientURL, response_type: 'code', scope: 'openid profile' },
    ...{ code_challenge: createHash('sha256').update(verifier).digest('base64url'), state: 'state' },
    code_challenge_method: 'S256',
  });
  const get = async (url) => answered(visitor.get(url).then((page) => visitor.follow(page)));
  const page = await get(`${origin}/authorize?${query}`);
  const proof = / name="proof" value="([^"]*)"/.exec(page.text)?.[1];
  if (proof === undefined) return refused(`status ${page.status} before the login`);
  const typed = { proof, instance: oneOf([instance.host, `@${as}@${instance.host}`]), action: 'login' };
  const left = await answered(visitor.post(page.url, typed));
  if (left.location === undefined) return refused(`status ${left.status} at the start`);
  counts.begun += 1;
  const end = await get(await visitor.approve(left.location, { as }));
  const code = end.location && new URL(end.location).searchParams.get('code');
  if (!code) return refused(`status ${end.status} at the end`);
  const grant = { grant_type: 'authorization_code', code, redirect_uri: clientURL, code_verifier: verifier };
  const body = new URLSearchParams({ ...grant, client_id: 'shop', client_secret: secret });
  const token = await answered(fetch(`${origin}/token`, { method: 'POST', body }));
  if (token.status !== 200) return refused(`status ${token.status} at the token endpoint`);
  const [, claims] = (await token.json()).id_token.split('.');
  const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  counts.finished += 1;
  if (sub !== `${instance.origin}#${instance.account(as).id}`) counts.wrong += 1;
  return undefined;
}

/** One address in front of all processes. It closes an idle connection before Node.js does, which is after five seconds. */
async function startNginx(port, processes) {
  const file = (name) => join(folder, name);
  const servers = processes.map(({ origin }) => `server 127.0.0.1:${new URL(origin).port};`).join(' ');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${file(name)};`,
  );
  const conf = `daemon off; worker_processes 1; pid ${file('pid')}; events { worker_connections 2048; }
http { access_log off; ${temporary.join(' ')}
upstream site { ${servers} keepalive 64; keepalive_timeout 4s; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://site; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_read_timeout 60s; } } }`;
  writeFileSync(file('nginx.conf'), conf);
  const origin = `http://localhost:${port}`;
  const isReady = () =>
    fetch(`${origin}/`).then(
      () => true,
      () => false,
    );
  const args = ['-p', folder, '-e', file('nginx.log'), '-c', file('nginx.conf')];
  return { origin, stop: (await startProgram('nginx', args, isReady)).stop };
}

async function main() {
  // Neither the processes nor the instances keep this process running.
  const running = setInterval(() => undefined, 60_000);
  const missing = redisAvailable();
  if (missing !== undefined) throw new Error(missing);
  const kept = ['--dir', folder, '--appendonly', 'yes'];
  const redis = await startRedis('redis-server', isBehindNginx ? kept : []);
  const instances = await Promise.all(
    Array.from({ length: settings.instances }, (_, n) => startFaultyInstance(families[n % families.length])),
  );
  const port = await freePort();
  const front = `http://localhost:${port}`;
  const processes = await Promise.all(
    Array.from({ length: settings.processes }, () =>
      startProcess({
        ...(isIssuer && { issuerURL: front }),
        store: isBehindNginx ? redisOnly(redis.url) : keyvOnRedis(redis.url),
        // Sessions survive the restart, so that no failure comes from them.
        ...(isBehindNginx && { sessions: inFile(join(folder, 'sessions.mdb')) }),
        instances,
        timeoutMs: isBehindNginx ? 20_000 : timeoutMs,
      }),
    ),
  );
  for (const { child } of processes) child.on('exit', () => (counts.ended += 1));
  const proxy = isBehindNginx ? await startNginx(port, processes) : undefined;
  const reached = proxy ? [proxy] : processes;
  /** By process, since its start. */
  const failuresOf = new Map();
  const reportOf = async (one) => {
    const { memory, failures = {} } = await report(one);
    failuresOf.set(one, failures);
    return memory;
  };
  const memory = async () =>
    (await Promise.all(processes.map(reportOf))).reduce((sum, one) => sum + one, 0) / processes.length;

  const endsAt = Date.now() + settings.seconds * 1000;
  const untilShare = (share) =>
    pause(Math.max(0, endsAt - Date.now() - (1 - share) * settings.seconds * 1000));
  const visits = Array.from({ length: settings.visitors }, async () => {
    while (Date.now() < endsAt) {
      await (isIssuer ? logInAtIssuer : logIn)(reached, instances).catch((error) => {
        if (error instanceof Hung) counts.hung += 1;
        else refused(`${error.name}: ${error.message}`.slice(0, 100));
      });
    }
  });
  const tidying = setInterval(() => {
    for (const instance of instances) instance.resetRequests();
    for (const one of processes) void reportOf(one);
  }, 2000);
  const forgetting = setInterval(() => isBehindNginx || oneOf(instances).forgetApps(), 10_000);

  // After everything is loaded, compiled and cached.
  await untilShare(0.2);
  const atStart = await memory();
  await untilShare(0.5);
  await redis.restart();
  await Promise.all(visits);
  clearInterval(tidying);
  clearInterval(forgetting);
  const atEnd = await memory();
  const { ended } = counts;
  if (proxy) process.stdout.write(readFileSync(join(folder, 'nginx.log')));
  await Promise.all([
    proxy?.stop(),
    ...processes.map((one) => one.kill()),
    ...instances.map((one) => one.close()),
    redis.stop(),
  ]);
  rmSync(folder, { recursive: true, force: true });
  clearInterval(running);

  const inMegabytes = (bytes) => `${(bytes / megabyte).toFixed(1)} MB`;
  console.log(`seed                 ${settings.seed}`);
  console.log(`logins begun         ${counts.begun}`);
  const perMinute = Math.round((60 * counts.finished) / settings.seconds);
  console.log(`logins finished      ${counts.finished}, ${perMinute} a minute`);
  for (const [code, count] of [...counts.refused].sort((a, b) => b[1] - a[1])) {
    console.log(`  refused            ${String(count).padEnd(6)} ${code}`);
  }
  console.log(`wrongly logged in    ${counts.wrong}`);
  console.log(`hung                 ${counts.hung}`);
  console.log(`processes ended      ${ended}`);
  console.log(`memory at the start  ${inMegabytes(atStart)} per process`);
  console.log(`memory at the end    ${inMegabytes(atEnd)} per process`);
  const grows = atEnd > 1.5 * atStart + 20 * megabyte;
  if (grows) console.log('The memory grows.');
  const failures = new Map();
  for (const [code, count] of [...failuresOf.values()].flatMap(Object.entries))
    failures.set(code, (failures.get(code) ?? 0) + count);
  for (const [code, count] of failures)
    console.log(`  logged             ${String(count).padEnd(6)} ${code}`);
  // The issuer's pages contain no error code; its log does.
  const codes = isIssuer ? failures : counts.refused;
  const others = isBehindNginx ? [...codes.keys()].filter((code) => code !== 'store_failed') : [];
  if (others.length > 0) console.log('Some logins failed with another code than store_failed.');
  const isWrong = counts.wrong > 0 || counts.hung > 0 || ended > 0 || others.length > 0;
  if (isWrong || grows || counts.finished === 0) process.exitCode = 1;
}

await main();
