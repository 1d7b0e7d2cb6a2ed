/** A real Apache, whose mod_auth_openidc lets nobody in but by way of the issuer. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { anIssuer, logInAt } from '../issuer/stage';
import { freePort } from '../support/free-port';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { authority, certificate, folder, started } from './running';

const modules = '/usr/lib/apache2/modules';
const isInstalled = existsSync('/usr/sbin/apache2') && existsSync(`${modules}/mod_auth_openidc.so`);
if (!isInstalled && process.env.CI) throw new Error('Apache is missing: see .ci/install-apache');

const client = {
  client_id: 'apache',
  client_secret: 'the secret between Apache and the issuer',
  client_name: 'An old web server',
};

async function startApache(issuerURL: string, port: number): Promise<void> {
  const documents = join(folder, 'documents');
  mkdirSync(documents, { recursive: true, mode: 0o755 });
  writeFileSync(join(documents, 'index.html'), 'the secret page', { mode: 0o644 });
  const load = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'headers', 'auth_openidc'];
  const configuration = join(folder, 'apache.conf');
  writeFileSync(
    configuration,
    `
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
Mutex sem
ErrorLog ${folder}/error.log
ServerName localhost
Listen 127.0.0.1:${port}
${load.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
DocumentRoot ${documents}
DirectoryIndex index.html
OIDCProviderMetadataURL ${issuerURL}/.well-known/openid-configuration
OIDCClientID ${client.client_id}
OIDCClientSecret "${client.client_secret}"
OIDCRedirectURI http://localhost:${port}/redirect
OIDCCryptoPassphrase a-passphrase-of-apache
OIDCScope "openid profile"
OIDCPKCEMethod S256
OIDCCABundlePath ${authority}
<Location />
  AuthType openid-connect
  Require valid-user
  Header always set X-Remote-User "expr=%{REMOTE_USER}"
</Location>
`,
  );
  started('/usr/sbin/apache2', ['-f', configuration, '-DFOREGROUND']);
  const visitor = new Visitor();
  for (let i = 0; i < 200; i += 1) {
    if (await visitor.get(`http://localhost:${port}/`).then(Boolean, () => false)) return;
    await pause(25);
  }
  throw new Error('Apache does not listen');
}

(isInstalled ? it : it.skip)('Apache lets somebody in, and knows who it is', async () => {
  const instance = await anInstance();
  const port = await freePort();
  const redirectURI = `http://localhost:${port}/redirect`;
  const { issuerURL } = await anIssuer([instance], {
    tls: certificate,
    clients: [{ ...client, redirect_uris: [redirectURI] }],
  });
  await startApache(issuerURL, port);
  const visitor = new Visitor();
  const asked = await visitor.get(`http://localhost:${port}/`);
  expect(asked.location).toContain(`${issuerURL}/authorize`);
  const back = await logInAt(
    visitor,
    await visitor.follow(await visitor.get(asked.location ?? '')),
    instance,
  );
  expect(String(back.location)).toContain(redirectURI);
  const page = await visitor.follow(await visitor.get(back.location ?? ''));
  expect(page.text).toBe('the secret page');
  const sub = `${instance.origin}#${String(instance.account('alice').id)}`;
  expect(page.headers['x-remote-user']).toBe(`${sub}@${new URL(issuerURL).host}`);
});
