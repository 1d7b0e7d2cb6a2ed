#!/usr/bin/env node
/** The command `passport-mastodon-oauth2`: reads its arguments and runs the authenticator service. */

import { parseArgs } from 'node:util';
import { StartError } from './checked-yaml.js';
import { loadConfig } from './config.js';

const { version } = require('../../package.json') as { version: string };

const help = `Usage: passport-mastodon-oauth2 authenticator --config FILE

Lets programs that are not web sites log people in with Mastodon: they open a WebSocket to this service, name
an instance, show their user the address of a page, and receive an access token once the user has agreed.

Options:
  -c, --config FILE  configuration in YAML (default: config.yml)
      --check        only say whether the configuration is right
  -h, --help         show this text
  -v, --version      show the version

The least that a configuration says:

  app_name: My game              # what people see when they are asked to agree
  app_host: auth.example.com     # where they reach this service, through a proxy with TLS
  app_scheme: https

All its keys are in example/authenticator.yml of the repository, each with what it is for. The packages ws, yaml and lmdb
have to be installed beside this one: npm install passport-mastodon-oauth2 ws yaml lmdb

SIGTERM and SIGINT stop the service: open clients are told, and a second signal ends it at once. It writes its
log to standard output, one line of JSON for each event. Exit status: 0 when it was stopped, 1 when it could not
start or go on, 2 when the arguments or the configuration are wrong.
`;

async function main(args: readonly string[]): Promise<void> {
  const options = readArguments(args);
  if (options.help) return say(help);
  if (options.version) return say(`${version}\n`);
  requirePackages(['ws', 'yaml']);
  const config = await loadConfig(options.config);
  requirePackages(config.redisURL === undefined ? ['lmdb'] : ['@redis/client']);
  if (options.check) return say(`${options.config} is right.\n`);
  // Loaded only now, when it is sure that what it needs is there.
  const { runService } = await import('./service.js');
  await runService(config, version);
}

interface Arguments {
  readonly help: boolean;
  readonly version: boolean;
  readonly check: boolean;
  readonly config: string;
}

function readArguments(args: readonly string[]): Arguments {
  const seeHelp = '\nTry: passport-mastodon-oauth2 --help';
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config.yml' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
      },
    });
  } catch (error) {
    throw new StartError(`${(error as Error).message}${seeHelp}`);
  }
  const { values, positionals } = parsed;
  const [command, ...others] = positionals;
  if (!values.help && !values.version) {
    if (command === undefined) throw new StartError(`Which command? There is one: authenticator.${seeHelp}`);
    if (command !== 'authenticator') throw new StartError(`${command} is not a command.${seeHelp}`);
    if (others.length > 0) throw new StartError(`${others.join(' ')}: one argument too many.${seeHelp}`);
  }
  return values;
}

/** They are optional parts of the package: who only uses the strategy does not install them. */
function requirePackages(names: readonly string[]): void {
  const missing = names.filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) {
    throw new StartError(
      `The authenticator service also needs what is not installed here. Install it: npm install passport-mastodon-oauth2 ${missing.join(' ')}`,
    );
  }
}

function say(text: string): void {
  process.stdout.write(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isTold = error instanceof StartError;
  process.stderr.write(`${isTold ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = isTold ? error.status : 1;
});
