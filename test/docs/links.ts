/** Checks that links of the pages lead to existing files and headings. */

import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root, type Page } from './pages.js';

/** The page without its code, where brackets are not links. Line numbers stay the same. */
function proseOf(text: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, ' ');
  return text
    .replace(/^([ ]*)(```+)[\s\S]*?^\1\2$/gm, blank)
    .replace(/(`+)[^`\n](?:.*?[^`\n])??\1(?!`)/g, blank);
}

/** Anchors that GitHub generates for headings, and those that the page sets itself. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const withoutCode = text.replace(/^([ ]*)(```+)[\s\S]*?^\1\2$/gm, '');
  for (const [, heading = ''] of withoutCode.matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const anchor = words
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  for (const [, id = ''] of withoutCode.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

interface Link {
  readonly line: number;
  readonly target: string;
}

export function linksOf(text: string): Link[] {
  const inline = /\]\(<?([^)\s>]*)>?(?:\s+"[^"]*")?\)/g;
  const defined = /^\[[^\]]+\]:\s+(\S+)/gm;
  const html = /\b(?:href|src|srcset)="([^"]+)"/g;
  const prose = proseOf(text);
  return [inline, defined, html].flatMap((pattern) =>
    Array.from(prose.matchAll(pattern), ({ index, 1: target = '' }) => ({
      line: prose.slice(0, index).split('\n').length,
      target,
    })),
  );
}

/** The broken links of the pages. Links to other sites are checked for their form only. */
export function brokenLinks(pages: readonly Page[]): string[] {
  return pages.flatMap((page) =>
    linksOf(page.text).flatMap(({ line, target }) => {
      const wrong = wrongWith(page, target);
      return wrong === undefined ? [] : [`${page.path}, line ${line}: ${wrong}`];
    }),
  );
}

function wrongWith({ path, text }: Page, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
    const isGood = /^mailto:/.test(target) || (target.startsWith('https://') && URL.canParse(target));
    return isGood ? undefined : `${target} is no https address`;
  }
  const [file = '', anchor] = target.split('#', 2);
  // For GitHub, a leading slash is the repository's root; for npm it is npm's own.
  if (file.startsWith('/')) return `${target} begins with a slash`;
  const there = file === '' ? path : posix.join(posix.dirname(path), file);
  if (there.startsWith('..')) return `${target} leaves the repository`;
  if (file !== '' && !existsSync(join(root, there))) return `there is no ${there}`;
  if (anchor === undefined) return undefined;
  const page = file === '' ? text : readFileSync(join(root, there), 'utf8');
  return anchorsOf(page).has(anchor) ? undefined : `${there} has no heading #${anchor}`;
}
