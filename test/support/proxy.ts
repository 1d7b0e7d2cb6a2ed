/** Proxies on loopback: a small programmable one, and Debian's tinyproxy. */

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aRawServer, type RawOptions, type RawServer } from './hostile.js';
import { freePort } from './free-port.js';
import { startProgram } from './redis.js';

export interface SmallProxy extends RawServer {
  /** The heads of the received requests. */
  readonly heads: string[];
}

/** Resolves every name to 127.0.0.1, like a proxy with its own name server might. Closed after the test. */
export async function aProxy(
  refuse?: (head: string, socket: Socket) => boolean,
  options?: RawOptions,
): Promise<SmallProxy> {
  const heads: string[] = [];
  const server = await aRawServer((socket) => {
    socket.once('data', (data: Buffer) => {
      const head = data.toString('latin1');
      heads.push(head);
      if (refuse?.(head, socket)) return;
      const port = Number(/^CONNECT \S+:(\d+) HTTP\/1\.1\r\n/.exec(head)?.[1]);
      const onwards = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(onwards).pipe(socket);
      });
      onwards.on('error', () => socket.destroy());
      socket.on('close', () => onwards.destroy());
      onwards.on('close', () => socket.destroy());
    });
  }, options);
  return Object.assign(server, { heads });
}

/** The reason why there is no tinyproxy here; undefined if there is one. */
export function tinyproxyAvailable(): string | undefined {
  const { error } = spawnSync('tinyproxy', ['-v']);
  return error && `tinyproxy cannot be run (${error.message}); .ci/install-tinyproxy installs it`;
}

export interface Tinyproxy {
  readonly port: number;
  stop(): Promise<void>;
}

/** It requires these credentials, and allows CONNECT to the given ports only. */
export async function startTinyproxy(
  user: string,
  password: string,
  ports: readonly number[],
): Promise<Tinyproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'tinyproxy-'));
  const port = await freePort();
  const file = join(folder, 'tinyproxy.conf');
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', `BasicAuth ${user} ${password}`];
  await writeFile(file, [...lines, ...ports.map((to) => `ConnectPort ${to}`), ''].join('\n'));
  const program = await startProgram('tinyproxy', ['-d', '-c', file], () => answersAt(port));
  return {
    port,
    stop: async () => {
      await program.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function answersAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('connect', () => socket.destroy()).on('error', () => resolve(false));
  });
}
