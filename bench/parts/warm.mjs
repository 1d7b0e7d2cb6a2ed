/** Logins at a known instance through Express and sessions, beside passport-oauth2 with state and PKCE. */

import { compared, inTurns } from '../numbers.mjs';

const count = 800;
const atOnce = 12;
/** Rounds before the measurement. After these, the figures do not fall any further. */
const warmUps = 5;

export async function warmLogins({ load, site }, rounds) {
  const [ours, plain] = [await site('ours'), await site('plain')];
  const contenders = { ours: turn(load, ours), plain: turn(load, plain) };
  const figures = await inTurns(rounds, contenders, warmUps);
  await Promise.all([ours.stop(), plain.stop()]);
  return [
    ['starts', 'Warm starts', 'per s'],
    ['logins', 'Whole logins', 'per s'],
    ['startCPU', 'Processor time of a start', 'µs'],
    ['callbackCPU', 'Processor time of a callback', 'µs'],
  ].map(([name, what, unit]) => ({
    what,
    unit,
    peer: 'passport-oauth2',
    ...compared(figures.ours[name], figures.plain[name]),
  }));
}

function turn(load, { ask, port, paths }) {
  return async () => {
    const before = await ask('cpu');
    const begun = await load.ask('beginAll', { port, paths, count, atOnce });
    const between = await ask('cpu');
    await load.ask('finishAll', { port, atOnce });
    const after = await ask('cpu');
    const whole = await load.ask('logins', { port, paths, count, atOnce });
    return {
      starts: (count / begun) * 1000,
      logins: (count / whole) * 1000,
      startCPU: ((between - before) / count) * 1000,
      callbackCPU: ((after - between) / count) * 1000,
    };
  };
}
