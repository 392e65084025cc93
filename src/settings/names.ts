import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';

/** The names of an interface's properties: an object with one entry for each, which the compiler completes. */
export type NamesOf<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Throws `USAGE` for the first option that is none of the known ones, with the nearest of these: a misspelt one would silently be
 * the default.
 */
export function requireKnownNames(
  options: object,
  ...known: readonly Readonly<Record<string, unknown>>[]
): void {
  const names = known.flatMap((table) => Object.keys(table));
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue;
    throw new SpurmemError(
      'USAGE',
      `There is no option \`${name}\`. The nearest are ${nearestNames(name, names).join(', ')}.`,
      { parameter: name, value },
    );
  }
}
