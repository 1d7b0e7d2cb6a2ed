/**
 * Whether a start at a known instance costs the same with many known instances, and how much memory the process
 * needs.
 */

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
  // Logins are finished, because a client without a finished login is verified at a start after ten minutes.
  const loginsAt = ({ port }, some, times) =>
    load.ask('logins', { port, paths: startsAt(some), count: some.length * times, atOnce: 48 });
  await loginsAt(small, hosts.slice(0, few), 300);
  const before = await large.ask('memory');
  await loginsAt(large, hosts, 1);
  const perInstance = ((await large.ask('memory')).live - before.live) / many;
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
      what: 'Memory of a known instance, with a finished login and its session',
      unit: 'bytes',
      ours: spread([perInstance]),
    },
    { what: 'Memory of a pending login in the default store', unit: 'bytes', ours: spread([login]) },
  ];
}

/** Other hosts in each round. */
function turn(load, { ask, port }, hosts) {
  let next = 0;
  return async () => {
    const paths = startsAt(Array.from({ length: count }, () => hosts[(next += 7919) % hosts.length]));
    const before = await ask('cpu');
    await load.ask('starts', { port, paths, count, atOnce });
    return { cpu: (((await ask('cpu')) - before) / count) * 1000 };
  };
}

/** Without the sessions, which are deleted before memory is measured. */
async function bytesOfALogin(load, { ask, port }, hosts) {
  const logins = 5000;
  await load.ask('starts', { port, paths: startsAt(hosts), count: few * atOnce, atOnce });
  await ask('forgetSessions');
  const before = await ask('memory');
  await load.ask('starts', { port, paths: startsAt(hosts), count: logins, atOnce });
  await ask('forgetSessions');
  return ((await ask('memory')).live - before.live) / logins;
}
