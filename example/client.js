#!/usr/bin/env node
// @ts-check
/**
 * Logs in with Mastodon from a terminal. A start for bots, games and desktop programs. With the help of an
 * authenticator service, which gives the program an access token; or of an issuer, which only says who it is:
 *
 *   node example/client.js [ws://localhost:8080] [mastodon.social]
 *   node example/client.js --issuer http://localhost:8081 --client-id demo-device
 */

const { parseArgs } = require('node:util');
const WebSocket = require('ws');
const { loginOnDevice } = require('./device');
const { Countdown, Failure, Questions, isTerminal, plain, say, showAddress } = require('./terminal');

const USAGE = `Usage: node example/client.js [SERVER] [HOST]
       node example/client.js --issuer ISSUER --client-id ID

  SERVER  address of the authenticator service (default ws://localhost:8080)
  HOST    where the account lives, such as mastodon.social; asked for when missing
  ISSUER  address of an issuer that serves devices (RFC 8628)
  ID      what the issuer knows this program by (default demo-device)
`;

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;

/** @typedef {{ id: string, url?: string, code?: string, expires?: unknown }} Request */
/** How one connection ended. @typedef {{ account?: any, token: string, instance?: any } | { lost: string, wasAccepted: boolean }} Outcome */

/**
 * One WebSocket connection, from its opening to its end, on which one login is asked for.
 * @param {URL} server
 * @param {{ name: string }} host corrected here when the service does not accept it
 * @param {InstanceType<typeof Questions>} questions
 * @returns {Promise<Outcome>}
 */
async function connect(server, host, questions) {
  const socket = new WebSocket(server, { handshakeTimeout: 10_000, maxPayload: 64 * 1024 });
  const countdown = new Countdown();
  let wasAccepted = false;
  const ask = () => socket.send(JSON.stringify({ type: 'auth', parameters: { host: host.name } }));
  try {
    return await new Promise((resolve, reject) => {
      const lost = (/** @type {string} */ why) => resolve({ lost: why, wasAccepted });

      /** @type {Record<string, (parameters: any) => unknown>} */
      const answers = {
        async 'invalid-host'({ message }) {
          say(plain(message) || `${host.name} is not the address of a Mastodon server.`);
          host.name = await questions.ask('Where does your account live? ');
          ask();
        },
        'set-id'(/** @type {Request} */ request) {
          wasAccepted = true;
          const { id, url, code } = request;
          showAddress(plain(url) || `${httpOrigin(server)}/auth/${encodeURIComponent(id)}`, code);
          countdown.start(untilMs(request.expires));
        },
        fulfill(result) {
          if (typeof result.token === 'string') resolve(result);
        },
        error({ code, message }) {
          const text = plain(message) || 'The login failed.';
          // The service is stopping or overloaded: try another process of it, or try later.
          if (String(code).startsWith('server_')) lost(text);
          else reject(new Failure(text));
        },
      };

      socket.on('open', ask);
      const hear = async (/** @type {string} */ text) => {
        const { type, parameters, arguments: old } = parse(text);
        // This program ignores message types that it does not know.
        if (Object.hasOwn(answers, type)) await answers[type]?.(parameters ?? old ?? {});
      };
      socket.on('message', (data) => void hear(String(data)).catch(reject));
      socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
        const text = `The service at ${server.host} answered ${statusCode} instead of opening a socket.`;
        if (statusCode === 429 || statusCode >= 500) lost(text);
        else reject(new Failure(text));
      });
      socket.on('close', () => lost('The connection was closed.'));
      socket.on('error', (/** @type {NodeJS.ErrnoException} */ { code, message }) => {
        lost(`The service at ${server.host} cannot be reached (${code ?? message}).`);
      });
    });
  } finally {
    countdown.stop();
    socket.close();
  }
}

async function main() {
  const { values, positionals } = readArguments();
  if (values.help) return void process.stdout.write(USAGE);
  if (values.issuer !== undefined) return loginOnDevice(values.issuer, values['client-id']);
  const server = serverURL(positionals[0] ?? 'ws://localhost:8080');
  const questions = new Questions();
  const host = { name: positionals[1] ?? (await questions.ask('Where does your account live? ')) };

  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
    const outcome = await connect(server, host, questions);
    if ('token' in outcome) return welcome(outcome, host.name);
    if (outcome.wasAccepted) delay = FIRST_DELAY_MS;
    // The clients of a restarted service reconnect at different moments.
    const wait = Math.round(delay * (0.75 + Math.random() / 2));
    say(`${outcome.lost} Trying again in ${(wait / 1000).toFixed(1)} seconds.`);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** @param {{ account?: any, token: string, instance?: any }} result @param {string} host */
async function welcome({ account, token, instance }, host) {
  const origin = originOf(instance, host);
  const person = account ?? (origin && (await whoIs(origin, token)));
  const handle = plain(person?.handle) || [plain(person?.username ?? person?.acct), origin?.host].join('@');
  const name = plain(person?.displayName ?? person?.display_name);
  say(`Logged in as @${handle.replace(/^@/, '')}${name && ` (${name})`}.`);
  say('This program has an access token now; keep it like a password. It is not shown here.');
}

/**
 * An older service sends the token alone; the instance knows its account.
 * @param {URL} origin
 * @param {string} token
 */
async function whoIs(origin, token) {
  const response = await fetch(new URL('/api/v1/accounts/verify_credentials', origin), {
    headers: { Authorization: `Bearer ${token}`, Accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Failure(`${origin.host} did not say whose account it is (${response.status}).`);
  return /** @type {Promise<any>} */ (response.json());
}

/** @param {any} instance @param {string} host @returns {URL | undefined} */
function originOf(instance, host) {
  const text = instance?.origin ?? instance ?? host.replace(/^.*@/, '');
  const url = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  return URL.canParse(url) ? new URL(url) : undefined;
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        issuer: { type: 'string' },
        'client-id': { type: 'string', default: 'demo-device' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

/** @param {string} text */
function serverURL(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^wss?:$/.test(url.protocol)) {
    throw new Failure(`${text} is not the address of a service. It begins with ws:// or wss://.`);
  }
  return url;
}

/** @param {URL} server */
function httpOrigin(server) {
  return `${server.protocol === 'wss:' ? 'https' : 'http'}://${server.host}`;
}

/** Ten minutes, unless the service says otherwise. @param {unknown} expires */
function untilMs(expires) {
  const time = typeof expires === 'number' ? expires : Date.parse(String(expires));
  return Number.isNaN(time) ? Date.now() + 600_000 : time;
}

/** @param {string} text @returns {{ type: string, parameters?: any, arguments?: any }} */
function parse(text) {
  try {
    const { type, ...rest } = JSON.parse(text);
    return { type: String(type), ...rest };
  } catch {
    throw new Failure('This is not an authenticator service: its messages make no sense.');
  }
}

process.once('SIGINT', () => {
  process.stdout.write(isTerminal ? '\r\x1b[KStopped.\n' : 'Stopped.\n');
  process.exit(130);
});

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error instanceof Failure ? error.message : error);
    process.exit(1);
  },
);
