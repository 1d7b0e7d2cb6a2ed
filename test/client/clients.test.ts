/** Where the clients of an instance are kept, while other processes move them. */

import { newClientKey, type Client } from '../../lib/client/client.js';
import { Clients } from '../../lib/client/clients.js';
import { markedRecord } from '../../lib/marked-record.js';
import { Store, storeKey } from '../../lib/store.js';
import { JSONStore } from '../support/json-store.js';

const key = storeKey('client', 'social.example', 'a site');

const client: Client = {
  ...{ key, clientId: 'a client', clientSecret: 'its secret', redirectURI: 'https://site.example/callback' },
  ...{ scope: 'profile', registeredAt: 1, provedAt: 0 },
};

/** Another process finishes the client's first login between two questions of this one. */
class Moving extends JSONStore {
  override async get(asked: string): Promise<unknown> {
    if (asked === newClientKey(key) && (await this.delete(asked)))
      await this.set(key, markedRecord(key, client));
    return super.get(asked);
  }
}

it('a client that has its first login at this moment is found, and not registered anew', async () => {
  const store = new Moving();
  await store.set(newClientKey(key), markedRecord(newClientKey(key), client));
  expect(await new Clients(new Store(store, 5000)).current(key)).toEqual(client);
});

it('a client that nobody has is looked for, and not found', async () => {
  expect(await new Clients(new Store(new Moving(), 5000)).current(key)).toBeUndefined();
});
