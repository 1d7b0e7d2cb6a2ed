/** The cost of idle and of talking clients at the bridge, beside a plain server of the ws package, with pings. */

import { setTimeout as pause } from 'node:timers/promises';
import { compared, inTurns } from '../numbers.mjs';

const idleCount = 10_000;
const clientProcesses = 2;
const talkers = 48;
const messagesOfEach = 50;
/** Rounds before the measurement. After these, the figures do not fall any further. */
const warmUps = 6;

export async function bridge({ begin }, rounds, roundsOfTalk) {
  const idle = await inTurns(rounds, { ours: idling(begin, 'bridge'), bare: idling(begin, 'bare') }, 0);
  const [ours, bare] = [await talking(begin, 'bridge'), await talking(begin, 'bare')];
  const talk = await inTurns(roundsOfTalk, { ours: ours.turn, bare: bare.turn }, warmUps);
  await Promise.all([ours.stop(), bare.stop()]);
  const row = (figures, name, what, unit) => ({
    ...{ what, unit, peer: 'bare ws' },
    ...compared(figures.ours[name], figures.bare[name]),
  });
  const idlers = `Bridge, ${idleCount.toLocaleString('en')} idle clients`;
  return [
    row(idle, 'live', `${idlers}: live memory of each`, 'bytes'),
    row(idle, 'resident', `${idlers}: resident memory of each`, 'bytes'),
    row(talk, 'messages', 'Bridge, messages that name no host, answered', 'per s'),
    row(talk, 'cpu', 'Bridge, processor time of such a message', 'µs'),
  ];
}

function idling(begin, contender) {
  return async () => {
    const server = await begin('./bridge-server.mjs', { contender });
    const port = await server.ask('port');
    const before = await server.ask('memory');
    const clients = await Promise.all(
      Array.from({ length: clientProcesses }, () => begin('./bridge-clients.mjs')),
    );
    const count = Math.ceil(idleCount / clientProcesses);
    await Promise.all(clients.map(({ ask }) => ask('connect', { port, count })));
    // By then new sockets have settled.
    await pause(3000);
    const after = await server.ask('memory');
    await end(server, ...clients);
    const each = (name) => (after[name] - before[name]) / idleCount;
    return { live: each('live'), resident: each('resident') };
  };
}

/**
 * Clients that wait for a slower server sleep, and waking them is the server's work: the slower server pays for
 * that, too.
 */
async function talking(begin, contender) {
  const server = await begin('./bridge-server.mjs', { contender });
  const clients = await begin('./bridge-clients.mjs');
  await clients.ask('connect', { port: await server.ask('port'), count: talkers });
  const text = JSON.stringify({ type: 'auth', parameters: { host: 'unknown' } });
  const count = talkers * messagesOfEach;
  const turn = async () => {
    const before = await server.ask('cpu');
    const took = await clients.ask('talk', { text, answer: 'invalid-host', each: messagesOfEach });
    const cpu = (await server.ask('cpu')) - before;
    return { messages: (count / took) * 1000, cpu: (cpu / count) * 1000 };
  };
  return { turn, stop: () => end(server, clients) };
}

/** Clients end when their server does. */
async function end(server, ...clients) {
  await server.stop();
  await Promise.all(clients.map((client) => client.stop().catch(() => undefined)));
}
