// A layout's rows as examples: checked paths, numbered labels, and the names of classes, attribute values and groups.
import { join, posix } from 'node:path';
import type { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import { CONFIG_NAME, type DatasetConfig } from './datasetConfig.js';
import { holdOut } from './heldOut.js';
import type { DatasetSource, Labels, Row } from './layout.js';
import { insideOf, invalidData, relativePath } from './sourceFile.js';
import type { Split } from './split.js';

/** An image with its labels. */
export interface Example {
  /** Relative to the dataset's folder, with `/`, normalized. */
  readonly filename: string;
  /** The class. */
  readonly y: number;
  /** The spurious attribute. */
  readonly a: number;
  /** y * numSpurious + a. */
  readonly group: number;
  readonly split: Split;
  /** 1-based line in the table; the last one of a row whose quoted value spans several. 0: the image is in no table. */
  readonly line: number;
}

const [, MAX_GROUPS] = RANGES.groups;
const [, MAX_LABEL] = RANGES.label;

/**
 * Returns a source's examples, the names of their classes, attribute values and groups, and the keys of dataset.json whose names only label
 * numbers. Throws `DATASET_INVALID` naming the row of a bad
 * path or label, of an image in two splits, and of a value without a name, and for columns that cannot be labels.
 *
 * @param root the dataset's folder
 * @param images the folder where the rows' file names start
 * @param config dataset.json
 * @param splits splits that take a share of the training images
 * @param hasOwnTable whether the caller named a table, which may have another attribute than dataset.json names
 */
export function toExamples(
  { files, rows, labels, filename: column }: DatasetSource<unknown>,
  root: string,
  images: string,
  config: DatasetConfig,
  hasOwnTable: boolean,
  {
    missing,
    heldOut = 0,
    allowOutside = false,
  }: {
    readonly missing: readonly Split[];
    readonly heldOut: number | undefined;
    readonly allowOutside: boolean | undefined;
  },
) {
  const table = files[0].path;
  if (rows.length === 0) throw invalidData(`${table}: there are no rows. Add one per image.`);
  const placeOf = ({ line, filename }: Row): string =>
    line === 0 ? join(table, filename) : `${table}:${line}`;
  const filenames = pathsOf(
    rows,
    join(root, images),
    (row) => `${placeOf(row)}:${column === undefined ? '' : ` ${column}:`}`,
    allowOutside,
  );
  const number = (key: 'y' | 'a', { name, areWords = false }: Labels, known?: readonly string[]) => {
    const texts = rows.map((row) => row[key].trim());
    const refuse = (index: number, problem: string, shown = rows[index]?.[key]) =>
      invalidData(`${placeOf(rows[index] as Row)}: ${name}: ${JSON.stringify(shown)} ${problem}.`);
    const isOther = key === 'a' && hasOwnTable && !texts.some((text) => known?.includes(text));
    return numberLabels(texts, areWords, isOther ? undefined : known, refuse);
  };
  const y = number('y', labels.y, config.targetNames);
  const a = number('a', labels.a ?? { name: '' }, labels.a && config.spuriousNames);
  // The layout's names are for numbers, and count if there is one for each value.
  const fits = ({ values, words }: typeof y, names: readonly string[] | undefined): boolean =>
    names === undefined || (words === undefined && names.length >= countValues(values));
  const fit = fits(y, labels.y.names) && fits(a, labels.a?.names);
  const targets = config.targetNames ?? y.words ?? (fit ? labels.y.names : undefined);
  const named = a.words ?? config.spuriousNames ?? (fit ? labels.a?.names : undefined);
  const spurious = labels.a === undefined ? undefined : named;
  const numClasses = targets?.length ?? Math.max(2, countValues(y.values));
  const numSpurious = spurious?.length ?? countValues(a.values);
  const numGroups = numClasses * numSpurious;
  if (numClasses < 2) {
    throw invalidData(
      `${table}: ${labels.y.name} is ${JSON.stringify(targets?.[0])} in every row, and a dataset has at least two classes.`,
      `Name another column, or list the classes as targetNames in ${CONFIG_NAME}.`,
    );
  }
  if (numGroups > MAX_GROUPS) {
    throw invalidData(
      `${table}: ${labels.y.name} has ${numClasses} values and ${labels.a?.name ?? 'the attribute'} ${numSpurious}, which is above ` +
        `${MAX_GROUPS} groups: one of them is hardly a label. Name other columns, or number the values without gaps.`,
    );
  }
  for (const [{ values }, label, key, count] of [
    [y, labels.y, 'targetNames', numClasses],
    [a, labels.a, 'spuriousNames', numSpurious],
  ] as const) {
    const wrong = values.findIndex((value) => value >= count);
    if (wrong < 0) continue;
    // A mistake in the table, or in dataset.json.
    throw invalidData(
      `${placeOf(rows[wrong] as Row)}: ${label?.name ?? ''}: ${values[wrong] ?? 0} has no name: ${key} in ${CONFIG_NAME} lists ` +
        `${count}, for the values 0 to ${count - 1}. Add a name, or correct the value.`,
    );
  }
  const labelled = rows.map(({ split, line }, i): Example => {
    const [ofY, ofA] = [y.values[i] as number, a.values[i] as number];
    return { filename: filenames[i] as string, y: ofY, a: ofA, group: ofY * numSpurious + ofA, split, line };
  });
  const held = holdOut(labelled, missing, heldOut);
  const examples = labelled.map(({ filename, split, ...example }): Example => ({
    // Both are normalized.
    filename: images === '.' ? filename : posix.join(images, filename),
    ...example,
    split: held.get(filename) ?? split,
  }));
  const targetNames = targets ?? numbers(numClasses);
  const spuriousNames = spurious ?? numbers(numSpurious);
  // Bare numbers would read as "0, 1"; an attribute with one value is not named.
  const groupNames = targetNames.flatMap((target) => {
    const ofClass = targets === undefined ? `y ${target}` : target;
    if (spurious === undefined && numSpurious === 1) return [ofClass];
    return spuriousNames.map((value) => `${ofClass}, ${spurious === undefined ? `a ${value}` : value}`);
  });
  // Names of numbers, one for each: without them, the groups would be the same.
  const isLabel = (
    { values, words }: typeof y,
    names: readonly string[] | undefined,
    least: number,
  ): boolean =>
    names !== undefined && words === undefined && names.length === Math.max(least, countValues(values));
  const labelling = [
    ...(isLabel(y, config.targetNames, 2) ? ['targetNames'] : []),
    ...(isLabel(a, config.spuriousNames, 1) ? ['spuriousNames'] : []),
  ];
  return { examples, targetNames, spuriousNames, groupNames, numClasses, numSpurious, numGroups, labelling };
}

/** The rows' paths, normalized. Throws `DATASET_INVALID` for a bad one, and for an image in two splits. */
function pathsOf(
  rows: readonly Row[],
  images: string,
  placeOf: (row: Row) => string,
  allowOutside: boolean,
): string[] {
  const firstOf = new Map<string, Row>();
  return rows.map((row) => {
    const refuse = (problem: string): never => {
      throw invalidData(
        `${placeOf(row)} ${problem}. Name a file inside the dataset's folder, or allow paths of your own with \`allowOutside\`.`,
      );
    };
    const filename = relativePath(insideOf(images, row.filename, allowOutside), refuse, 'file', allowOutside);
    const first = firstOf.get(filename) ?? row;
    firstOf.set(filename, first);
    if (first.split === row.split) return filename;
    throw invalidData(
      `${placeOf(row)} the image ${filename} is in split ${row.split} and, on line ${first.line}, in split ` +
        `${first.split}: a model would be tested on what it was trained on. Keep it in one split.`,
    );
  });
}

/**
 * Numbers a column of labels: non-negative integers stand for themselves, words for their position in `known` or, without it, among the
 * column's words sorted by code units.
 *
 * @param refuse the error of a bad text, by its index
 * @returns the numbers, and the word of each number, if the column has words
 */
function numberLabels(
  texts: readonly string[],
  areWords: boolean,
  known: readonly string[] | undefined,
  refuse: (index: number, problem: string, shown?: string) => SpurmemError,
): { readonly values: Int32Array; readonly words?: readonly string[] } {
  const check = (isBad: (text: string) => boolean, problem: string): void => {
    const bad = texts.findIndex(isBad);
    if (bad >= 0) throw refuse(bad, problem);
  };
  const isNumber = (text: string): boolean => !areWords && /^[-+]?\d+(\.\d*)?$/.test(text);
  check((text) => text === '', 'is not a non-negative integer or a word. Give every row a value');
  // A typing error makes one cell differ from the others: the rarer kind is blamed.
  const isNumbers = texts.filter(isNumber).length * 2 >= texts.length;
  const [rare, common] = isNumbers ? ['word', 'numbers'] : ['number', 'words'];
  check(
    (text) => isNumber(text) !== isNumbers,
    `is a ${rare} in a column of ${common}. Use non-negative integers or words, not both`,
  );
  if (isNumbers) {
    check((text) => !/^\d+$/.test(text), 'is not a non-negative integer. Number the values from 0');
    check((text) => Number(text) > MAX_LABEL, `is above ${MAX_LABEL}. Number the values from 0 without gaps`);
    return { values: Int32Array.from(texts, Number) };
  }
  const long = texts.findIndex((text) => text.length > LONGEST_NAME);
  if (long >= 0) {
    const text = texts[long] as string;
    const problem = `has ${text.length} characters. Use words of at most ${LONGEST_NAME}`;
    throw refuse(long, problem, `${text.slice(0, 20)}...`);
  }
  const words = known ?? [...new Set(texts)].sort();
  const numberOf = new Map(words.map((one, index) => [one, index]));
  const unknown = texts.findIndex((text) => !numberOf.has(text));
  if (unknown >= 0) {
    const nearest = nearestNames(texts[unknown] as string, words).join(', ');
    throw refuse(unknown, `is none of the names in dataset.json; the nearest are ${nearest}`);
  }
  return { values: Int32Array.from(texts, (text) => numberOf.get(text) as number), words };
}

function countValues(values: Int32Array): number {
  return 1 + values.reduce((most, value) => Math.max(most, value), 0);
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
