/** Recognises the names and addresses of loopback. */

export function isLoopbackName(hostname: string): boolean {
  return ['localhost', '[::1]', '::1'].includes(hostname) || /^127(\.\d{1,3}){3}$/.test(hostname);
}
