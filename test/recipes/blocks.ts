/** Blocks of the pages as modules in a folder with the packages that they import, and a program that runs them. */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { compilerErrors } from '../docs/compile.js';
import { blocksOf, root, type Block } from '../docs/pages.js';
import { readFileSync } from 'node:fs';

const run = promisify(execFile);

/** The blocks of a page that name the test, in order. */
export function blocksRunBy(test: string, page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return blocksOf({ path: page, text }).filter(({ tag }) => tag?.kind === 'run by' && tag.value === test);
}

/** The errors of a strict compiler, with the types of the packages that the blocks import. */
export const errorsIn = (blocks: readonly Block[]): string[] => compilerErrors(blocks, __dirname);

/**
 * Runs a program, in a separate process, that imports the blocks as `./0.mjs`, `./1.mjs` … and the package's entry
 * points from `dist`. Returns its output, line by line.
 */
export async function runWith(
  blocks: readonly Block[],
  program: (dist: string) => string,
): Promise<string[]> {
  mkdirSync(join(__dirname, 'node_modules'), { recursive: true });
  // In a folder that no linter reads, and where the packages are found.
  const folder = mkdtempSync(join(__dirname, 'node_modules', '.blocks-'));
  try {
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    for (const [i, { code }] of blocks.entries()) {
      const { outputText } = ts.transpileModule(code, { compilerOptions: options });
      writeFileSync(join(folder, `${i}.mjs`), outputText);
    }
    writeFileSync(join(folder, 'program.mjs'), program(join(root, 'dist')));
    const { stdout } = await run(process.execPath, [join(folder, 'program.mjs')], { timeout: 50_000 });
    return stdout.trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
