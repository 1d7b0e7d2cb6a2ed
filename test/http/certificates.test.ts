/**
 * Servers with an invalid certificate: the message says that their operator must fix it, and the cause names the
 * defect.
 */

import { MastodonLogin } from '../../lib/login/login.js';
import { selfSigned, type Certificate } from '../support/certificate.js';
import { aRawServer } from '../support/hostile.js';
import { startAuthority, type Authority } from '../support/tls.js';

let authority: Authority;
beforeAll(() => void (authority = startAuthority()));
afterAll(() => authority.close());

async function failureAt(tls: Certificate) {
  const server = await aRawServer(() => undefined, { tls });
  const login = new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances: [`https://localhost:${server.port}`],
    outbound: { ca: authority.ca },
  });
  return { host: `localhost:${server.port}`, failure: login.find(`localhost:${server.port}`) };
}

it.each<[string, () => Certificate, string, RegExp]>([
  ['has expired', () => authority.issue(['localhost'], -1), 'CERT_HAS_EXPIRED', /has expired/],
  [
    'is for another host',
    () => authority.issue(['secret.example']),
    'ERR_TLS_CERT_ALTNAME_INVALID',
    /another host/,
  ],
  [
    'comes without its intermediate',
    () => authority.issueWithoutIntermediate(['localhost']),
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    /without its intermediate/,
  ],
  ['is signed by itself', () => selfSigned(), 'DEPTH_ZERO_SELF_SIGNED_CERT', /signed by itself/],
])('a certificate that %s', async (_what, make, code, defect) => {
  const { host, failure } = await failureAt(make());
  await expect(failure).rejects.toMatchObject({
    code: 'instance_unreachable',
    reason: 'certificate',
    message: `The certificate of ${host} is not valid, so we cannot connect to it safely. The operator of that server must fix it.`,
    cause: { code, message: expect.stringMatching(defect) as unknown },
  });
  // No text that the server wrote into its certificate.
  const error = (await failure.catch((thrown: unknown) => thrown)) as { cause: Error };
  expect(error.cause.message).not.toContain('secret.example');
});

it('a connection that fails in another way is reported as before', async () => {
  const server = await aRawServer((socket) => socket.destroy());
  const login = new MastodonLogin({
    clientName: 'A site',
    callbackURL: 'https://site.example/callback',
    developmentInstances: [`https://localhost:${server.port}`],
  });
  const failure = login.find(`localhost:${server.port}`);
  await expect(failure).rejects.toMatchObject({ code: 'instance_unreachable', reason: undefined });
});
