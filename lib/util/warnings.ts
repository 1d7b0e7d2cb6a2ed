/** Emits warnings of the process for developers and operators, each code once. */

/** What was emitted in this process. Tests clear it. */
export const emittedWarnings = new Set<string>();

/**
 * Emits a warning of the process, the first time that it is called with this code.
 * @param code `MASTODON_…`; docs/errors.md has a row for each
 * @param text names the entry point or option, the value found, and the fix
 * @param about one of a small set, where the warning is emitted once for each
 */
export function warnOnce(code: string, text: string, about = ''): void {
  const key = `${code} ${about}`;
  if (emittedWarnings.has(key)) return;
  emittedWarnings.add(key);
  process.emitWarning(text, { code });
}

/** Whether `NODE_ENV` is unset or `development`. Only then may visitors cause warnings about what they sent. */
export function isDevelopment(): boolean {
  const { NODE_ENV = '' } = process.env;
  return NODE_ENV === '' || NODE_ENV === 'development';
}
