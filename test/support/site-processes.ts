/** Starts the processes of a site, and lets a visitor use any of them as if they were one. */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Opener } from './open-store.js';
import type { Visitor } from './visitor.js';

export interface SiteProcess {
  readonly origin: string;
  readonly child: ChildProcess;
  /** Ends it at once, in the middle of whatever it does. */
  kill(): Promise<void>;
}

export interface ProcessSettings {
  readonly store: Opener;
  /** Of the sessions. Default: the same as `store`. */
  readonly sessions?: Opener;
  readonly instances: readonly { readonly origin: string }[];
  readonly timeoutMs?: number;
  /** Runs an issuer at this address, instead of a site. */
  readonly issuerURL?: string;
}

/** Where all of them believe to be; nothing listens there, a visitor is told another way by `at`. */
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
  // A test that fails before it ends them must not hold up the run; without this process each ends itself.
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

/** The callback as this process serves it. */
export function at(process: SiteProcess, callback: string): string {
  return callback.replace(new URL(callbackURL).origin, process.origin);
}

/** Lets the visitor's cookies count at every one of them, as they would behind one name. */
export function shareCookies(visitor: Visitor, processes: readonly SiteProcess[]): Visitor {
  const jar = new Map<string, string>();
  for (const { origin } of processes) visitor.jars.set(new URL(origin).host, jar);
  return visitor;
}

export interface Report {
  /** Bytes in use after collecting what is garbage. */
  readonly memory: number;
  /** How often verify was called since the last report. Of a site. */
  readonly verified?: number;
  /** How often each code failed since the start. Of an issuer. */
  readonly failures?: Readonly<Record<string, number>>;
}

export async function report(process: SiteProcess): Promise<Report> {
  const answered = once(process.child, 'message');
  process.child.send('report');
  const [answer] = (await answered) as [Report];
  return answer;
}
