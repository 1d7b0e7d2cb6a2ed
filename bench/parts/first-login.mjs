/** The first login at an instance that answers after 100 ms. */

import { spread } from '../numbers.mjs';

const delayMs = 100;

export async function firstLogin({ instance, load, site }) {
  const times = [];
  const roundTrips = [];
  const requests = { before: [], all: [] };
  for (let round = 0; round < 3; round++) {
    const ours = await site('ours', { scheme: 'http' });
    await instance.ask('requests');
    await instance.ask('delay', delayMs);
    const begun = { port: ours.port, paths: ours.paths, count: 1, atOnce: 1 };
    times.push(await load.ask('beginAll', begun));
    const asked = await instance.ask('requests');
    // The invalid-code check runs while the visitor is at the instance.
    const before = asked.filter(({ path }) => path !== '/oauth/token');
    requests.before.push(before.length);
    roundTrips.push(longestRow(before));
    await load.ask('finishAll', { port: ours.port, atOnce: 1 });
    requests.all.push(asked.length + (await instance.ask('requests')).length);
    await instance.ask('delay', 0);
    await ours.stop();
  }
  const first = 'First login ever, instance answers after 100 ms';
  return [
    { what: `${first}: until the redirect`, unit: 'ms', ours: spread(times) },
    {
      what: `${first}: round trips until the redirect`,
      unit: '',
      ours: spread(roundTrips),
    },
    { what: `${first}: requests until the redirect`, unit: '', ours: spread(requests.before) },
    { what: `${first}: requests in all`, unit: '', ours: spread(requests.all) },
  ];
}

/** The number of requests that were sent after the answer to the one before. */
function longestRow(requests) {
  const rows = [];
  for (const { at } of requests) {
    const answered = rows.filter((_length, n) => requests[n].at + delayMs <= at);
    rows.push(1 + Math.max(0, ...answered));
  }
  return Math.max(0, ...rows);
}
