/** The last server of this browser. Only its host: not the handle, which would name a person. */

const key = 'mastodon-login:server';

/** Browsers may refuse storage altogether; the button then remembers nothing. */
function quietly<T>(use: (storage: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}

export function rememberedServer(): string | undefined {
  return quietly((storage) => storage.getItem(key)) ?? undefined;
}

export function rememberServer(host: string): void {
  quietly((storage) => storage.setItem(key, host));
}

export function forgetServer(): void {
  quietly((storage) => storage.removeItem(key));
}
