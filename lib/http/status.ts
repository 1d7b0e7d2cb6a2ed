/** What the status of an answer says, where the body is not asked. */

export function isSuccess(status: number): boolean {
  return Math.trunc(status / 100) === 2;
}

/**
 * Whether a server that was to judge something could not even look at it. 500 is none of these: Takahe answers a wrong code
 * so, and that says nothing about its health.
 */
export function isUnavailable(status: number): boolean {
  return status === 429 || status > 501;
}
