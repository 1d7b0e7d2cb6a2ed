/** Medians and their spread, of rounds that were run in turns. */

/** Of a list in order, at a part of its length. */
function quantile(sorted, part) {
  const at = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at % 1);
}

/** `{ median, low, high }`: half of all rounds lie between the last two. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * Two contenders measured in turns. A machine that others use, too, is slower in some rounds than in others: so the ratio
 * is that of each round, and its median; not the ratio of two medians.
 */
export function compared(ours, theirs) {
  return { ours: spread(ours), theirs: spread(theirs), ratio: spread(ours.map((own, n) => own / theirs[n])) };
}

/**
 * Runs each contender once a round, in an order that turns around from one round to the next.
 * @param contenders name to a function that runs one round and tells its figures, `{ name: number }`
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
