/** The error that keeps the service from starting, in words for its operator. */

export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** Exit status: 2 where arguments or configuration are wrong, 1 for everything else. */
    readonly status: 1 | 2 = 2,
  ) {
    super(message);
  }
}

/** The code of a system error. Its message may quote what the operator keeps secret. */
export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'unknown error';
}
