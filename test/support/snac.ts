/** A real fediverse server, snac, on loopback, with the account alice. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePort } from './free-port.js';
import { startProgram, type Program } from './redis.js';
import { Visitor } from './visitor.js';

export interface Snac {
  /** `http://localhost:<port>`, for the option `developmentInstances`. */
  readonly origin: string;
  /** `localhost:<port>`, which is also the domain of its handles. */
  readonly host: string;
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
  let program: Program | undefined;

  const close = async () => {
    await program?.stop();
    await rm(directory, { recursive: true, force: true });
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
    // Asks for the display name; an empty line means the same as the user name.
    await snac(['adduser', data, 'alice'], '\n');
    program = await startProgram('snac', ['httpd', data], () => answersAs(origin, host));
    return { origin, host, close };
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
    const { uri } = (await new Visitor().get(`${origin}/api/v1/instance`)).json() as { uri?: unknown };
    return uri === host;
  } catch {
    return false;
  }
}
