import { native } from '../native/addon.js';
import { midranks } from './midranks.js';

/** A property in one of the parts of some items, against the other parts. */
export interface RankCell {
  readonly block: number;
  readonly column: number;
  readonly part: number;
  /** Probability that an item of the part has a larger value than one of the other parts; a tie counts a half. */
  readonly auc: number;
  /** (1 + permutations whose largest |z| over all cells is at least this one's) / (permutations + 1). */
  readonly pValue: number;
}

/**
 * Tests which columns of values differ between parts of some items: z of a part's mean rank in each column, with p by the largest |z| over
 * all cells under permuted parts (Westfall and Young 1993, max-T), which corrects for all of them.
 *
 * @param columns [columns] of [N]
 * @param parts of each item, [N], counted from 0; two parts make one cell per column
 * @param blocks of each item, [N]: parts are permuted within a block, where cells are; default: all items are one block
 */
export function maxT(
  columns: readonly Float64Array[],
  parts: Int32Array,
  {
    blocks = new Int32Array(parts.length),
    permutations = 999,
    seed = 0,
  }: { readonly blocks?: Int32Array; readonly permutations?: number; readonly seed?: number } = {},
): RankCell[] {
  const numParts = 1 + parts.reduce((most, part) => Math.max(most, part), 0);
  const cells = [...new Set(blocks)]
    .sort((a, b) => a - b)
    .flatMap((block) => {
      const rows = Int32Array.from(blocks.keys()).filter((i) => blocks[i] === block);
      const sizes = new Array<number>(numParts).fill(0);
      for (const i of rows) sizes[parts[i] as number] = (sizes[parts[i] as number] as number) + 1;
      return columns.flatMap((values, column) => {
        const ranks = midranks(Float64Array.from(rows, (i) => values[i] as number));
        const variance =
          ranks.reduce((sum, rank) => sum + (rank - (rows.length + 1) / 2) ** 2, 0) / (rows.length - 1);
        return sizes.flatMap((size, part) => {
          const other = rows.length - size;
          // Of two parts, the second tells all.
          if (size === 0 || other === 0 || !(variance > 0) || (numParts === 2 && part === 0)) return [];
          const deviation = Math.sqrt((variance * size * other) / rows.length);
          return [{ block, column, part, rows, ranks, size, other, deviation }];
        });
      });
    });
  const sumsOf = (own: Int32Array): number[] =>
    cells.map(({ rows, ranks, part, size, deviation }) => {
      let sum = 0;
      for (let at = 0; at < rows.length; at += 1)
        if (own[rows[at] as number] === part) sum += ranks[at] as number;
      return (sum - (size * (rows.length + 1)) / 2) / deviation;
    });
  const z = sumsOf(parts);
  const generator = new (native().Generator)(seed);
  const largest = Array.from({ length: permutations }, () =>
    Math.max(0, ...sumsOf(permutedWithin(parts, blocks, generator.randperm(parts.length))).map(Math.abs)),
  );
  return cells.map(({ block, column, part, size, other, deviation }, at) => {
    const own = Math.abs(z[at] as number);
    const exceeding = largest.filter((one) => one >= own - 1e-9).length;
    const auc = 0.5 + ((z[at] as number) * deviation) / (size * other);
    return { block, column, part, auc, pValue: (1 + exceeding) / (permutations + 1) };
  });
}

/** Parts that have changed places within blocks: those of a block's items, in this order, take its places from the first one on. */
function permutedWithin(parts: Int32Array, blocks: Int32Array, order: Int32Array): Int32Array {
  const places: number[][] = [];
  for (let i = blocks.length - 1; i >= 0; i -= 1) (places[blocks[i] as number] ??= []).push(i);
  const permuted = new Int32Array(parts.length);
  for (const i of order) permuted[places[blocks[i] as number]?.pop() as number] = parts[i] as number;
  return permuted;
}
