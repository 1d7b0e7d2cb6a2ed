/** A site in an empty folder with the tarball installed, as far as that is possible without a network. */

import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(__dirname, '..', '..');

/** The site's own packages; the dependencies of this package come from its package.json. */
const siteDependencies = ['express', 'express-session', 'passport', '@types/node'];

/** The packages of a site, by their names there, and their places in the repository. */
type Copies = Readonly<Record<string, string>>;

const typesOfPassport: Copies = {
  '@types/express-session': '@types/express-session',
  '@types/passport': '@types/passport',
};

/** The type packages, which differ between sites. */
export const typesOf = {
  express5: { ...typesOfPassport, '@types/express': '@types/express' },
  express4: { ...typesOfPassport, '@types/express': 'types-express-4' },
  none: {},
} satisfies Record<string, Copies>;

/** The dependencies of Express's types, in any version. */
const beneathExpress = [
  'body-parser',
  'connect',
  'express-serve-static-core',
  'http-errors',
  'mime',
  'qs',
  'range-parser',
  'serve-static',
];

export interface Site {
  readonly folder: string;
  /** Every file of the tarball, by its path in the package. */
  readonly files: string[];
  /** Size of the tarball, in bytes. */
  readonly packedBytes: number;
  /** Runs a script in the site's folder; a deprecation is an error. Returns its output, parsed as JSON. */
  run(script: string, type?: 'commonjs' | 'module'): unknown;
  remove(): void;
}

/**
 * Packs dist/ as it is: the tests' setup has built it, and other tests are using it. Dependencies are linked from
 * the repository, and only those that package.json declares, so that a forgotten one is missed.
 */
export function installTarball(copies: Copies = typesOf.express5, links: readonly string[] = []): Site {
  const folder = mkdtempSync(join(tmpdir(), 'passport-mastodon-oauth2-'));
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    stdio: 'pipe',
  });
  const tarball = join(folder, readdirSync(folder)[0] ?? '');

  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'passport-mastodon-oauth2');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);

  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const hasExpressTypes = '@types/express' in copies;
  const linked = [
    ...Object.keys(manifest.dependencies),
    ...siteDependencies,
    ...links,
    ...(hasExpressTypes ? beneathExpress.map((name) => `@types/${name}`) : []),
  ];
  for (const name of new Set(linked)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }

  for (const [name, source] of Object.entries(copies)) {
    // Behind a link they would find one another in the repository, and not among this site's packages.
    cpSync(join(root, 'node_modules', source), join(modules, name), { recursive: true });
  }

  return {
    folder,
    files: readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(installed, join(entry.parentPath, entry.name)))
      .sort(),
    packedBytes: statSync(tarball).size,
    run(script, type = 'commonjs') {
      const args = ['--throw-deprecation', `--input-type=${type}`, '--eval', script];
      return JSON.parse(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })) as unknown;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
