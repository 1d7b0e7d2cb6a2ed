/**
 * The cost of this package beside its peers, as one table: `npm run bench`, in the folder above, or `npm run bench
 * -- warm known` for some parts. Contenders alternate, round by round; a row's ratio is the median of the ratios of
 * its rounds. Prints Markdown, and writes the same to results.json.
 */

import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { bridge } from './parts/bridge.mjs';
import { manyLogins } from './parts/many-logins.mjs';
import { firstLogin } from './parts/first-login.mjs';
import { installing } from './parts/install.mjs';
import { issuerLogins } from './parts/issuer.mjs';
import { knownInstances } from './parts/known.mjs';
import { warmLogins } from './parts/warm.mjs';
import { aStage } from './site-of.mjs';
import { markdown } from './table.mjs';

/** Each part with its number of rounds. Together they take about five minutes on two idle cores. */
const parts = {
  first: [firstLogin],
  warm: [warmLogins, 12],
  logins: [manyLogins],
  known: [knownInstances, 40],
  install: [installing, 15],
  bridge: [bridge, 3, 24],
  issuer: [issuerLogins, 16],
};

const chosen = process.argv.slice(2);
for (const name of chosen) if (!parts[name]) throw new TypeError(`${name} is none of ${Object.keys(parts)}`);

const rows = [];
for (const [name, [run, ...rounds]] of Object.entries(parts)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const begun = performance.now();
  const stage = await aStage();
  try {
    rows.push(...(await run(stage, ...rounds)));
  } finally {
    await stage.close();
  }
  process.stderr.write(`${name}: ${Math.round((performance.now() - begun) / 1000)} s\n`);
}

const machine = `Node.js ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}`;
const results = { date: new Date().toISOString(), machine, rows };
writeFileSync(
  fileURLToPath(new URL('results.json', import.meta.url)),
  `${JSON.stringify(results, null, 2)}\n`,
);
process.stdout.write(
  `${markdown(rows)}\n\n${machine}; medians, in brackets the middle half of the rounds.\n`,
);
