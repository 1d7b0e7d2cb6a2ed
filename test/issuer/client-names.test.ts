/** How the pages name a client: as the operator registered it, or by the host of its metadata document. */

import { clientNameOf } from '../../lib/issuer/client-names';

const clientId = 'https://app.example/client.json';
const clientIdMetadataDocument = true;

it.each<[string, object, object]>([
  ['by its name', { clientId: 'shop', clientName: 'The Shop' }, { name: 'The Shop' }],
  ['by its ID if it has no name', { clientId: 'shop' }, { name: 'shop' }],
  ['by its ID if its name is empty', { clientId: 'shop', clientName: '' }, { name: 'shop' }],
  [
    'by its ID if nothing of its name can be shown',
    { clientId: 'shop', clientName: '\u202e ' },
    { name: 'shop' },
  ],
  ['in at most 80 characters', { clientId: 'shop', clientName: 'x'.repeat(99) }, { name: 'x'.repeat(80) }],
  [
    'without characters that change the direction of the text around them',
    { clientId: 'shop', clientName: ' \u200fThe\u202e \u2066Shop\u0007 ' },
    { name: 'The Shop' },
  ],
  ['by the host of its document', { clientId, clientIdMetadataDocument }, { name: 'app.example' }],
  [
    'by the host of its document alone if nothing of the name that it claims can be shown',
    { clientId, clientIdMetadataDocument, clientName: '\u202e' },
    { name: 'app.example' },
  ],
  [
    'by the host of its document, with the name that it claims',
    { clientId, clientIdMetadataDocument, clientName: ' Your\u202eBank ' },
    { name: 'app.example', claim: 'YourBank' },
  ],
])('a client is named %s', (_how, client, name) => {
  expect(clientNameOf(client)).toEqual(name);
});
