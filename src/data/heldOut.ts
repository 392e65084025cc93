import { createHash } from 'node:crypto';
import * as z from '../zod.js';
import { badOption, type LayoutOption, type Row } from './layout.js';
import type { Split } from './split.js';

const SHARE = { error: 'it takes a share above 0 and below 0.5' };

/** The share of the training images that each missing split takes. */
export const HELD_OUT = {
  schema: z.number(SHARE).gt(0, SHARE).lt(0.5, SHARE),
  help: 'data without val or test: share of the training images that becomes each of them, such as 0.2',
  placeholder: 'share',
  parse: Number,
} satisfies LayoutOption<number>;

/** Returns the splits to hold out: validation and test, unless they have images. Throws `badOption` for a share if both have. */
export function missingSplits(
  rows: readonly Pick<Row, 'split'>[],
  heldOut: number | undefined,
): readonly Split[] {
  if (heldOut === undefined) return [];
  const missing = (['val', 'test'] as const).filter((split) => !rows.some((row) => row.split === split));
  if (missing.length > 0) return missing;
  const problem = `\`heldOut\` is ${heldOut}, and val and test have images of their own.`;
  throw badOption('heldOut', heldOut, problem, 'Leave it out.');
}

/**
 * Draws a share of each group's training images for each missing split, and returns the split of each drawn image. Only hashes of the
 * names decide, so every copy of a data set is split alike. Rows that name the same image share its split.
 *
 * @param rows with normalized names
 */
export function holdOut(
  rows: readonly (Pick<Row, 'filename' | 'split'> & { readonly group: number })[],
  missing: readonly Split[],
  heldOut: number,
): ReadonlyMap<string, Split> {
  const groups = new Map<number, Set<string>>();
  for (const { filename, split, group } of rows) {
    if (split === 'train') groups.set(group, (groups.get(group) ?? new Set()).add(filename));
  }
  const held = new Map<string, Split>();
  for (const names of groups.values()) {
    const each = Math.max(1, Math.round(heldOut * names.size));
    // Too few to divide: the split's group is then empty, which is reported.
    if (names.size <= missing.length * each) continue;
    const order = inRandomOrder([...names]);
    for (const [at, split] of missing.entries()) {
      for (const name of order.slice(at * each, (at + 1) * each)) held.set(name, held.get(name) ?? split);
    }
  }
  return held;
}

function inRandomOrder(names: readonly string[]): string[] {
  const keyed = names.map((name) => ({ name, key: createHash('sha256').update(name).digest('hex') }));
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ name }) => name);
}
