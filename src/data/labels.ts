import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';

const [, MOST] = RANGES.label;

/** A cell of a column of labels. */
export interface LabelCell {
  readonly text: string;
  /** 1-based line in the table. */
  readonly line: number;
}

/**
 * Numbers a column of labels: non-negative integers stand for themselves, words for their position in `named` or, without
 * it, among the column's words sorted by code units. Throws `DATASET_INVALID` naming the line of a bad cell.
 *
 * @param where the table and column, for messages
 * @param named dataset.json's names in the order of their numbers
 * @param mayBeOther whether the column may be of something else, which is so where none of its words is among the names
 * @returns the numbers, [cells], and the word of each number, where the column has words
 */
export function numberLabels(
  where: { readonly table: string; readonly column: string },
  cells: readonly LabelCell[],
  named?: readonly string[],
  mayBeOther = false,
): { readonly values: Int32Array; readonly names: readonly string[] | undefined } {
  const refuse = ({ text, line }: LabelCell, problem: string) =>
    new SpurmemError(
      'DATASET_INVALID',
      `${where.table}:${line}: column ${where.column}: ${JSON.stringify(text)} ${problem}.`,
    );
  const trimmed = cells.map(({ text }) => text.trim());
  const numeric = trimmed.map((text) => /^[-+]?\d+(\.\d*)?$/.test(text));
  const numbers = numeric.filter(Boolean).length;
  const empty = cells[trimmed.indexOf('')];
  if (empty !== undefined)
    throw refuse(empty, 'is not a non-negative integer or a word. Give every row a value');
  // A typing error makes one cell differ from all others: the rarer kind is blamed.
  const isNumbers = numbers * 2 >= cells.length;
  const odd = cells[numeric.indexOf(!isNumbers)];
  if (odd !== undefined) {
    const [rare, common] = isNumbers ? ['word', 'numbers'] : ['number', 'words'];
    throw refuse(odd, `is a ${rare} in a column of ${common}. Use non-negative integers or words, not both`);
  }
  if (isNumbers) {
    const values = cells.map((cell, index) => {
      const text = trimmed[index] ?? '';
      if (!/^\d+$/.test(text)) throw refuse(cell, 'is not a non-negative integer. Number the values from 0');
      if (Number(text) <= MOST) return Number(text);
      throw refuse(cell, `is above ${MOST}. Number the values from 0 without gaps`);
    });
    return { values: Int32Array.from(values), names: undefined };
  }
  const long = cells[trimmed.findIndex((text) => text.length > LONGEST_NAME)];
  if (long !== undefined) {
    const begun = { text: `${long.text.trim().slice(0, 20)}...`, line: long.line };
    throw refuse(begun, `has ${long.text.trim().length} characters. Use words of at most ${LONGEST_NAME}`);
  }
  const isOther = mayBeOther && !trimmed.some((text) => named?.includes(text));
  const names = (isOther ? undefined : named) ?? [...new Set(trimmed)].sort();
  const numberOf = new Map(names.map((name, index) => [name, index]));
  const values = cells.map((cell, index) => {
    const text = trimmed[index] ?? '';
    const value = numberOf.get(text);
    if (value !== undefined) return value;
    const nearest = nearestNames(text, names).join(', ');
    throw refuse(cell, `is none of the names in dataset.json; the nearest are ${nearest}`);
  });
  return { values: Int32Array.from(values), names };
}
