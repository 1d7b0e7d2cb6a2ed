/** Opens a store by the name of a function, so that any process can open the same one. */

import type { KeyValueStore } from '../../lib/options.js';

export interface OpenStore {
  /** `undefined` is the default. */
  readonly backend: KeyValueStore | undefined;
  close(): Promise<void>;
}

/** A module, the name of a function in it, and its arguments. */
export type Opener = readonly [module: string, name: string, ...args: string[]];

export async function openStore([module, name, ...args]: Opener): Promise<OpenStore> {
  const openers = (await import(module)) as Record<string, (...args: string[]) => Promise<OpenStore>>;
  const open = openers[name];
  if (!open) throw new TypeError(`${module} opens no ${name}`);
  return open(...args);
}
