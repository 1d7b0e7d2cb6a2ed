/** Starts programs that log users in through the issuer, each as a process that trusts its certificate. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { selfSigned } from '../support/certificate';
import { Visitor } from '../support/visitor';

/** The issuer's certificate. */
export const certificate = selfSigned();

/** Deleted after the tests of a file. */
export const folder = mkdtempSync(join(tmpdir(), 'consumers-'));

/** The issuer's certificate as a file, for programs that trust it. */
export const authority = join(folder, 'ca.pem');
writeFileSync(authority, certificate.cert);
// Apache runs as another user.
chmodSync(folder, 0o755);

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Ended after the test. */
export function started(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      // For Node.js, for Python's requests, and for OpenSSL, which Ruby uses.
      NODE_EXTRA_CA_CERTS: authority,
      REQUESTS_CA_BUNDLE: authority,
      SSL_CERT_FILE: authority,
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    },
  });
  children.push(child);
  return child;
}

/** By the ending of the site's file. Python and Ruby are those of Debian, which have the packages. */
const programs: Readonly<Record<string, string>> = {
  '.mjs': process.execPath,
  '.py': '/usr/bin/python3',
  '.rb': '/usr/bin/ruby',
};

/** Starts one of the programs in `sites/`; resolves when it listens. */
export async function startSite(file: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = started(programs[extname(file)]!, [join(__dirname, 'sites', file)], env);
  await printed(child, '');
}

/** Resolves when the program has printed the text. */
export async function printed(child: ChildProcess, text: string): Promise<void> {
  let seen = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      seen += String(chunk);
      if (seen.includes(text)) resolve();
    });
    child.once('close', () =>
      reject(new Error(`${child.spawnargs.join(' ')} ended before it listened: ${seen}`)),
    );
  });
}

/** Resolves when a server answers at the URL, which takes many seconds on a loaded machine. */
export async function answers(url: string): Promise<void> {
  const giveUpAt = performance.now() + 40_000;
  while (performance.now() < giveUpAt) {
    if (await new Visitor().get(url).then(Boolean, () => false)) return;
    await pause(25);
  }
  throw new Error(`No server answers at ${url}`);
}

/** The error message of a program that cannot start here; undefined if it starts. */
export function problemOf(command: string, args: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').pop() ?? command);
}

/** `it`, or an `it.skip` whose title names the problem. In CI a problem is an error. */
export function itUnless(
  problem: string | undefined,
  installer: string,
  title: string,
  test: () => Promise<void>,
): void {
  if (problem === undefined) return it(title, test);
  if (process.env.CI) throw new Error(`${problem}: see ${installer}`);
  it.skip(`${title} (skipped: ${problem}; ${installer} installs it)`, test);
}
