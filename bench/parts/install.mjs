/** The size and the import time of the package, beside passport-oauth2. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compared, inTurns, spread } from '../numbers.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export async function installing(_stage, rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-install-'));
  try {
    const npm = (args, cwd) => execFileSync('npm', args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
    const [{ filename }] = JSON.parse(
      npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
    );
    const installed = (name, what) => {
      const place = mkdtempSync(join(folder, `${name}-`));
      writeFileSync(join(place, 'package.json'), '{"private":true}');
      npm(['install', '--prefer-offline', '--no-audit', '--no-fund', what], place);
      return place;
    };
    const ours = installed('ours', join(folder, filename));
    const plain = installed('plain', 'passport-oauth2');
    const imports = await inTurns(rounds, {
      ours: () => ({ ms: importTime(ours, 'passport-mastodon-oauth2') }),
      plain: () => ({ ms: importTime(plain, 'passport-oauth2') }),
    });
    const row = (what, unit, of) => ({
      what,
      unit,
      peer: 'passport-oauth2',
      ours: spread([of(ours)]),
      theirs: spread([of(plain)]),
    });
    return [
      {
        what: 'Import in a fresh process',
        unit: 'ms',
        peer: 'passport-oauth2',
        ...compared(imports.ours.ms, imports.plain.ms),
      },
      row('Packages installed', '', packagesIn),
      row('Installed size', 'kB', sizeOf),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function importTime(place, name) {
  const script = `const begun = performance.now(); require('${name}'); console.log(performance.now() - begun);`;
  return Number(execFileSync(process.execPath, ['-e', script], { cwd: place }));
}

function filesIn(place) {
  return readdirSync(join(place, 'node_modules'), { recursive: true }).map(String);
}

function packagesIn(place) {
  return filesIn(place).filter((path) =>
    /^(.*\/node_modules\/)?(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path),
  ).length;
}

function sizeOf(place) {
  const sizes = filesIn(place)
    .map((path) => statSync(join(place, 'node_modules', path)))
    .map((stat) => (stat.isFile() ? stat.size : 0));
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}
