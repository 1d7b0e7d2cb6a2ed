/** The example with Nest, on Express, in two versions: Nest 12 and its @nestjs/passport are ES modules only. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { logsVisitorsIn } from './contract.js';
import { isKnownByItsURL } from './url-client.js';

const examples = resolve(__dirname, '..', '..', 'example');

it('the program is the same in both', () => {
  const [eleven, twelve] = ['nest11', 'nest12'].map((name) =>
    readFileSync(join(examples, name, 'main.ts'), 'utf8'),
  );
  expect(twelve).toBe(eleven);
});

describe.each(['nest11', 'nest12'])('the example %s', (name) => {
  beforeAll(() => {
    const folder = join(examples, name);
    const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'inherit' });
  }, 120_000);

  const program = `example/${name}/dist/main.js`;
  logsVisitorsIn({ program });

  describe('its URL', () => isKnownByItsURL(program));
});
