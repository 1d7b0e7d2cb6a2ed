/** The example with Nest, on Express, in two versions: Nest 12 and its @nestjs/passport are ES modules only. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

const examples = resolve(__dirname, '..', '..', 'example');

const filesOf = (name: string) =>
  ['src', 'test'].flatMap((part) =>
    readdirSync(join(examples, name, part)).map((file) => [
      `${part}/${file}`,
      readFileSync(join(examples, name, part, file), 'utf8'),
    ]),
  );

it('the files are the same in both', () => {
  expect(filesOf('nest12')).toEqual(filesOf('nest11'));
});

describe.each(['nest11', 'nest12'])('the example %s', (name) => {
  const folder = join(examples, name);

  beforeAll(() => {
    const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'inherit' });
  }, 120_000);

  const program = `example/${name}/dist/src/main.js`;
  logsVisitorsIn({ program });

  describe('its URL', () => isKnownByItsURL(program));

  it('has a test of its own, which passes', () => {
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const args = ['--test', '--test-reporter=tap', 'dist/test/login.e2e.js'];
    expect(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env })).toMatch(
      /^# pass 1$/m,
    );
  });
});
