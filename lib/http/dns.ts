/** Asks name servers for both kinds of addresses, and waits only a moment for the one that does not come. */

import { Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';

/**
 * Some name servers lose the question for one kind, mostly AAAA. A browser would not wait for it either (RFC 8305,
 * section 3, has 50 ms); a slow but honest server is given more. Milliseconds after the first good answer.
 */
const graceMs = 250;

/**
 * Asks the DNS directly. `dns.lookup` would occupy one of the process's few worker threads for as long as
 * a slow name server likes, and with them every other lookup and file access of the site.
 * @param servers instead of this machine's own, as `address:port`
 */
export async function resolveByDNS(hostname: string, servers?: readonly string[]): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  if (servers) resolver.setServers(servers);
  const found: LookupAddress[] = [];
  const take = (family: 4 | 6) => (addresses: readonly string[]) => {
    for (const address of addresses) found.push({ address, family });
  };
  const questions = [resolver.resolve4(hostname).then(take(4)), resolver.resolve6(hostname).then(take(6))];
  const both = Promise.allSettled(questions);
  let timer: NodeJS.Timeout | undefined;
  const aMomentAfterTheFirst = new Promise<void>((resolve) => {
    const begin = () => void (timer ??= setTimeout(resolve, graceMs));
    for (const question of questions) question.then(begin, () => undefined);
  });
  try {
    await Promise.race([both, aMomentAfterTheFirst]);
    if (found.length > 0) return found;
    throw (await both).find((result) => result.status === 'rejected')?.reason;
  } finally {
    clearTimeout(timer);
    resolver.cancel();
  }
}
