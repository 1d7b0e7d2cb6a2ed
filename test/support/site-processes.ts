/** Starts the processes of a site, and lets a visitor use any of them as if they were one. */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Opener } from './open-store.js';
import type { Visitor } from './visitor.js';

export interface SiteProcess {
  readonly origin: string;
  readonly child: ChildProcess;
  /** Kills it during an operation. */
  kill(): Promise<void>;
}

export interface ProcessSettings {
  readonly store: Opener;
  /** The store of the sessions. Default: the same as `store`. */
  readonly sessions?: Opener;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
  /** Runs an issuer at this address, instead of a site. */
  readonly issuerURL?: string;
}

/** The origin in the settings of all of them. Nothing listens there; `at` translates it for a visitor. */
const callbackURL = 'http://localhost:1/auth/mastodon/callback';

export async function startProcess(settings: ProcessSettings): Promise<SiteProcess> {
  const origins = settings.instances.map(({ origin }) => ({ origin }));
  const child = fork(
    join(__dirname, 'from-source.js'),
    [
      join(__dirname, settings.issuerURL === undefined ? 'site-process.ts' : 'issuer-process.ts'),
      JSON.stringify({ ...settings, callbackURL, instances: origins }),
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: ['--expose-gc'] },
  );
  // A test that fails before it stops the processes must not delay the end of the run. Each process exits when this one is
  // gone.
  child.unref();
  child.channel?.unref();
  const ended = once(child, 'exit');
  const started = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (started === undefined) throw new Error('the process ended before it listened');
  const [{ origin }] = started as [{ origin: string }];
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { origin, child, kill };
}

/** The callback at this process. */
export function at(process: SiteProcess, callback: string): string {
  return callback.replace(new URL(callbackURL).origin, process.origin);
}

/** Makes the visitor's cookies valid at all of them, like behind one name. */
export function shareCookies(visitor: Visitor, processes: readonly SiteProcess[]): Visitor {
  const jar = new Map<string, string>();
  for (const { origin } of processes) visitor.jars.set(new URL(origin).host, jar);
  return visitor;
}

export interface Report {
  /** Bytes in use after garbage collection. */
  readonly memory: number;
  /** For a site: the number of calls of verify since the last report. */
  readonly verified?: number;
  /** For an issuer: the number of failures by code since the start. */
  readonly failures?: Readonly<Record<string, number>>;
}

export async function report(process: SiteProcess): Promise<Report> {
  const answered = once(process.child, 'message');
  process.child.send('report');
  const [answer] = (await answered) as [Report];
  return answer;
}
