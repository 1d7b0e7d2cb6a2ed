/** Finds out what a Keyv hides: its adapter, and failures of its adapter. */

interface LikeKeyv {
  readonly store?: { readonly store?: unknown; readonly opts?: { readonly dialect?: unknown } };
  readonly getRaw?: (key: string) => Promise<{ value?: unknown } | undefined>;
}

/** SQL adapters of Keyv 5 look for the row and then delete it, so two processes are both told that they deleted it. */
const sqlDialects: ReadonlySet<unknown> = new Set(['sqlite', 'postgres', 'mysql']);

export function isInSQL(backend: object): boolean {
  return sqlDialects.has((backend as LikeKeyv).store?.opts?.dialect);
}

/** Whether the backend is a Map: alone, in a Keyv, or in the adapter that Keyv 6 puts around one. */
export function isMap(backend: object): boolean {
  const { store } = backend as LikeKeyv;
  return [backend, store, store?.store].some((one) => one instanceof Map);
}

/** Keyv 5's `get` answers a failure of its adapter like a miss; its `getRaw` does not. */
export async function getOrThrow(
  backend: { get(key: string): unknown } & object,
  key: string,
): Promise<unknown> {
  const { getRaw } = backend as LikeKeyv;
  if (typeof getRaw !== 'function') return backend.get(key);
  return (await getRaw.call(backend, key))?.value;
}
