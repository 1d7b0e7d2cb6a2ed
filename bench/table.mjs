/** Writes rows of figures as a Markdown table: medians, and in brackets the range of half of all rounds. */

export function markdown(rows) {
  const lines = rows.map(({ what, unit, ours, theirs, peer, ratio }) => [
    unit === '' ? what : `${what} (${unit})`,
    shown(ours),
    theirs ? `${shown(theirs)}${peer ? ` – ${peer}` : ''}` : '',
    ratio ? shown(ratio) : theirs ? shown({ median: ours.median / theirs.median }) : '',
  ]);
  const head = ['', 'this package', 'the peer', 'ratio'];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function shown({ median, low, high }) {
  if (low === undefined || low === high) return digits(median);
  return `${digits(median)} (${digits(low)}–${digits(high)})`;
}

function digits(number) {
  const places = number !== Math.round(number) && Math.abs(number) < 10 ? 2 : 0;
  return number.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
}
