import { distance } from 'fastest-levenshtein';

/** The names most like the wanted one, best first: those that contain it, then by edits. Case does not count. */
export function nearestNames(wanted: string, names: readonly string[], count = 3): string[] {
  const key = wanted.toLowerCase();
  const ranked = names.map((name) => {
    const other = name.toLowerCase();
    return { name, misses: other.includes(key) ? 0 : 1, edits: distance(key, other) };
  });
  ranked.sort((one, other) => one.misses - other.misses || one.edits - other.edits);
  return ranked.slice(0, count).map(({ name }) => name);
}
