/** Finds the existing name that a misspelt name resembles most. */

/** `; did you mean clientName?`, or all names if none is similar. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = closestName(name, known);
  return near === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${near}?`;
}

/** The known name that was probably meant, if there is one. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const written = plain(name);
  const [first] = known
    .map((key) => ({ key, distance: editDistance(written, plain(key)) }))
    .sort((a, b) => a.distance - b.distance);
  // The distance must be below a third of the name: clientID is not a misspelt clientMetadataURL.
  return first && (first.distance <= 2 || first.distance < first.key.length / 3) ? first.key : undefined;
}

/** The name in lower case, without hyphens and underscores. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** The number of inserted, deleted or replaced characters (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(
        Math.min((row[j] ?? 0) + (char === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
