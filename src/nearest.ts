/** Least insertions, deletions and replacements that turn one word into the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replace, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}

/** ` (did you mean …?)` for a word that is nearly one of `names`, else nothing. */
export function nearestHint(word: string, names: readonly string[]): string {
  // Half of the letters wrong is no longer a slip of the finger.
  let best = Math.ceil(Math.min(word.length, 64) / 2);
  let nearest = "";
  for (const name of names) {
    const distance = editDistance(word.slice(0, 64).toLowerCase(), name.toLowerCase());
    if (distance <= best) {
      best = distance - 1;
      nearest = name;
    }
  }
  return nearest === "" ? "" : ` (did you mean ${nearest}?)`;
}
