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

/** The code of a system error. Its message may contain secrets of the operator. */
export function systemErrorCode(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'unknown error';
}
