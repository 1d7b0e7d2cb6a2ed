/** A store's file, read directly; and separate processes that use one. */

import { open, type Database, type RootDatabase } from 'lmdb';
import { startNode, type NodeProcess } from '../service/service-process';

export interface OpenFile {
  readonly root: RootDatabase;
  readonly items: Database<unknown, string>;
  readonly expiries: Database<true, [number, string]>;
}

export function openFile(path: string): OpenFile {
  const root = open({ path, noSubdir: true });
  return {
    root,
    items: root.openDB({ name: 'items', encoding: 'json' }),
    expiries: root.openDB({ name: 'expiries', encoding: 'json' }),
  };
}

const inProcess = (file: string, job: string): NodeProcess =>
  startNode(`
    const { openEmbeddedStore } = require('./dist/stores/index.js');
    void (async () => {
      const store = await openEmbeddedStore(${JSON.stringify(file)});
      ${job}
    })();`);

/** Writes without an end, 20 at a time, and prints each acknowledged key. */
export function writer(file: string): NodeProcess {
  return inProcess(
    file,
    `for (let i = 0; ; i++) {
      await Promise.all(Array.from({ length: 20 }, async (_, n) => {
        const key = process.pid + ':' + i + ':' + n;
        await store.set(key, { n }, 600_000);
        process.stdout.write(key + '\\n');
      }));
    }`,
  );
}

/** Waits for a line, so that all processes begin together, then prints the keys that it deleted itself. */
export function remover(file: string, keys: readonly string[]): NodeProcess {
  return inProcess(
    file,
    `process.stdout.write('ready\\n');
    await new Promise((resolve) => process.stdin.once('data', resolve));
    const keys = ${JSON.stringify(keys)};
    const won = await Promise.all(keys.map((key) => store.delete(key)));
    process.stdout.write(keys.filter((_, i) => won[i]).concat('done').join('\\n') + '\\n');
    await store.close();
    process.exit();`,
  );
}
