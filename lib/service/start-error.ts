/** The error of a failed start, with a message for the operator. */

export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** Exit status: 2 for wrong arguments or configuration, 1 for other errors. */
    readonly status: 1 | 2 = 2,
  ) {
    super(message);
  }
}

/** The code of an error of the system or of Redis (`WRONGPASS`). The rest of its message may contain secrets of the operator. */
export function systemErrorCode(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return code;
  return /^[A-Z]{3,}(?= )/.exec(String(message))?.[0] ?? 'unknown error';
}
