/** Which hosts count as one owner's, where work is limited. */

/** Names below which countries let people register: "co.uk", "com.au", "or.jp". */
const belowShared = /\.(?:ac|co|com|edu|go|gob|gov|gouv|ltd|me|ne|net|nom|or|org|plc|sch|web)\.[^.]{2}$/;

/**
 * The domain whose owner can make up any number of such hosts: of `a.b.example.co.uk:8443` it is `example.co.uk`.
 * An estimate on purpose. The public suffix list would give each name at a dynamic DNS service, free and without
 * number, an owner of its own; here they share, as honest instances of one hoster do, which are never as many.
 * An address says less: behind a CDN an attacker could share the victim's, and use its places up.
 */
export function domainOf(host: string): string {
  const name = host.replace(/:\d+$/, '');
  // "localhost" and addresses, of development instances, belong to nobody: there the ports tell them apart.
  if (!name.includes('.') || /\.\d+$/.test(name)) return host;
  return name
    .split('.')
    .slice(belowShared.test(name) ? -3 : -2)
    .join('.');
}
