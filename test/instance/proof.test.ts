/** Which answers to the client's own request mean that the server has forgotten the client. */

import { isUnknownClient } from '../../lib/instance/proof.js';
import { answerOf } from '../support/stage.js';

it.each([
  ['Mastodon, Hollo, Friendica', answerOf(401, { error: 'invalid_client' })],
  ['GoToSocial', answerOf(400, { error: 'sql: no rows in result set' })],
  ['Pleroma and Akkoma', answerOf(400, { error: 'Invalid credentials' })],
  ['snac', answerOf(401, '', 'text/html')],
  ['a scope that is not taken any more', answerOf(400, { error: 'invalid_scope' })],
  ['an error that is an object', answerOf(400, { error: { name: 'ZodError' } })],
])('dead: %s', (_server, answer) => {
  expect(isUnknownClient(answer)).toBe(true);
});

it.each([
  ['a token', answerOf(200, { access_token: 'x' })],
  ['Mitra, which knows no such grant', answerOf(401, { error: 'unsupported grant type' })],
  ['a server without this grant', answerOf(400, { error: 'unsupported_grant_type' })],
  ['a client without this grant', answerOf(400, { error: 'unauthorized_client' })],
  ['Iceshrimp, which speaks of a code', answerOf(401, { error: 'Invalid code' })],
  ['a limit', answerOf(429, '')],
  ['a server that is down', answerOf(503, '<title>Down</title>', 'text/html')],
  ['a crash', answerOf(500, '')],
  ['no such page', answerOf(404, '')],
  ['a question in between', answerOf(401, '<title>Are you human?</title>', 'text/html')],
  ['a page in between', answerOf(403, '<title>Are you human?</title>', 'text/html')],
])('not known to be dead: %s', (_server, answer) => {
  expect(isUnknownClient(answer)).toBe(false);
});
