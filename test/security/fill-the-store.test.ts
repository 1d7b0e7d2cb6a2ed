/** The attacker begins logins, and finishes some, to leave records that never expire. */

import { aSite, anInstance, comeBack, JSONStore, leave, open } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

it.each(['mastodon45', 'pleroma', 'takahe', 'iceshrimp'] as const)(
  'every record of a login at %s has an end, and that of an unused app ends soon',
  async (family) => {
    const store = new JSONStore();
    const ends = new Map<string, number[]>();
    const set = store.set.bind(store);
    store.set = async (key: string, value: unknown, ttl?: number) => {
      const kind = key.split(':')[2] ?? '';
      ends.set(kind, [...(ends.get(kind) ?? []), ttl ?? Infinity]);
      return set(key, value);
    };
    const instance = await anInstance(family);
    const site = await aSite({ instances: [instance], options: { store } });
    const hour = 60 * 60 * 1000;
    await leave(new Visitor(), site, `@alice@${instance.host}`);
    for (const kind of ['client', 'credentials'])
      expect(Math.max(...(ends.get(kind) ?? [Infinity]))).toBeLessThanOrEqual(1.25 * hour);
    const visitor = new Visitor();
    await open(visitor, await comeBack(visitor, site, instance.host));
    for (const [kind, times] of ends) {
      expect([kind, times.every((ms) => ms > 0 && ms <= 91 * 24 * hour)]).toEqual([kind, true]);
    }
  },
);
