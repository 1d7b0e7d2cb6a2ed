/** Emits process warnings for developers and operators, once for each code. */

/** The warnings that this process has emitted. Tests clear it. */
export const emittedWarnings = new Set<string>();

/**
 * Emits a process warning, once for each code.
 * @param code `MASTODON_…`; docs/errors.md has a row for each
 * @param text names the entry point or option, the value found, and the fix
 * @param about one of a small set; the warning is emitted once for each of them
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
