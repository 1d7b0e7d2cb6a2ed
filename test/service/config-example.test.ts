/** The comments in the example configuration are true. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { authenticator } from '../../lib/service/authenticator.js';
import { readConfig } from '../../lib/service/config.js';
import { checkConfig } from '../../lib/service/service.js';
import { limitDefaults } from '../../lib/bridge/options.js';

const text = readFileSync(join(__dirname, '../../example/authenticator.yml'), 'utf8');
const least = 'app_name: a\napp_host: a.example\n';

it('is a valid configuration, for a try with the demonstration instance', () => {
  expect(readConfig(text, 'config.yml', authenticator)).toMatchObject({
    publicURL: 'http://localhost:8080',
    listen: { host: '127.0.0.1', port: 8080 },
    shared: { developmentInstances: ['http://localhost:4000'] },
    redisURL: undefined,
  });
});

it('is valid with all optional keys, too, and names the defaults', async () => {
  const full = text.replace(/^#((?: +- | *[a-z_]+:).*)$/gm, '$1').replace(/^tls:\n.*\n.*\n/m, '');
  const [config, defaults] = [
    readConfig(full, 'config.yml', authenticator),
    readConfig(least, 'config.yml', authenticator),
  ];
  const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  const limits = Object.entries(limitDefaults).map(([name, value]) => [snake(name), value]);
  expect(config.own).toMatchObject({ path: '/', limits: Object.fromEntries(limits) as unknown });
  expect(config.listen).toEqual(defaults.listen);
  expect(config.trustedProxies).toBe(defaults.trustedProxies);
  expect(Object.entries(config).filter(([, value]) => value === undefined)).toEqual([['tls', undefined]]);
  await checkConfig(authenticator, config);
});
