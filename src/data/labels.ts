import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';

/** How dataset.json names a column's values. */
interface LabelNames {
  /** In the order of their numbers. */
  readonly order: readonly string[] | undefined;
  /** Whether the column may be of something else, which is so where none of its words is among the names. */
  readonly mayBeOther?: boolean;
}

/** Class and attribute numbers beyond this are taken for a wrong column, such as one of ids. */
const MAX_VALUE = 9_999;

/** A cell of a column of labels. */
export interface LabelCell {
  readonly text: string;
  /** 1-based line in the table. */
  readonly line: number;
}

/** A column of labels as numbers from 0. */
export interface Labels {
  /** [cells] */
  readonly values: Int32Array;
  /** The word of each number, where the column has words. */
  readonly names: readonly string[] | undefined;
}

/**
 * Numbers a column of labels: non-negative integers stand for themselves, words for their position in `names.order` or, without
 * one, among the column's words sorted by code units.
 *
 * @param where the table and column, for messages
 * @throws SpurmemError `DATASET_INVALID` naming the line of a cell that is empty, no such number, neither number nor
 *   word as the others are, or a word that the names lack
 */
export function numberLabels(
  where: { readonly table: string; readonly column: string },
  cells: readonly LabelCell[],
  { order: named, mayBeOther = false }: LabelNames = { order: undefined },
): Labels {
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
    const parse = (text: string, index: number) => {
      const cell = cells[index] ?? { text, line: 0 };
      if (!/^\d+$/.test(text)) throw refuse(cell, 'is not a non-negative integer. Number the values from 0');
      if (Number(text) > MAX_VALUE) {
        throw refuse(cell, `is above ${MAX_VALUE}. Number the values from 0 without gaps`);
      }
      return Number(text);
    };
    return { values: Int32Array.from(trimmed, parse), names: undefined };
  }
  const isOther = mayBeOther && !trimmed.some((text) => named?.includes(text));
  const names = (isOther ? undefined : named) ?? [...new Set(trimmed)].sort();
  const numberOf = new Map(names.map((name, index) => [name, index]));
  const lookUp = (text: string, index: number) => {
    const value = numberOf.get(text);
    if (value !== undefined) return value;
    const nearest = nearestNames(text, names).join(', ');
    throw refuse(
      cells[index] ?? { text, line: 0 },
      `is none of the names in dataset.json; the nearest are ${nearest}`,
    );
  };
  return { values: Int32Array.from(trimmed, lookUp), names };
}
