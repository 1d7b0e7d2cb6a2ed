/** What a client is called before its visitors, in words that cannot pretend to be ours or somebody else's. */

export interface ClientName {
  /** What the operator calls it. Of a client that nobody here knows: the host of its document, which it cannot choose. */
  readonly name: string;
  /** What such a document calls it, which may be anything. */
  readonly claim?: string;
}

/** Longer names, and marks that turn the text around them, are for making a page say something else. */
const longestName = 80;

/** As the library has it. */
interface Named {
  readonly clientId: string;
  readonly clientName?: string | undefined;
  /** Set for those that go by the URL of a document. */
  readonly clientIdMetadataDocument?: boolean;
}

/** Whether it goes by the URL of a document: nobody here has looked at it. */
export function isStranger(client: object): boolean {
  return (client as Named).clientIdMetadataDocument === true;
}

export function clientNameOf(client: object): ClientName {
  const { clientId, clientName } = client as Named;
  const name = plain(clientName ?? '');
  if (!isStranger(client)) return { name: name === '' ? clientId : name };
  return { name: new URL(clientId).host, ...(name !== '' && { claim: name }) };
}

function plain(name: string): string {
  return name
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .slice(0, longestName)
    .trim();
}
