/** A site behind a real Apache with ModSecurity and the OWASP core rule set: which callback paths the firewall lets through. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomToken } from '../../lib/login/browser';
import { freePort } from '../support/free-port';
import { aSite } from '../support/stage';
import { Visitor } from '../support/visitor';
import { answers, folder, itUnless, started } from './running';

const modules = '/usr/lib/apache2/modules';
const rules = '/usr/share/modsecurity-crs/owasp-crs.load';
const absent = [`${modules}/mod_security2.so`, rules].find((path) => !existsSync(path));

/** @returns the origin at which the firewall listens */
async function startFirewall(site: string): Promise<string> {
  const port = await freePort();
  const own = join(folder, 'firewall');
  mkdirSync(own, { recursive: true, mode: 0o777 });
  const load = ['mpm_event', 'authz_core', 'unique_id', 'proxy', 'proxy_http'];
  const configuration = join(own, 'apache.conf');
  writeFileSync(
    configuration,
    `
ServerRoot ${own}
DefaultRuntimeDir ${own}
PidFile ${own}/apache.pid
Mutex sem
ErrorLog ${own}/error.log
ServerName localhost
Listen 127.0.0.1:${port}
${load.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
LoadFile libxml2.so.2
LoadModule security2_module ${modules}/mod_security2.so
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
SecRuleEngine On
SecDataDir ${own}
SecDefaultAction "phase:1,log,auditlog,pass"
SecDefaultAction "phase:2,log,auditlog,pass"
IncludeOptional ${rules}
ProxyPass / ${site}/
`,
  );
  started('/usr/sbin/apache2', ['-f', configuration, '-DFOREGROUND']);
  const origin = `http://localhost:${port}`;
  await answers(`${origin}/me`);
  return origin;
}

itUnless(
  absent && `no ${absent}`,
  '.ci/install-apache',
  'an instance below .com reaches a callback with a segment behind its host',
  async () => {
    const site = await aSite();
    const firewall = await startFirewall(site.origin.replace('localhost', '127.0.0.1'));
    const headers = { Accept: 'text/html', 'User-Agent': 'Mozilla/5.0' };
    const open = async (path: string) => {
      const query = `?code=${randomToken()}&state=${randomToken()}`;
      const page = await new Visitor().get(`${firewall}${path}${query}`, headers);
      return /<!DOCTYPE HTML PUBLIC[^]*Forbidden/.test(page.text) ? 'refused by the firewall' : page.status;
    };
    site.app.get('/auth/mastodon/callback/:instance/done', (_req, res) => void res.send('arrived'));
    expect(await open('/auth/mastodon/callback/mastodon.com')).toBe('refused by the firewall');
    expect(await open('/auth/mastodon/callback/mastodon.social')).toBe(403);
    expect(await open('/auth/mastodon/callback/mastodon.com/done')).toBe(200);
  },
);
