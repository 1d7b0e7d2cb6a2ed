#!/usr/bin/env node
/** The command `passport-mastodon-oauth2`: reads its arguments and runs what they name. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Command } from './service.js';
import { StartError } from './start-error.js';

const { version } = require('../../package.json') as { version: string };

/** The package that a command needs beside those of configuration and store, and how it is loaded with it. */
const commands: Readonly<Record<string, { package: string; load(): Promise<Command> }>> = {
  authenticator: {
    package: 'ws',
    load: async () => (await import('./authenticator.js')).authenticator,
  },
  issuer: {
    package: 'oidc-provider',
    load: async () => (await import('./issuer.js')).issuer,
  },
};

const help = `Usage: passport-mastodon-oauth2 authenticator|issuer --config FILE

authenticator
Lets programs that are not web sites log people in with Mastodon: they open a WebSocket to this service, name
an instance, show their user the address of a page, and receive an access token once the user has agreed.

issuer
An OpenID provider whose visitors log in at any Mastodon server: for every system that takes an issuer, such
as Keycloak, Auth0 or Discourse, and for devices without a browser.

Options:
  -c, --config FILE  configuration in YAML (default: config.yml)
      --print-config print an example of a configuration, with all keys
      --check        only say whether the configuration is right
      --rotate-keys  issuer: add a signing key, which all processes begin to use in five minutes
      --end-logins SUB
                     issuer: log a person out everywhere; SUB is the claim sub: https://mastodon.social#7112
  -h, --help         show this text
  -v, --version      show the version

The least that a configuration says:

  app_name: My game              # what people see when they are asked to agree
  app_host: auth.example.com     # where they reach this service, through a proxy with TLS
  app_scheme: https

These packages have to be installed too: yaml; lmdb, or @redis/client; ws for authenticator,
oidc-provider for issuer. The command says so where one is missing.

SIGTERM and SIGINT stop the service: open clients are told, and a second signal ends it at once. It writes its
log to standard output, one line of JSON for each event. Exit status: 0 when it was stopped, 1 when it could not
start or go on, 2 when the arguments or the configuration are wrong.
`;

const seeHelp = '\nTry: passport-mastodon-oauth2 --help';

async function main(args: readonly string[]): Promise<void> {
  const { values: options, positionals } = readArguments(args);
  if (options.help) return say(help);
  if (options.version) return say(`${version}\n`);
  const [name, ...others] = positionals;
  if (name === undefined)
    throw new StartError(`Which command? There are authenticator and issuer.${seeHelp}`);
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!known) throw new StartError(`${name} is not a command.${seeHelp}`);
  if (others.length > 0) throw new StartError(`${others.join(' ')}: one argument too many.${seeHelp}`);
  const { 'rotate-keys': rotates, 'end-logins': subject } = options;
  if (rotates && subject !== undefined) {
    throw new StartError(`--rotate-keys and --end-logins are one command each.${seeHelp}`);
  }
  const wanted = rotates ? 'rotate-keys' : subject === undefined ? undefined : 'end-logins';
  if (wanted !== undefined && name !== 'issuer') {
    throw new StartError(`--${wanted} is not an option of ${name}.${seeHelp}`);
  }
  if (options['print-config']) return say(exampleOf(name));

  requirePackages(name, [known.package, 'yaml']);
  const command = await known.load();
  const { loadConfig } = await import('./config.js');
  const config = loadConfig(options.config, command);
  requirePackages(name, config.redisURL === undefined ? ['lmdb'] : ['@redis/client']);
  const { checkConfig, runService, runTask } = await import('./service.js');
  if (options.check) {
    await checkConfig(command, config);
    return say(`${options.config} is right.\n`);
  }
  if (wanted !== undefined) return say(`${await runTask(command, config, wanted, subject ?? '')}\n`);
  await runService(command, config, version);
}

function readArguments(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config.yml' },
        'print-config': flag,
        check: flag,
        'rotate-keys': flag,
        'end-logins': { type: 'string' },
        help: { ...flag, short: 'h' },
        version: { ...flag, short: 'v' },
      },
    });
  } catch (error) {
    throw new StartError(`${(error as Error).message}${seeHelp}`);
  }
}

function exampleOf(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'example', `${name}.yml`), 'utf8');
}

/** They are optional parts of the package: a site that only uses the strategy does not install them. */
function requirePackages(name: string, packages: readonly string[]): void {
  const missing = packages.filter((one) => {
    try {
      require.resolve(one);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  const install = `npm install passport-mastodon-oauth2 ${missing.join(' ')}`;
  throw new StartError(`The ${name} service also needs what is not installed here. Install it: ${install}`);
}

function say(text: string): void {
  process.stdout.write(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isStartError = error instanceof StartError;
  const text = `${isStartError ? error.message : String((error as Error).stack)}\n`;
  // An open connection to Redis would keep the process running, and a supervisor would not start it again.
  process.stderr.write(text, () => process.exit(isStartError ? error.status : 1));
});
