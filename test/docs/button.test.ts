/** docs/button.md names every attribute, every CSS variable and the size of the button. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { blockOf, root } from './pages.js';

const path = 'docs/button.md';
const text = readFileSync(join(root, path), 'utf8');
const built = (name: string) => readFileSync(join(root, 'dist', 'button', 'browser', name), 'utf8');
const css = built('mastodon-login.css');
const variablesIn = (source: string) => new Set(source.match(/--mastodon-login-[a-z-]+/g));

/** The first cells of the table below a heading. */
function namesBelow(heading: string): string[] {
  const [, section = ''] = text.split(`## ${heading}\n`);
  const rows = section.split(/^## /m, 1)[0]?.match(/^\| `.*?(?= \| )/gm) ?? [];
  return rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

it('lists the attributes that the element observes', () => {
  const declared = [...built('../attributes.d.ts').matchAll(/^ {4}(\w+)\?: AttributeValue;/gm)];
  const attributes = [...declared.map(([, name = '']) => name), 'lang'];
  expect(namesBelow('Attributes and properties').sort()).toEqual(attributes.sort());
});

it('lists the variables of the stylesheet, except those of the pages around it', () => {
  const forPages = ['page', 'soft'].map((name) => `--mastodon-login-${name}`);
  const own = [...variablesIn(css)].filter(
    (name) => !forPages.includes(name) && name !== '--mastodon-login-white',
  );
  expect(namesBelow('Colours and size').sort()).toEqual(own.sort());
});

it('shows only variables that exist', () => {
  const shown = variablesIn(blockOf(path, 'test/docs/button.test.ts', 'accent'));
  expect([...shown].filter((name) => !variablesIn(css).has(name))).toEqual([]);
});

it('states the size of the button', () => {
  const kilobytes = gzipSync(built('mastodon-login.js')).length / 1000;
  expect(Math.abs(kilobytes - Number(/\((\d+) kB gzipped\)/.exec(text)?.[1]))).toBeLessThan(1);
});
