/** Changes to the answers of an instance, by the network or by a proxy in front of it. */

import type { Outgoing } from '../../lib/testing/server.js';

/** Returns the changed answer; `undefined` closes the connection. */
export type Disturbance = (answer: Outgoing) => Outgoing | undefined;

const html = { 'Content-Type': 'text/html' };
export const inFront =
  (status: number, body: string, headers: Record<string, string> = html): Disturbance =>
  () => ({ status, body, headers });

export const disturbances: Readonly<Record<string, Disturbance>> = {
  'cut off': () => undefined,
  'half of it': (answer) => ({
    ...answer,
    body: (answer.body ?? '').slice(0, (answer.body ?? '').length / 2),
  }),
  'sent twice': (answer) => ({ ...answer, body: `${answer.body}${answer.body}` }),
  empty: (answer) => ({ ...answer, body: '' }),
  'called HTML': (answer) => ({ ...answer, type: 'text/html', headers: { ...answer.headers, ...html } }),
  'a challenge page': inFront(403, '<title>Just a moment...</title>', {
    ...html,
    'cf-mitigated': 'challenge',
  }),
  'a parked domain': inFront(200, '<title>This domain is for sale</title>'),
  'a gateway error': inFront(502, '<h1>502 Bad Gateway</h1>'),
  'too many requests': inFront(429, '', { 'Retry-After': '1' }),
  'a login page': inFront(302, '', { Location: '/login' }),
  'a redirect to itself': () => ({ status: 301, headers: { Location: '?' } }),
  'no content': () => ({ status: 204 }),
};
