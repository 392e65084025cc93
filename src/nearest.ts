import { distance } from 'fastest-levenshtein';

/** Returns the names most like the wanted one, best first: names that contain it, then by edit distance. Ignores case. */
export function nearestNames(wanted: string, names: readonly string[], count = 3): string[] {
  const key = wanted.toLowerCase();
  const ranked = names.map((name) => {
    const other = name.toLowerCase();
    return { name, misses: other.includes(key) ? 0 : 1, edits: distance(key, other) };
  });
  ranked.sort((one, other) => one.misses - other.misses || one.edits - other.edits);
  return ranked.slice(0, count).map(({ name }) => name);
}
