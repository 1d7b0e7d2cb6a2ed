/** Runs a site as a separate process, with the package as it is built. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');
const folders: string[] = [];

/** The public origin of the sites, like behind a proxy. No server listens there. */
export const publicOrigin = 'https://site.example';

export interface RunningSite {
  readonly origin: string;
  /** The callback, or another URL of the site, at the process itself. */
  at(publicURL: string): string;
  close(): Promise<void>;
}

afterAll(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export interface SiteProcess {
  /** Default: `publicOrigin`. */
  origin?: string;
  /** File with the certificate authority of its instances. */
  trusts?: string;
}

/** @param program path below the repository's root */
export async function runSite(
  program: string,
  developmentInstances: string,
  { origin: ownOrigin = publicOrigin, trusts }: SiteProcess = {},
): Promise<RunningSite> {
  const file = resolve(root, program);
  const child = spawn(process.execPath, ['--require', join(__dirname, 'sites', 'preload.js'), file], {
    cwd: dirname(file),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      // Development mode, so that warnings look at requests, too. This test does not read them.
      ...{ NODE_ENV: 'development', NODE_NO_WARNINGS: '1' },
      ORIGIN: ownOrigin,
      PORT: '0',
      DEVELOPMENT_INSTANCES: developmentInstances,
      ...(trusts !== undefined && { NODE_EXTRA_CA_CERTS: trusts }),
    },
  });
  const ended = once(child, 'exit');
  const started = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (started === undefined) throw new Error(`${program} ended before it listened`);
  const [{ port }] = started as [AddressInfo];
  const origin = `http://localhost:${port}`;
  return {
    origin,
    at: (publicURL) => publicURL.replace(ownOrigin, origin),
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

/**
 * An example in a temporary folder, with packages that the repository has anyway: without a network, and as fast as
 * the other tests.
 * @param program path below the repository's root
 * @param packages the name by which the program imports a package, to its name in the root's node_modules
 */
export function staged(program: string, packages: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-'));
  folders.push(folder);
  mkdirSync(join(folder, 'node_modules'));
  for (const [name, real] of Object.entries(packages)) {
    symlinkSync(join(root, 'node_modules', real), join(folder, 'node_modules', name));
  }
  symlinkSync(root, join(folder, 'node_modules', 'passport-mastodon-oauth2'));
  const file = resolve(root, program);
  const copy = join(folder, basename(file));
  copyFileSync(file, copy);
  return copy;
}
