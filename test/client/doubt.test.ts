/** When a client is trusted, asked after or replaced: one rule, as a table. */

import type { Client } from '../../lib/client/client.js';
import { decide } from '../../lib/client/doubt.js';

const minute = 60_000;
const day = 24 * 60 * minute;
const now = 1_000 * day;

const aClient = (changes: Partial<Client>): Client => ({
  ...{
    clientId: 'id',
    clientSecret: 'secret',
    key: 'key',
    redirectURI: 'https://site.example/cb',
    scope: 'read',
  },
  registeredAt: now - 30 * day,
  provedAt: 0,
  finishedAt: now - 5 * minute,
  ...changes,
});

/** Minutes ago. */
const tries = (...ago: number[]) => ago.map((minutes) => now - minutes * minute);

it.each<[string, Partial<Client>, number[], 'use' | 'ask' | 'replace']>([
  ['a login was finished with it not long ago', {}, [], 'use'],
  ['nobody has logged in for an hour', { finishedAt: now - 60 * minute }, [], 'use'],
  ['nobody has logged in for a day', { finishedAt: now - day }, [], 'use'],
  ['nobody has logged in for more than a day', { finishedAt: now - day - 1 }, [], 'ask'],
  ['it is new', { registeredAt: now - 9 * minute, finishedAt: undefined as never }, [], 'use'],
  [
    'it is new and was never used',
    { registeredAt: now - 11 * minute, finishedAt: undefined as never },
    [],
    'ask',
  ],
  ['this browser did not come back', {}, tries(1), 'ask'],
  ['it did not, but somebody else has since', {}, tries(6), 'use'],
  [
    'it did not, from a login with which the client was registered',
    { registeredAt: now - minute, finishedAt: undefined as never },
    tries(1),
    'ask',
  ],
  ['it did not, from the client before this one', { registeredAt: now - minute }, tries(2), 'use'],
  ['it did not, and the instance was asked in between', { provedAt: now - 0.5 * minute }, tries(1), 'use'],
  ['it did not before it was asked, and once after', { provedAt: now - 0.5 * minute }, tries(0.1, 1), 'use'],
  [
    'it did not, from a login for which it was asked',
    { provedAt: now - 0.5 * minute },
    tries(0.5),
    'replace',
  ],
  ['it did not twice since it was asked', { provedAt: now - 0.9 * minute }, tries(0.1, 0.5, 2), 'replace'],
  [
    'it did not, shortly after somebody else had it asked',
    { provedAt: now - 0.9 * minute },
    tries(0.1),
    'replace',
  ],
  ['the same, and a minute is over', { provedAt: now - minute }, tries(0.1), 'ask'],
  ['its secret expires while the person logs in', { secretExpiresAt: now + 15 * minute - 1 }, [], 'replace'],
  ['its secret expired', { secretExpiresAt: now - day }, [], 'replace'],
  ['its secret lasts for a quarter of an hour', { secretExpiresAt: now + 15 * minute }, [], 'use'],
  ['its secret lasts', { secretExpiresAt: now + day }, [], 'use'],
])('%s', (_what, changes, unfinished, decision) => {
  expect(decide(aClient(changes), { now, unfinished, isMute: false })).toBe(decision);
});

describe('an instance that says nothing about its clients', () => {
  const mute = (changes: Partial<Client>, unfinished: number[]) =>
    decide(aClient(changes), { now, unfinished, isMute: true });

  it('is not asked; the second try gets a client of its own', () => {
    expect(mute({ finishedAt: now - 2 * day }, [])).toBe('use');
    expect(mute({}, tries(1))).toBe('replace');
  });

  it.each([
    [0, 10],
    [1, 20],
    [3, 80],
  ])('after %s in vain, the next one comes %s minutes after the last', (inVain, minutes) => {
    const replaced = (ago: number) => {
      const at = now - ago * minute;
      return { finishedAt: undefined as never, registeredAt: at, provedAt: at, replacedAt: at, inVain };
    };
    expect(mute(replaced(minutes - 1), tries(0.1))).toBe('use');
    expect(mute(replaced(minutes), tries(0.1))).toBe('replace');
  });
});
