/** The project's pages, and the blocks of code in them. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(__dirname, '..', '..');

export interface Page {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/**
 * What a comment directly above the block declares:
 * - `fragment`: compiled with a prelude that declares the names around it;
 * - `from PATH`: each line is in that file, in the same order; `// …` stands for omitted lines;
 * - `run by PATH`: a test reads the block from the page with `blockOf`, and runs it;
 * - `config COMMAND`: a whole configuration file of the service, read by that command.
 */
export interface Tag {
  readonly kind: 'fragment' | 'from' | 'run by' | 'config';
  readonly value: string;
}

export interface Block {
  readonly page: string;
  /** The line number of the code's first line; the first line of the page is 1. */
  readonly line: number;
  /** The language after the fence; empty if there is none. */
  readonly language: string;
  readonly tag: Tag | undefined;
  readonly code: string;
}

/** Without node_modules, which contains a link back to the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path);
    return [path];
  });
}

/** All pages that are written by hand for readers. */
export function allPages(): Page[] {
  const isMarkdown = (path: string) => path.endsWith('.md');
  const paths = [
    ...readdirSync(root).filter(isMarkdown),
    ...['docs', 'example'].flatMap(filesBelow).filter(isMarkdown),
  ];
  return paths.sort().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** An empty line may follow the comment above a fence: the formatter adds it in lists. */
const fences =
  /(?:^[ ]*<!-- (fragment|from|run by|config)(?: (\S+))? -->\n\n?)?^([ ]*)(```+)([^\n]*)\n([\s\S]*?)^\3\4$/gm;

export function blocksOf({ path, text }: Page): Block[] {
  return Array.from(text.matchAll(fences), (match) => {
    const [whole, kind, value = '', indent = '', , language = '', code = ''] = match;
    const codeAt = match.index + whole.lastIndexOf(code, whole.length - 1 - indent.length);
    return {
      page: path,
      line: text.slice(0, codeAt).split('\n').length,
      language: language.trim(),
      tag: kind === undefined ? undefined : { kind: kind as Tag['kind'], value },
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    };
  });
}

/** The one block of a page that is marked as run by the calling test and contains the text, for example a name. */
export function blockOf(path: string, test: string, holding: string): string {
  const page = { path, text: readFileSync(join(root, path), 'utf8') };
  const found = blocksOf(page).filter(
    ({ tag, code }) => tag?.kind === 'run by' && tag.value === test && code.includes(holding),
  );
  if (found.length !== 1) throw new Error(`${path} has ${found.length} blocks of ${test} with "${holding}"`);
  return found[0]!.code;
}
