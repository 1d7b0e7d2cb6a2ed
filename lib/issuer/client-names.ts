/** The name of a client, as the pages of the issuer show it. */

export interface ClientName {
  /** As the operator has set it; for a client with a metadata document the host of the document. */
  readonly name: string;
  /** `client_name` of a metadata document, which is not verified. */
  readonly claim?: string;
}

const longestName = 80;

interface Named {
  readonly clientId: string;
  readonly clientName?: string | undefined;
  /** Set for clients with a metadata document. */
  readonly clientIdMetadataDocument?: boolean;
}

/** Whether the operator has not registered the client: its ID is the URL of its metadata document. */
export function hasMetadataDocument(client: object): boolean {
  return (client as Named).clientIdMetadataDocument === true;
}

export function clientNameOf(client: object): ClientName {
  const { clientId, clientName } = client as Named;
  const name = safeName(clientName ?? '');
  if (!hasMetadataDocument(client)) return { name: name || clientId };
  return { name: new URL(clientId).host, ...(name && { claim: name }) };
}

/** Without characters that change the direction of the text around them. */
function safeName(name: string): string {
  return name
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .slice(0, longestName)
    .trim();
}
