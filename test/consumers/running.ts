/** Programs that log people in by way of the issuer, each a process of its own, and what they trust. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '../support/certificate';

/** The issuer's. */
export const certificate = selfSigned();

/** Deleted after the tests of a file. */
export const folder = mkdtempSync(join(tmpdir(), 'consumers-'));

/** What trusts the issuer's certificate, as a file. */
export const authority = join(folder, 'ca.pem');
writeFileSync(authority, certificate.cert);
// Some of them run as a user of their own.
chmodSync(folder, 0o755);

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGTERM');
    await once(child, 'close');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Ended after the test. */
export function started(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: authority, ...env },
  });
  children.push(child);
  return child;
}

/** One of the sites here, once it listens. */
export async function startSite(name: string, env: Readonly<Record<string, string>>): Promise<void> {
  const child = started(process.execPath, [join(__dirname, 'sites', `${name}.mjs`)], env);
  const ended = once(child, 'close').then(() =>
    Promise.reject(new Error(`${name} ended before it listened`)),
  );
  await Promise.race([once(child.stdout ?? child, 'data'), ended]);
  ended.catch(() => undefined);
}
