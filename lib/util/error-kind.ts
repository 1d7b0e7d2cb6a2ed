/** The kind of an error, without its message. */

/**
 * The name and code of an error. Its message may quote secrets and is left out. Where the name is `Error`, the class
 * name is used, as for a Redis client's `ClientClosedError`.
 */
export function kindOf(error: unknown): string {
  try {
    const { name, code, constructor } = Object(error) as Record<string, unknown>;
    const kind = name === 'Error' && typeof constructor === 'function' ? constructor.name : name;
    return [kind, code].filter((part) => typeof part === 'string').join(' ');
  } catch {
    // A getter of the error may throw.
    return 'an error that cannot be read';
  }
}
