/** The clock of a process was ahead, and was corrected: the times that it recorded do not count until then. */

import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import type { KeyValueStore } from '../../lib/options.js';
import { anInstance, aSplitPair, ExpiringStore, JSONStore, leastOptions } from '../support/stage.js';
import { until } from '../support/hostile.js';
import { codeOf } from '../support/network.js';

const minute = 60_000;
const year = 365 * 24 * 60 * minute;

const clock = Date.now.bind(Date);
const setClock = (aheadMs: number) =>
  void jest.spyOn(Date, 'now').mockImplementation(() => clock() + aheadMs);
afterEach(() => void jest.restoreAllMocks());

/** Begins a login at one of these servers. @returns the code of its failure */
function beginnerAt(servers: readonly { origin: string }[], typed: string, store?: KeyValueStore) {
  const developmentInstances = servers.map(({ origin }) => origin);
  const login = new MastodonLogin({ ...leastOptions, store, developmentInstances });
  return () => codeOf(login.begin(typed, randomToken()));
}

it.each<[string, number, KeyValueStore | undefined]>([
  ['by a clock that was ahead, with the default store', year, undefined],
  [
    'by a clock that was ahead, with a store that computes the end of a record as it is written',
    year,
    new ExpiringStore(),
  ],
  ['after that time, with a store that expires nothing', 0, new JSONStore()],
])('an instance that limited registrations receives them again %s', async (_what, aheadMs, store) => {
  const instance = await anInstance();
  const begin = beginnerAt([instance], instance.host, store);
  setClock(aheadMs);
  const stop = instance.answerWith('POST /api/v1/apps', 429, {});
  expect(await begin()).toBe('registration_throttled');
  stop();
  expect(await begin()).toBe('registration_throttled');
  setClock(11 * minute);
  expect(await begin()).toBeUndefined();
});

it('a host that failed receives requests again', async () => {
  const instance = await anInstance();
  const begin = beginnerAt([instance], instance.host);
  setClock(year);
  const stop = instance.answerWith(/^GET /, 503, {});
  for (let n = 0; n < 3; n++) expect(await begin()).toBe('instance_unreachable');
  stop();
  setClock(0);
  expect(await begin()).toBe('instance_unreachable');
  setClock(5 * minute);
  expect(await begin()).toBeUndefined();
});

it('a domain still receives a request for its server', async () => {
  const { accountDomain: domain, webHost: instance } = await aSplitPair();
  const begin = beginnerAt([domain, instance], `@alice@${domain.host}`);
  setClock(year);
  expect(await begin()).toBeUndefined();
  setClock(0);
  expect(await begin()).toBeUndefined();
  const asked = domain.requests.length;
  setClock(5 * minute);
  expect(await begin()).toBeUndefined();
  await until(() => domain.requests.length > asked);
});
