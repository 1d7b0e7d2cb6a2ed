/**
 * How often each property is tested: 1,000 times in the suite, or PROPERTY_RUNS times (`npm run test:part -- long
 * property`).
 */

import fc, { type IAsyncProperty, type IRawProperty } from 'fast-check';
import { MastodonError } from '../../lib/errors.js';

const runs = Number(process.env['PROPERTY_RUNS'] ?? 1000);

/** As printed by a failure, to run its case again; the seed alone also comes from `scripts/test.mjs`. */
const { PROPERTY_SEED: seed, PROPERTY_PATH: path } = process.env;

// Five milliseconds per case are enough, also on a busy machine; a longer case hangs.
export const timeoutMs = 20_000 + 5 * runs;
jest.setTimeout(timeoutMs);

/**
 * `costly` is the duration of one case relative to the usual one. A case of seconds is reported without shrinking.
 */
export async function holds<Ts>(property: IRawProperty<Ts>, costly = 1): Promise<void> {
  const numRuns = Math.max(1, Math.ceil(runs / costly));
  await fc.assert(property as IAsyncProperty<Ts>, {
    ...{ numRuns, endOnFailure: costly > 500 },
    ...(seed !== undefined && { seed: Number(seed) }),
    ...(path !== undefined && { path }),
  });
}

/** The result of the function, or undefined if it throws the one kind of error that it may. */
export function orRefusal<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof MastodonError) return undefined;
    throw error;
  }
}

/** Characters that have broken parsers before, and ordinary ones. */
const nasty = fc.constantFrom(
  ...'@:/?#[]\\%&=;,.<>"\'`{}|^~ \t\r\n\0\u00ad\u200b\u200d\u202e\u2066\ufeff。．＠：／％①ßİſ☃𝕏\ud800'.split(
    '',
  ),
  ...[
    '127.0.0.1',
    '[::1]',
    'localhost',
    'xn--',
    '0x',
    '%2e',
    '%00',
    '://',
    'acct:',
    '__proto__',
    'constructor',
    '${',
    '$&',
  ],
);

/** Text of every kind: ordinary text, random text, and ordinary text with one unusual character. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.oneof(nasty, fc.constantFrom('a', '1', 'mastodon', 'example', 'com')), { maxLength: 12 })
    .map((parts) => parts.join('')),
);

/** Any JSON value that contains the keys that are read. */
export function jsonWith(...keys: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const value = fc.oneof(
    anyText,
    fc.webUrl(),
    fc.jsonValue(),
    fc.constantFrom(null, true, 0, -1, 1e300, '', [], {}),
  );
  const record = fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
  return fc
    .tuple(record, fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }))
    .map(([known, other]) => {
      const both = { ...other, ...known };
      return JSON.parse(JSON.stringify(both)) as Record<string, unknown>;
    });
}
