/** A server that is not public: refused, and told about to who may have meant one of their own. */

/** Why an address was refused, in few words of its own: doors read it without what reads addresses. */
export class UnlistedServer extends Error {
  /**
   * @param origin as it would be listed
   * @param listed what is
   */
  constructor(
    readonly origin: string,
    readonly listed: readonly string[],
  ) {
    super('the server is not public, and not in developmentInstances');
  }
}
