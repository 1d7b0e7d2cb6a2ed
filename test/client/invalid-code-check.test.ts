/** The invalid-code check: its request, and the answers of an instance that accepts any code. */

import { assertCodeRefused, offerInvalidCode, UncheckedCodesError } from '../../lib/client/verification.js';
import { registerApp } from '../../lib/client/registration.js';
import type { PersonaName, StandIn } from '../support/instance.js';
import { contextOf, httpTo } from '../support/network.js';
import { anInstance, anInstanceRecord, answerOf, codeThrownBy } from '../support/stage.js';

it.each([
  ['a token', answerOf(200, { access_token: 'x' }), true],
  ['a token with another success', answerOf(201, { access_token: 'x' }), true],
  ['a token beside an error', answerOf(200, { access_token: 'x', error: 'no' }), true],
  ['an empty success', answerOf(200, '', 'text/html'), true],
  ['a token as a form', answerOf(200, 'access_token=x', 'application/x-www-form-urlencoded'), true],
  ['a success that says nothing', answerOf(200, {}), true],
  ['an error that is an object', answerOf(200, { error: {} }), true],
  ['an error in a success', answerOf(200, { error: 'invalid_grant' }), false],
  ['400', answerOf(400, { error: 'invalid_grant' }), false],
  ['401', answerOf(401, ''), false],
  ['a redirect', answerOf(302, ''), false],
  ['500', answerOf(500, { access_token: 'x' }), false],
])('an invalid code was accepted, or not: %s', (_what, answer, accepted) => {
  expect(codeThrownBy(() => assertCodeRefused(answer))).toBe(accepted ? 'instance_insecure' : undefined);
});

const app = {
  clientName: 'Example',
  redirectURI: 'https://site.example/callback/social.example',
  scope: 'read:accounts',
  isScopeOfSite: true,
  website: undefined,
};

/** Registers a client, and sends an invalid code twice. */
async function offered(persona: PersonaName, answer?: Parameters<StandIn['answerWith']>) {
  const server = await anInstance(persona);
  const instance = anInstanceRecord({ origin: server.origin });
  const context = contextOf(httpTo([server]));
  const client = await registerApp(context, `${server.origin}/api/v1/apps`, { ...app, host: server.host });
  if (answer) server.answerWith(...answer);
  const offer = () => offerInvalidCode(context, instance, client, app.redirectURI);
  const outcomes = await Promise.allSettled([offer(), offer()]);
  const failures = outcomes.map((one) => (one.status === 'rejected' ? (one.reason as unknown) : undefined));
  return { server, client, failure: failures[0], asked: server.requestsTo('/oauth/token') };
}

it('the invalid code has the form of a real one, and is different each time', async () => {
  const { client, failure, asked } = await offered('mastodon45');
  expect(failure).toBeUndefined();
  const [first, second] = asked.map(({ body }) => body);
  expect(first).toEqual({
    grant_type: 'authorization_code',
    code: expect.stringMatching(/^[\w-]{43}$/) as unknown,
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uri: app.redirectURI,
    code_verifier: expect.stringMatching(/^[\w-]{43}$/) as unknown,
  });
  expect(first?.['code']).not.toBe(second?.['code']);
  expect(first?.['code']).not.toBe(first?.['code_verifier']);
});

it('an instance that gives a token for it is recorded as insecure', async () => {
  const { server, failure } = await offered('snac');
  expect(failure).toMatchObject({ code: 'instance_insecure', instance: server.host });
  const { cause } = failure as Error;
  expect(cause).toBeInstanceOf(UncheckedCodesError);
  expect((cause as Error).message).toMatch(/code/);
});

it.each<[string, number, unknown, Record<string, string>, string | undefined]>([
  ['a success that says nothing', 200, {}, {}, 'instance_insecure'],
  ['nothing', 204, undefined, {}, 'instance_insecure'],
  ['a limit', 429, { error: 'Too many requests' }, {}, 'instance_unreachable'],
  ['a gateway without a server', 502, '', {}, 'instance_unreachable'],
  ['a server under repair', 503, '', {}, 'instance_unreachable'],
  ['a bot check', 503, '<title>Are you human?</title>', {}, 'instance_blocked'],
  ['a firewall', 403, '<title>Forbidden</title>', {}, 'instance_blocked'],
  ['a challenge', 401, {}, { 'cf-mitigated': 'challenge' }, 'instance_blocked'],
  ['a crash, as Takahe does', 500, '<title>Error</title>', {}, undefined],
  ['what it has not implemented', 501, {}, {}, undefined],
  ['a refusal in a success', 200, { error: 'invalid_grant' }, {}, undefined],
])('an answer of %s (%s) is not recorded as a result: %j', async (_what, status, body, headers, code) => {
  const { server, failure } = await offered('mastodon45', ['/oauth/token', status, body, headers]);
  if (code === undefined) return expect(failure).toBeUndefined();
  expect(failure).toMatchObject({ code, instance: server.host });
  expect((failure as Error).cause).not.toBeInstanceOf(UncheckedCodesError);
});
