/** Checks blocks of code in other languages, and the claim in the comment above each block. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { authenticator } from '../../lib/service/authenticator';
import { readConfig } from '../../lib/service/config';
import { issuer } from '../../lib/service/issuer';
import { isCompiled } from './compile.js';
import { root, type Block } from './pages.js';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };

/** Languages without a check: pictures and the output of programs. */
const unchecked = ['mermaid', 'text'];

/** By language: the fault of a block, if any. */
const checks: Readonly<Record<string, (code: string) => string | undefined>> = {
  sh(code) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
    if (status !== 0) return stderr.trim();
    const missing = [...code.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].find(
      ([, name = '']) => !Object.hasOwn(scripts, name),
    );
    return missing && `package.json has no script "${missing[1]}"`;
  },
  json(code) {
    try {
      JSON.parse(code);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  },
  html(code) {
    const open: string[] = [];
    for (const [, slash, name = ''] of code.matchAll(/<(\/?)([a-z][\w-]*)[^>]*>/g)) {
      if (!slash && !emptyElements.includes(name)) open.push(name);
      else if (slash && open.pop() !== name) return `</${name}> ends something else`;
    }
    return open.length === 0 ? undefined : `<${open.pop()}> is not ended`;
  },
  yaml: (code) => parseAllDocuments(code).flatMap(({ errors }) => errors)[0]?.message,
};

const emptyElements = ['input', 'img', 'link', 'meta', 'br'];

const commands = { authenticator, issuer };

/** The failed checks of all blocks, with page and line. */
export async function brokenPromises(blocks: readonly Block[]): Promise<string[]> {
  const wrong = await Promise.all(blocks.map(wrongIn));
  return blocks.flatMap(({ page, line }, index) =>
    wrong[index] === undefined ? [] : [`${page}, line ${line}: ${wrong[index]}`],
  );
}

async function wrongIn(block: Block): Promise<string | undefined> {
  const { tag, language, code } = block;
  if (tag?.kind === 'from') return notIn(tag.value, code);
  if (tag?.kind === 'run by') return notRunBy(tag.value, block);
  if (tag?.kind === 'config') return wrongConfig(tag.value, code);
  if (isCompiled(block) || unchecked.includes(language)) return undefined;
  const check = Object.hasOwn(checks, language) ? checks[language] : undefined;
  return check ? check(code) : `nothing checks "${language}": mark it "run by" a test`;
}

/** An excerpt has the same text as its file. */
function notIn(path: string, code: string): string | undefined {
  if (!existsSync(join(root, path))) return `there is no ${path}`;
  const lines = readFileSync(join(root, path), 'utf8')
    .split('\n')
    .map((line) => line.trim());
  let at = 0;
  let mayLeap = true;
  for (const line of code.split('\n').map((line) => line.trim())) {
    if (line === '') continue;
    if (/^(\/\/|#) …$/.test(line)) {
      mayLeap = true;
      continue;
    }
    while (!mayLeap && lines[at] === '') at++;
    const found = mayLeap ? lines.indexOf(line, at) : lines[at] === line ? at : -1;
    if (found === -1) return `${path} does not go on with: ${line}`;
    at = found + 1;
    mayLeap = false;
  }
  return undefined;
}

function notRunBy(path: string, { page }: Block): string | undefined {
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined;
  if (text === undefined) return `there is no ${path}`;
  return text.includes(page) ? undefined : `${path} does not speak of ${page}`;
}

async function wrongConfig(name: string, code: string): Promise<string | undefined> {
  const command = commands[name as keyof typeof commands];
  if (command === undefined) return `there is no command "${name}"`;
  try {
    readConfig(code, `${name}.yml`, command as typeof authenticator);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
