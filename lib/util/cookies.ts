/** Reads the `Cookie` header of a request, by the exact names and values that the browser sent. */

/**
 * The values of all cookies with exactly this name, in the order of the header. Browsers send cookies with a longer path
 * first (RFC 6265, section 5.4).
 *
 * Only a space or a tab around a pair is removed. `trim()` and `\s` also remove U+00A0 and other Unicode spaces, which may be
 * part of a name. With those, a page on a sibling host could set a cookie that is read as one with the prefix `__Host-`.
 * @param header `undefined` or `null` for a request without cookies
 */
export function cookieValues(header: string | null | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const [, found, value] =
      /^[ \t]*([!#$%&'*+.^`|~\w-]+)=([^\0-\x20"\\,;\x7f-\uffff]*)[ \t]*$/.exec(pair) ?? [];
    return found === name && value !== undefined ? [value] : [];
  });
}
