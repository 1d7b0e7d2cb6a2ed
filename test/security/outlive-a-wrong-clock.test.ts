/** The clock of a process was ahead, and was corrected: the times that it recorded do not count until then. */

import { MastodonLogin } from '../../lib/login/login.js';
import { randomToken } from '../../lib/login/browser.js';
import type { KeyValueStore } from '../../lib/options.js';
import { anInstance, aSplitPair, ExpiringStore, JSONStore, leastOptions } from '../support/stage.js';
import { until } from '../support/hostile.js';

const minute = 60_000;
const year = 365 * 24 * 60 * minute;

const clock = Date.now.bind(Date);
const setClock = (aheadMs: number) =>
  void jest.spyOn(Date, 'now').mockImplementation(() => clock() + aheadMs);
afterEach(() => void jest.restoreAllMocks());

const stores: [string, () => KeyValueStore | undefined][] = [
  ['the default store', () => undefined],
  ['a store that computes the end of a record as it is written', () => new ExpiringStore()],
];

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'begun',
    (error: { code?: string }) => error.code,
  );

it.each(stores)(
  'an instance that limited registrations receives them again, with %s',
  async (_what, store) => {
    const instance = await anInstance();
    const login = new MastodonLogin({
      ...leastOptions,
      store: store(),
      developmentInstances: [instance.origin],
    });
    const begin = () => codeOf(login.begin(instance.host, randomToken()));
    setClock(year);
    const stop = instance.answerWith('POST /api/v1/apps', 429, {});
    expect(await begin()).toBe('registration_throttled');
    stop();
    setClock(11 * minute);
    expect(await begin()).toBe('begun');
  },
);

it('an instance that limited registrations receives them again after that time, with a store that expires nothing', async () => {
  const instance = await anInstance();
  const login = new MastodonLogin({
    ...leastOptions,
    store: new JSONStore(),
    developmentInstances: [instance.origin],
  });
  const begin = () => codeOf(login.begin(instance.host, randomToken()));
  const stop = instance.answerWith('POST /api/v1/apps', 429, {});
  expect(await begin()).toBe('registration_throttled');
  stop();
  expect(await begin()).toBe('registration_throttled');
  setClock(11 * minute);
  expect(await begin()).toBe('begun');
});

it('a host that failed receives requests again', async () => {
  const instance = await anInstance();
  const login = new MastodonLogin({ ...leastOptions, developmentInstances: [instance.origin] });
  const begin = () => codeOf(login.begin(instance.host, randomToken()));
  setClock(year);
  const stop = instance.answerWith(/^GET /, 503, {});
  for (let n = 0; n < 3; n++) expect(await begin()).toBe('instance_unreachable');
  stop();
  setClock(0);
  expect(await begin()).toBe('instance_unreachable');
  setClock(5 * minute);
  expect(await begin()).toBe('begun');
});

it('a domain still receives a request for its server', async () => {
  const { accountDomain: domain, webHost: instance } = await aSplitPair();
  const login = new MastodonLogin({
    ...leastOptions,
    developmentInstances: [domain.origin, instance.origin],
  });
  const begin = () => codeOf(login.begin(`@alice@${domain.host}`, randomToken()));
  setClock(year);
  expect(await begin()).toBe('begun');
  setClock(0);
  expect(await begin()).toBe('begun');
  const asked = domain.requests.length;
  setClock(5 * minute);
  expect(await begin()).toBe('begun');
  await until(() => domain.requests.length > asked);
});
