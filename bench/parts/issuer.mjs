/**
 * Logins at the issuer, from the client's link to userinfo, beside a plain oidc-provider, which sends no requests.
 */

import { compared, inTurns, spread } from '../numbers.mjs';

const count = 100;
const atOnce = 24;
/** After so many, the figures fall no further, because there is much code to compile. */
const warmUps = 24;
const client = {
  client_id: 'client',
  client_secret: 'a secret of the benchmark, which is long',
  redirect_uris: ['http://client.localhost:1/callback'],
};

export async function issuerLogins({ begin, instance, httpPort }, rounds) {
  const host = `localhost:${httpPort}`;
  const load = await begin('./issuer-load.mjs', { client, host });
  const server = (contender) => begin('./issuer-server.mjs', { contender, client, origin: `http://${host}` });
  const [ours, bare] = [await server('issuer'), await server('bare')];
  const contenders = { ours: await turn(ours, load, instance), bare: await turn(bare, load, instance) };
  const figures = await inTurns(rounds, contenders, warmUps);
  await Promise.all([ours, bare, load].map((one) => one.stop()));
  const row = (what, unit, of) => ({ what, unit, peer: 'bare oidc-provider, no requests', ...of });
  const { requests } = figures.ours;
  return [
    row('Issuer, whole logins', 'per s', compared(figures.ours.logins, figures.bare.logins)),
    row('Issuer, processor time of a login', 'µs', compared(figures.ours.cpu, figures.bare.cpu)),
    row('Issuer, HTTP requests of a login, those to the instance among them', '', {
      ours: spread(requests),
      theirs: spread(figures.bare.requests),
    }),
  ];
}

async function turn({ ask }, load, instance) {
  const port = await ask('port');
  return async () => {
    await Promise.all([load.ask('requests'), instance.ask('requests')]);
    const before = await ask('cpu');
    const took = await load.ask('logins', { port, count, atOnce });
    const cpu = (await ask('cpu')) - before;
    const requests = (await load.ask('requests')) + (await instance.ask('requests')).length;
    return { logins: (count / took) * 1000, cpu: (cpu / count) * 1000, requests: requests / count };
  };
}
