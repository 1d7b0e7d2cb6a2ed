/** A real Apache with mod_auth_openidc, configured as in docs/issuer-clients.md. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anIssuer, logInAt } from '../issuer/stage';
import { freePort } from '../support/free-port';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { settingsOf } from './recipe';
import { answers, authority, certificate, folder, itUnless, started } from './running';

const modules = '/usr/lib/apache2/modules';
const absent = ['/usr/sbin/apache2', `${modules}/mod_auth_openidc.so`].find((path) => !existsSync(path));

const client = {
  client_id: 'apache',
  client_secret: '8b1f0c7de2a94635b7c9d0e1f2a3b4c5',
  client_name: 'An old web server',
};

async function startApache(issuerURL: string, port: number): Promise<void> {
  const documents = join(folder, 'documents');
  mkdirSync(documents, { recursive: true, mode: 0o755 });
  writeFileSync(join(documents, 'index.html'), 'the secret page', { mode: 0o644 });
  const settings = settingsOf('test/consumers/apache.consumer.ts', 'OIDCClientID', {
    issuerURL,
    origin: `http://localhost:${port}`,
    secret: client.client_secret,
  });
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
${settings}
OIDCCABundlePath ${authority}
<Location />
  Header always set X-Remote-User "expr=%{REMOTE_USER}"
</Location>
`,
  );
  started('/usr/sbin/apache2', ['-f', configuration, '-DFOREGROUND']);
  await answers(`http://localhost:${port}/`);
}

itUnless(
  absent && `no ${absent}`,
  '.ci/install-apache',
  'Apache asks for a login, and names the user by sub',
  async () => {
    const instances = [await anInstance(), await anInstance()];
    const port = await freePort();
    const redirectURI = `http://localhost:${port}/redirect`;
    const { issuerURL } = await anIssuer(instances, {
      tls: certificate,
      clients: [{ ...client, redirect_uris: [redirectURI] }],
    });
    await startApache(issuerURL, port);
    for (const instance of instances) {
      const visitor = new Visitor();
      const asked = await visitor.get(`http://localhost:${port}/`);
      expect(asked.location).toContain(`${issuerURL}/authorize`);
      const login = await visitor.follow(await visitor.get(asked.location ?? ''));
      const back = await logInAt(visitor, login, instance);
      expect(String(back.location)).toContain(redirectURI);
      const page = await visitor.follow(await visitor.get(back.location ?? ''));
      expect(page.text).toBe('the secret page');
      const sub = `${instance.origin}#${String(instance.account('alice').id)}`;
      expect(page.headers['x-remote-user']).toBe(`${sub}@${new URL(issuerURL).host}`);
    }
  },
);
