/** docs/operators.md lists exactly the events that lib/ emits. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './pages.js';

it('every event is in the table, and nothing else is', () => {
  const lib = join(root, 'lib');
  const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(lib, path), 'utf8'));
  const told = sources.flatMap((text) =>
    Array.from(
      text.matchAll(/(?:\blog\??\.?\(|\breport\(this\.(?:settings\.)?log, )'(\w+)'/g),
      ([, event = '']) => event,
    ),
  );
  const page = readFileSync(join(root, 'docs', 'operators.md'), 'utf8');
  const [, table = ''] = page.split('## What happens: events');
  const section = table.split('\n### ')[0] ?? '';
  const ofCommand = section.split('\n\n').find((paragraph) => paragraph.includes('`started`')) ?? '';
  const named = [/^\| `(\w+)`/gm, /`(\w+)`/g].flatMap((pattern, i) =>
    Array.from((i === 0 ? section : ofCommand).matchAll(pattern), ([, name]) => name),
  );
  expect(told.length).toBeGreaterThan(20);
  expect([...new Set(named)].sort()).toEqual([...new Set(told)].sort());
});
