/** What is remembered of a failure: in this process after several in a row, and in the store for an hour at most. */

import { Failures } from '../../lib/discovery/failures.js';
import { MastodonError, type MastodonErrorCode } from '../../lib/errors.js';
import { Store, storeKey } from '../../lib/store.js';
import { codeThrownBy } from '../support/records.js';

const cooldownMs = 30_000;
const hour = 60 * 60_000;
const host = 'a.example';

let now: jest.SpyInstance<number, []>;
const begun = Date.now();
beforeEach(() => (now = jest.spyOn(Date, 'now').mockReturnValue(begun)));
afterEach(() => now.mockRestore());

const store = () => new Store(undefined, 1000);

function failing(times: number, error: unknown = new MastodonError('timeout', { instance: host })): Failures {
  const failures = new Failures(store(), cooldownMs);
  for (let time = 0; time < times; time++) failures.failed(host, error);
  return failures;
}

const refusal = (failures: Failures, what: string) => codeThrownBy(() => failures.assertNone(what));

it('the third failure in a row stops requests, until the cooldown is over', () => {
  expect(refusal(failing(2), host)).toBeUndefined();
  const failures = failing(3);
  expect(refusal(failures, host)).toBe('timeout');
  expect(refusal(failures, 'b.example')).toBeUndefined();
  now.mockReturnValue(begun + cooldownMs - 1);
  expect(refusal(failures, host)).toBe('timeout');
  now.mockReturnValue(begun + cooldownMs + 1);
  expect(refusal(failures, host)).toBeUndefined();
});

it('a success ends the row', () => {
  const failures = failing(2);
  failures.succeeded(host);
  failures.failed(host, new MastodonError('timeout'));
  expect(refusal(failures, host)).toBeUndefined();
});

it('each caller gets its own error, with the details of the last one', () => {
  const failures = failing(2);
  const reason = 'certificate';
  failures.failed(host, new MastodonError('instance_unreachable', { instance: host, reason, cause: 'why' }));
  const thrown = [0, 1].map(() => {
    try {
      return failures.assertNone(host);
    } catch (error) {
      return error;
    }
  });
  const details = {
    code: 'instance_unreachable',
    instance: host,
    reason,
    cause: { message: 'remembered: why' },
  };
  expect(thrown).toMatchObject([details, details]);
  expect(thrown[0]).not.toBe(thrown[1]);
});

it.each<[string, unknown]>([
  ['of allowInstance', new MastodonError('instance_not_allowed')],
  ['of a limit', new MastodonError('login_busy')],
  ['of the store', new MastodonError('store_failed')],
  ['of the site', new Error('broken')],
])('a failure %s is not remembered', (_what, error) => {
  expect(refusal(failing(9, error), host)).toBeUndefined();
});

describe('a verdict', () => {
  it.each<[forMs: number, endsMs: number]>([
    [60_000, 60_000],
    [24 * hour, hour],
  ])('of %i ms is read by all processes, and ends after %i ms', async (forMs, endsMs) => {
    const shared = store();
    const [one, other] = [new Failures(shared, cooldownMs), new Failures(shared, cooldownMs)];
    await one.remember('registration_throttled', host, forMs);
    await expect(other.assertNoVerdict(host)).rejects.toMatchObject({
      code: 'registration_throttled',
      instance: host,
    });
    await other.assertNoVerdict('b.example');
    now.mockReturnValue(begun + endsMs - 1);
    expect(await other.verdict(host)).toBe('registration_throttled');
    now.mockReturnValue(begun + endsMs + 1);
    await other.assertNoVerdict(host);
  });

  it.each<[string, object, MastodonErrorCode | undefined]>([
    ['with a moment left', { code: 'instance_insecure', until: begun + 1 }, 'instance_insecure'],
    [
      'that has ended, in a store that expires nothing',
      { code: 'instance_insecure', until: begun },
      undefined,
    ],
    [
      'of a clock that is half an hour ahead',
      { code: 'instance_insecure', until: begun + 1.5 * hour },
      'instance_insecure',
    ],
    ['of a clock that is further ahead', { code: 'instance_insecure', until: begun + 2 * hour }, undefined],
    ['without an end', { code: 'instance_insecure' }, undefined],
    ['with another code', { code: 'timeout', until: begun + 60_000 }, undefined],
    ['of another program', { code: {}, until: {} }, undefined],
  ])('%s', async (_what, record, code) => {
    const shared = store();
    await shared.cache(storeKey('verdict', host), record, 3 * hour);
    expect(await new Failures(shared, cooldownMs).verdict(host)).toBe(code);
  });
});
