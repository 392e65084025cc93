import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { metaOf, type ValueType } from './values.js';

/** Throws `USAGE` for the first unknown option, with the nearest known ones: a misspelt one would silently be the default. */
export function requireKnownNames(
  options: object,
  ...known: readonly Readonly<Record<string, unknown>>[]
): void {
  const names = known.flatMap((table) => Object.keys(table));
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue;
    const place = known
      .flatMap((table) => Object.entries(table))
      .find(([, type]) => metaOf(type as ValueType<unknown>).keys?.includes(name));
    const advice = place ? `It goes into \`${place[0]}\`.` : nearestSentence(name, names);
    throw new SpurmemError('USAGE', `There is no option \`${name}\`${place ? ' here' : ''}. ${advice}`, {
      parameter: name,
      value,
    });
  }
}

/** `The nearest are epochs, erm, seed.`, or that there are none. */
export function nearestSentence(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'There are none.';
  return `The nearest are ${nearestNames(name, [...new Set(known)]).join(', ')}.`;
}
