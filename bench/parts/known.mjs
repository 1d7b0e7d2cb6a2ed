/** Whether a start at a known instance costs the same when many are known, and what memory holds. */

import { compared, inTurns, spread } from '../numbers.mjs';
import { manyHosts, startsAt } from '../site-of.mjs';

const [few, many] = [10, 30_000];
const count = 400;
const atOnce = 12;
/** After which the figures fall no further: one of the two has had many more logins before. */
const warmUps = 8;

export async function knownInstances({ load, site, httpPort }, rounds) {
  const known = { count: many, port: httpPort };
  const [small, large] = [
    await site('ours', { scheme: 'http', known }),
    await site('ours', { scheme: 'http', known }),
  ];
  const hosts = manyHosts(many, httpPort);
  await load.ask('starts', { port: small.port, paths: startsAt(hosts.slice(0, few)), count: few, atOnce });
  const before = await large.ask('memory');
  await load.ask('starts', { port: large.port, paths: startsAt(hosts), count: many, atOnce: 48 });
  const perInstance = ((await large.ask('memory')).live - before.live) / many;
  const contenders = { small: turn(load, small, hosts.slice(0, few)), large: turn(load, large, hosts) };
  // The first start after a registration reads what was written then; what is asked is what all the others cost.
  await load.ask('starts', { port: large.port, paths: startsAt(hosts), count: many, atOnce: 48 });
  const figures = await inTurns(rounds, contenders, warmUps);
  const login = await bytesOfALogin(load, small, hosts.slice(0, few));
  await Promise.all([small.stop(), large.stop()]);
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
  await ask('forgetSessions');
  const before = await ask('memory');
  await load.ask('starts', { port, paths: startsAt(hosts), count: logins, atOnce });
  await ask('forgetSessions');
  return ((await ask('memory')).live - before.live) / logins;
}
