#!/usr/bin/env node
/** The command `passport-mastodon-oauth2`: reads its arguments and runs what they name. */

import { parseArgs } from 'node:util';
import { StartError } from './checked-yaml.js';
import { commands } from './commands.js';
import { loadConfig } from './config.js';
import type { Command } from './runnable.js';

const { version } = require('../../package.json') as { version: string };

const names = commands.map(({ name }) => name);

/** The options of tasks, and whose they are. */
const tasks = commands.flatMap((command) =>
  Object.entries(command.tasks ?? {}).map(([name, task]) => ({ command, name, task })),
);

const help = `Usage: passport-mastodon-oauth2 ${names.join('|')} --config FILE
${commands.map(({ name, purpose }) => `\n${name}\n${purpose}\n`).join('')}
Options:
  -c, --config FILE  configuration in YAML (default: config.yml)
      --check        only say whether the configuration is right
${tasks.map(({ name, task }) => `      --${name.padEnd(13)}${task.purpose}\n`).join('')}  -h, --help         show this text
  -v, --version      show the version

The least that a configuration says:

  app_name: My game              # what people see when they are asked to agree
  app_host: auth.example.com     # where they reach this service, through a proxy with TLS
  app_scheme: https

All its keys are in the folder example/ of the repository, in a file for each command: ${names.map((name) => `${name}.yml`).join(', ')}.
Other packages have to be installed beside this one: yaml; lmdb, or @redis/client;
${commands.map(({ name, packages }) => `${packages.join(' and ')} for ${name}`).join(', ')}. The command says so where one is missing.

SIGTERM and SIGINT stop the service: open clients are told, and a second signal ends it at once. It writes its
log to standard output, one line of JSON for each event. Exit status: 0 when it was stopped, 1 when it could not
start or go on, 2 when the arguments or the configuration are wrong.
`;

async function main(args: readonly string[]): Promise<void> {
  const options = readArguments(args);
  if (options.help) return say(help);
  if (options.version) return say(`${version}\n`);
  const command = readCommand(options);
  requirePackages(command, [...command.packages, 'yaml']);
  const config = await loadConfig(options.config, command);
  requirePackages(command, config.redisURL === undefined ? ['lmdb'] : ['@redis/client']);
  if (options.check) {
    await command.check?.(config);
    return say(`${options.config} is right.\n`);
  }
  // Loaded only now, when it is sure that what it needs is there.
  const { runService, runTask } = await import('./service.js');
  const [wanted] = options.tasks;
  const task = wanted === undefined ? undefined : command.tasks?.[wanted];
  if (task) return say(`${await runTask(command, task, config)}\n`);
  await runService(command, config, version);
}

interface Arguments {
  readonly help: boolean;
  readonly version: boolean;
  readonly check: boolean;
  readonly config: string;
  readonly words: readonly string[];
  /** Names of tasks. */
  readonly tasks: readonly string[];
}

const seeHelp = '\nTry: passport-mastodon-oauth2 --help';

function readArguments(args: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config.yml' },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        ...Object.fromEntries(tasks.map(({ name }) => [name, { type: 'boolean' as const, default: false }])),
      },
    });
    const flags: Readonly<Record<string, unknown>> = values;
    const wanted = tasks.map(({ name }) => name).filter((name) => flags[name] === true);
    return { ...values, words: positionals, tasks: wanted };
  } catch (error) {
    throw new StartError(`${(error as Error).message}${seeHelp}`);
  }
}

function readCommand({ words, tasks: [task] }: Arguments): Command {
  const [name, ...others] = words;
  const list = names.length === 1 ? `There is one: ${names.join()}.` : `There are ${names.join(' and ')}.`;
  if (name === undefined) throw new StartError(`Which command? ${list}${seeHelp}`);
  const command = commands.find((known) => known.name === name);
  if (!command) throw new StartError(`${name} is not a command.${seeHelp}`);
  if (others.length > 0) throw new StartError(`${others.join(' ')}: one argument too many.${seeHelp}`);
  if (task !== undefined && !Object.hasOwn(command.tasks ?? {}, task)) {
    throw new StartError(`--${task} is not an option of ${name}.${seeHelp}`);
  }
  return command;
}

/** They are optional parts of the package: who only uses the strategy does not install them. */
function requirePackages(command: Command, packages: readonly string[]): void {
  const missing = packages.filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) {
    throw new StartError(
      `The ${command.name} service also needs what is not installed here. Install it: npm install passport-mastodon-oauth2 ${missing.join(' ')}`,
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
