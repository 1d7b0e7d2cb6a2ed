/** Every family that the tests know, by name. */

import type { Persona } from './persona.js';
import { friendica } from './personas/friendica.js';
import { gotosocial } from './personas/gotosocial.js';
import { hollo } from './personas/hollo.js';
import { iceshrimp } from './personas/iceshrimp.js';
import { mastodon42, mastodon45 } from './personas/mastodon.js';
import { pixelfed } from './personas/pixelfed.js';
import { akkoma, pleroma } from './personas/pleroma.js';
import { sharkey } from './personas/sharkey.js';
import { snac } from './personas/snac.js';
import { takahe } from './personas/takahe.js';
import { wordpress } from './personas/wordpress.js';

export const personas = {
  mastodon45,
  mastodon42,
  gotosocial,
  hollo,
  pleroma,
  akkoma,
  pixelfed,
  friendica,
  snac,
  sharkey,
  takahe,
  iceshrimp,
  wordpress,
} as const satisfies Record<string, Persona>;

export type PersonaName = keyof typeof personas;
