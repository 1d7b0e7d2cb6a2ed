/** Runs a site as its users would: a process of its own, and the package as it is built. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { transformSync } from '@swc/core';

const sites = join(__dirname, 'sites');

/** Where the sites believe to be, as behind a proxy; nothing listens there. */
export const publicOrigin = 'https://site.example';

export interface RunningSite {
  readonly origin: string;
  /** The callback, or any other address of the site, as the process itself serves it. */
  at(publicURL: string): string;
  close(): Promise<void>;
}

export interface SiteProcess {
  /** Default: `publicOrigin`. */
  origin?: string;
  /** File with the authority that its instances' certificates are from. */
  trusts?: string;
}

/** @param program file in `sites/`: `.js`, `.mjs`, or `.mts`, which is compiled first */
export async function runSite(
  program: string,
  developmentInstances: string,
  { origin: ownOrigin = publicOrigin, trusts }: SiteProcess = {},
): Promise<RunningSite> {
  const file = join(sites, program);
  const isCompiled = program.endsWith('.mts');
  // A program from standard input resolves its imports from the working directory.
  const args = isCompiled ? ['--input-type=module', '-'] : [file];
  const child = spawn(process.execPath, ['--require', join(sites, 'preload.js'), ...args], {
    cwd: sites,
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      ORIGIN: ownOrigin,
      PORT: '0',
      DEVELOPMENT_INSTANCES: developmentInstances,
      ...(trusts !== undefined && { NODE_EXTRA_CA_CERTS: trusts }),
    },
  });
  child.stdin?.end(isCompiled ? compiled(file) : '');
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

function compiled(file: string): string {
  const { code } = transformSync(readFileSync(file, 'utf8'), {
    filename: file,
    swcrc: false,
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
    },
    module: { type: 'es6' },
  });
  return code;
}
