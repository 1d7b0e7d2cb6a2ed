/** Starts stand-ins: testing instances that simulate a family of servers. */

import { variant, type Habits, type Persona } from './stand-in/persona.js';
import { personas, type PersonaName } from './stand-in/personas.js';
import { listen } from './stand-in/server.js';
import { AccountDomain, type SplitStyle } from './stand-in/split.js';
import { StandIn, type StandInOptions } from './stand-in/stand-in.js';

export type { Habits, Persona } from './stand-in/persona.js';
export type { Handler, Matcher, SeenRequest } from './stand-in/server.js';
export type { Account, StandIn } from './stand-in/stand-in.js';
export { personas, variant, type AccountDomain, type PersonaName, type SplitStyle };

/** Families in which one app serves many logins, and the code decides which account logs in. */
export const soundFamilies = (Object.keys(personas) as PersonaName[]).filter(
  (name) => name !== 'snac' && name !== 'sharkey',
);
/** Those of them that answer with an error of their own to a client that they do not know. */
export const familiesThatKnowClients = soundFamilies.filter(
  (name) => name !== 'takahe' && name !== 'iceshrimp',
);

export interface Overrides extends StandInOptions {
  /** The differences of this one from its family. */
  habits?: Habits;
}

export async function startInstance(
  persona: PersonaName | Persona = 'mastodon45',
  { habits = {}, ...options }: Overrides = {},
): Promise<StandIn> {
  const family = typeof persona === 'string' ? personas[persona] : persona;
  return new StandIn(await listen(options), variant(family, habits), options);
}

/** The domain of the handles (`@alice@<accountDomain.host>`), and the host of the API. */
export async function startSplitPair(
  persona: PersonaName | Persona = 'mastodon45',
  { style = 'redirect' }: { style?: SplitStyle } = {},
) {
  const accountDomain = new AccountDomain(await listen({}), style, {});
  const webHost = await startInstance(persona, { accountDomain: accountDomain.host });
  accountDomain.webHost = webHost;
  return {
    accountDomain,
    webHost,
    close: async () => void (await Promise.all([accountDomain.close(), webHost.close()])),
  };
}
