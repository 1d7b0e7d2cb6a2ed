/** Medians and their spread, for rounds that alternate. */

/** The value at a fraction of the length of a sorted list. */
function quantile(sorted, part) {
  const at = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at % 1);
}

/** `{ median, low, high }`: half of all rounds are between the last two. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * Two contenders measured alternately. A shared machine is slower in some rounds, so the ratio is the median of the
 * ratios of the rounds, and not the ratio of the medians.
 */
export function compared(ours, theirs) {
  return { ours: spread(ours), theirs: spread(theirs), ratio: spread(ours.map((own, n) => own / theirs[n])) };
}

/**
 * Runs each contender once a round, in an order that reverses from one round to the next.
 * @param contenders name to a function that runs one round and returns its figures, `{ name: number }`
 * @returns name to `{ figure: number[] }`
 */
export async function inTurns(rounds, contenders, warmUps = 1) {
  const names = Object.keys(contenders);
  const figures = Object.fromEntries(names.map((name) => [name, {}]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const result = await contenders[name]();
      if (round < 0) continue;
      for (const [figure, value] of Object.entries(result)) (figures[name][figure] ??= []).push(value);
    }
  }
  return figures;
}
