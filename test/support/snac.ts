/** A real fediverse server, snac, on loopback: with the accounts alice and bob, and a client for its sign-in page. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { freePort } from './free-port.js';
import { startProgram, type Program } from './redis.js';

export interface Snac {
  /** `http://localhost:<port>`, for the option `developmentInstances`. */
  readonly origin: string;
  /** `localhost:<port>`, which is also the domain of its handles. */
  readonly host: string;
  /** Adds an account; resolves with its password. */
  addUser(name: string): Promise<string>;
  /**
   * Opens the authorization page that a login redirects to, fills in the form as this user, and resolves with the
   * URL to which snac redirects the browser.
   */
  signIn(authorizeURL: string, name: string): Promise<string>;
  close(): Promise<void>;
}

/** The reason why there is no snac here; undefined if there is one. */
export function snacAvailable(): string | undefined {
  const { error } = spawnSync('snac', []);
  return error && `snac cannot be run (${error.message}); .ci/install-snac installs it`;
}

export async function startSnac(): Promise<Snac> {
  const directory = await mkdtemp(join(tmpdir(), 'snac-'));
  const data = join(directory, 'data');
  const passwords = new Map<string, string>();
  let program: Program | undefined;

  const close = async () => {
    await program?.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const addUser = async (name: string) => {
    // Asks for the display name; an empty line means the same as the user name.
    const password = /password is (\S+)/.exec(await snac(['adduser', data, name], '\n'))?.[1];
    if (!password) throw new Error(`snac made no account for ${name}`);
    passwords.set(name, password);
    return password;
  };

  try {
    const port = await freePort();
    const host = `localhost:${port}`;
    const origin = `http://${host}`;
    // Asks for address, port, host, path prefix and e-mail address.
    await snac(['init', data], `127.0.0.1\n${port}\n${host}\n\n\n`);
    const settings = join(data, 'server.json');
    await writeFile(
      settings,
      JSON.stringify({ ...JSON.parse(await readFile(settings, 'utf8')), protocol: 'http' }),
    );
    await addUser('alice');
    await addUser('bob');
    program = await startProgram('snac', ['httpd', data], () => answersAs(origin, host));
    return {
      origin,
      host,
      addUser,
      signIn: (authorizeURL, name) => signIn(authorizeURL, name, passwords.get(name) ?? ''),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs one of snac's commands, answers its questions, and resolves with its output. */
async function snac(args: readonly string[], answers: string): Promise<string> {
  const child = spawn('snac', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const status = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.end(answers);
  const [printed, code] = await Promise.all([text(child.stdout), status]);
  if (code !== 0) throw new Error(`snac ${args[0]} ended with ${String(code)}: ${printed}`);
  return printed;
}

/** Whether the server at this origin is the one with this host name, and not another that took the port. */
async function answersAs(origin: string, host: string): Promise<boolean> {
  try {
    const { body } = await send('GET', `${origin}/api/v1/instance`);
    return (JSON.parse(body) as { uri?: unknown }).uri === host;
  } catch {
    return false;
  }
}

async function signIn(authorizeURL: string, name: string, password: string): Promise<string> {
  const page = await send('GET', authorizeURL);
  const action = /<form method="post" action="([^"]+)"/.exec(page.body)?.[1];
  if (!action) throw new Error(`snac showed no sign-in form: ${page.status} ${page.body}`);
  const form = new URLSearchParams({ login: name, passwd: password });
  for (const [, field = '', value = ''] of page.body.matchAll(
    /<input type="hidden" name="(\w+)" value="([^"]*)"/g,
  )) {
    form.set(field, value);
  }
  const answer = await send('POST', action, form.toString());
  if (!answer.location) throw new Error(`snac did not sign ${name} in: ${answer.status} ${answer.body}`);
  return answer.location;
}

/** One request on its own connection: snac closes every connection after its response, without announcing it. */
async function send(method: 'GET' | 'POST', url: string, form?: string) {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return new Promise<{ status: number; location: string | undefined; body: string }>((resolve, reject) => {
    const outgoing = request(url, { method, agent: false, headers, timeout: 5_000 }, (incoming) => {
      text(incoming).then(
        (body) => resolve({ status: incoming.statusCode ?? 0, location: incoming.headers.location, body }),
        reject,
      );
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('snac did not answer')));
    outgoing.once('error', reject);
    outgoing.end(form);
  });
}
