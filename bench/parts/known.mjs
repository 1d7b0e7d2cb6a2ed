/** Whether a start at a known instance costs the same when many are known, and what memory holds. */

import { compared, inTurns, spread } from '../numbers.mjs';
import { manyHosts, startsAt } from '../site-of.mjs';

const [few, many] = [10, 30_000];
const count = 200;
const atOnce = 12;
const warmUps = 16;

export async function knownInstances({ load, site, httpPort }, rounds) {
  const known = { count: many, port: httpPort };
  const [small, large] = [
    await site('ours', { scheme: 'http', known }),
    await site('ours', { scheme: 'http', known }),
  ];
  const hosts = manyHosts(many, httpPort);
  const startsOf = ({ port }, some) =>
    load.ask('starts', { port, paths: startsAt(some), count: many, atOnce: 48 });
  await startsOf(small, hosts.slice(0, few));
  const before = await large.ask('memory');
  await startsOf(large, hosts);
  const perInstance = ((await large.ask('memory')).live - before.live) / many;
  // The first start after a registration reads what was written then; what is asked is what all the others cost. Both sites
  // have had as many logins, so that they differ in what they know alone.
  await startsOf(large, hosts);
  await startsOf(small, hosts.slice(0, few));
  for (const one of [small, large]) await one.ask('forgetSessions');
  const contenders = { small: turn(load, small, hosts.slice(0, few)), large: turn(load, large, hosts) };
  const figures = await inTurns(rounds, contenders, warmUps);
  await Promise.all([small.stop(), large.stop()]);
  const fresh = await site('ours', { scheme: 'http', known });
  const login = await bytesOfALogin(load, fresh, hosts.slice(0, few));
  await fresh.stop();
  return [
    {
      what: 'Processor time of a start, 30,000 instances known beside 10',
      unit: 'µs',
      peer: '10 known',
      ...compared(figures.large.cpu, figures.small.cpu),
    },
    {
      what: 'Memory of a known instance, with a begun login and its session',
      unit: 'bytes',
      ours: spread([perInstance]),
    },
    { what: 'Memory of a begun login in the default store', unit: 'bytes', ours: spread([login]) },
  ];
}

/** Each turn at other ones of the hosts. */
function turn(load, { ask, port }, hosts) {
  let next = 0;
  return async () => {
    const paths = startsAt(Array.from({ length: count }, () => hosts[(next += 7919) % hosts.length]));
    const before = await ask('cpu');
    await load.ask('starts', { port, paths, count, atOnce });
    return { cpu: (((await ask('cpu')) - before) / count) * 1000 };
  };
}

/** Without what sessions take: those of the logins are forgotten before memory is measured. */
async function bytesOfALogin(load, { ask, port }, hosts) {
  const logins = 5000;
  await load.ask('starts', { port, paths: startsAt(hosts), count: few * atOnce, atOnce });
  await ask('forgetSessions');
  const before = await ask('memory');
  await load.ask('starts', { port, paths: startsAt(hosts), count: logins, atOnce });
  await ask('forgetSessions');
  return ((await ask('memory')).live - before.live) / logins;
}
