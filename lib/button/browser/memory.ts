/**
 * What this browser remembers: the server of the last login that worked, and the login that was started last. Only the
 * host is kept. The typed text, which may name a person, is kept in the tab until the form is shown again.
 */

const serverKey = 'mastodon-login:server';
const attemptKey = 'mastodon-login:attempt';
const typedKey = 'mastodon-login:typed';

/** Browsers may refuse storage; then nothing is remembered. */
function withStorage<T>(
  name: 'localStorage' | 'sessionStorage',
  use: (storage: Storage) => T,
): T | undefined {
  try {
    return use(globalThis[name]);
  } catch {
    return undefined;
  }
}

export function rememberedServer(): string | undefined {
  return withStorage('localStorage', (storage) => storage.getItem(serverKey)) ?? undefined;
}

export function rememberServer(host: string): void {
  withStorage('localStorage', (storage) => storage.setItem(serverKey, host));
}

export function forgetServer(): void {
  withStorage('localStorage', (storage) => storage.removeItem(serverKey));
}

export interface Attempt {
  readonly host?: string | undefined;
  /** Present only in the tab in which the login was started. */
  readonly typed?: string | undefined;
}

export function rememberAttempt(host: string, typed: string): void {
  withStorage('localStorage', (storage) => storage.setItem(attemptKey, host));
  withStorage('sessionStorage', (storage) => storage.setItem(typedKey, typed));
}

/** The login that was started last; it is returned once. */
export function takeAttempt(): Attempt {
  const take = (key: string) => (storage: Storage) => {
    const text = storage.getItem(key) ?? undefined;
    storage.removeItem(key);
    return text;
  };
  return {
    host: withStorage('localStorage', take(attemptKey)),
    typed: withStorage('sessionStorage', take(typedKey)),
  };
}

/**
 * Whether the visitor returned to the form before a server could answer: by "Back", by a reload, or because the site
 * redirected to the page of the form. A login that worked ends elsewhere.
 */
export function returnedWithoutLogin({ typed }: Attempt): boolean {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  if (navigation?.type === 'back_forward' || navigation?.type === 'reload') return true;
  const [referrer] = document.referrer.split(/[?#]/, 1);
  return typed !== undefined && referrer === location.origin + location.pathname;
}
