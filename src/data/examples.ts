// A layout's rows as examples: checked paths, numbered labels, and the names of classes, attribute values and groups.
import { join, posix } from 'node:path';
import type { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import { CONFIG_NAME, type DatasetConfig } from './datasetConfig.js';
import type { DatasetOptions } from './datasetOptions.js';
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

/** `missing`: splits that take a share of the training images. */
type ExampleChoices = Pick<DatasetOptions, 'heldOut' | 'allowOutside'> & {
  readonly missing: readonly Split[];
};

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
 * @param hasOwnTable whether the caller named a table, which may have another attribute than dataset.json names
 */
export function toExamples(
  source: DatasetSource<unknown>,
  root: string,
  images: string,
  config: DatasetConfig,
  hasOwnTable: boolean,
  { missing, heldOut = 0, allowOutside = false }: ExampleChoices,
) {
  const { files, rows, labels, filename: column } = source;
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
  const cellOf = (index: number, { name }: Labels): string => `${placeOf(rows[index] as Row)}: ${name}`;
  const number = (key: 'y' | 'a', label: Labels, known?: readonly string[]): NumberedLabels => {
    const texts = rows.map((row) => row[key].trim());
    const refuse = (index: number, problem: string, shown = rows[index]?.[key]) =>
      invalidData(`${cellOf(index, label)}: ${JSON.stringify(shown)} ${problem}.`);
    const isOther = key === 'a' && hasOwnTable && !texts.some((text) => known?.includes(text));
    return numberLabels(texts, label.areWords === true, isOther ? undefined : known, refuse);
  };
  const { y: labelOfY, a: labelOfA = { name: '' } } = labels;
  const y = number('y', labelOfY, config.targetNames);
  const a = number('a', labelOfA, labels.a && config.spuriousNames);
  // The layout's names are for numbers, and count if there is one for each value.
  const fit = fits(y, labelOfY.names) && fits(a, labelOfA.names);
  const targets = config.targetNames ?? y.words ?? (fit ? labelOfY.names : undefined);
  const named = a.words ?? config.spuriousNames ?? (fit ? labelOfA.names : undefined);
  const spurious = labels.a === undefined ? undefined : named;
  const numClasses = targets?.length ?? Math.max(2, countValues(y.values));
  const numSpurious = spurious?.length ?? countValues(a.values);
  requireGroupCount(source, targets, numClasses, numSpurious);
  requireNamed(y, 'targetNames', numClasses, (index) => cellOf(index, labelOfY));
  requireNamed(a, 'spuriousNames', numSpurious, (index) => cellOf(index, labelOfA));
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
  const labelling = [
    ...(labelsAll(y, 2, config.targetNames) ? ['targetNames'] : []),
    ...(labelsAll(a, 1, config.spuriousNames) ? ['spuriousNames'] : []),
  ];
  const names = namesOf(targets ?? numClasses, spurious ?? numSpurious);
  return { examples, ...names, numClasses, numSpurious, numGroups: numClasses * numSpurious, labelling };
}

/** A column of labels as numbers, and the word of each number, if the column has words. */
interface NumberedLabels {
  readonly values: Int32Array;
  readonly words?: readonly string[];
}

/** Whether the layout's names can be those of a column. */
function fits({ values, words }: NumberedLabels, names?: readonly string[]): boolean {
  return names === undefined || (words === undefined && names.length >= countValues(values));
}

/** Whether names label numbers, one for each, `least` or more: without the names, the groups would be the same. */
function labelsAll({ values, words }: NumberedLabels, least: number, names?: readonly string[]): boolean {
  return words === undefined && names?.length === Math.max(least, countValues(values));
}

/** Throws `DATASET_INVALID` for a single class, and for too many groups. */
function requireGroupCount(
  { files, labels }: DatasetSource<unknown>,
  targets: readonly string[] | undefined,
  numClasses: number,
  numSpurious: number,
): void {
  const table = files[0].path;
  if (numClasses < 2) {
    throw invalidData(
      `${table}: ${labels.y.name} is ${JSON.stringify(targets?.[0])} in every row, and a dataset has at least two classes.`,
      `Name another column, or list the classes as targetNames in ${CONFIG_NAME}.`,
    );
  }
  if (numClasses * numSpurious > MAX_GROUPS) {
    throw invalidData(
      `${table}: ${labels.y.name} has ${numClasses} values and ${labels.a?.name ?? 'the attribute'} ${numSpurious}, which is above ` +
        `${MAX_GROUPS} groups: one of them is hardly a label. Name other columns, or number the values without gaps.`,
    );
  }
}

/** Throws `DATASET_INVALID` for a number that dataset.json has no name for: a mistake in the table, or in dataset.json. */
function requireNamed(
  { values }: NumberedLabels,
  key: string,
  count: number,
  cellOf: (index: number) => string,
): void {
  const wrong = values.findIndex((value) => value >= count);
  if (wrong < 0) return;
  throw invalidData(
    `${cellOf(wrong)}: ${values[wrong] ?? 0} has no name: ${key} in ${CONFIG_NAME} lists ` +
      `${count}, for the values 0 to ${count - 1}. Add a name, or correct the value.`,
  );
}

/** Names classes, attribute values and groups. Classes or values that are only counted have their numbers as names. */
function namesOf(targets: readonly string[] | number, spurious: readonly string[] | number) {
  const named = (names: readonly string[] | number): readonly string[] =>
    typeof names === 'number' ? Array.from({ length: names }, (_, index) => String(index)) : names;
  const [targetNames, spuriousNames] = [named(targets), named(spurious)];
  // Bare numbers would read as "0, 1"; an attribute with one value is not named.
  const groupNames = targetNames.flatMap((target) => {
    const ofClass = targets === targetNames ? target : `y ${target}`;
    if (spurious === 1) return [ofClass];
    return spuriousNames.map((value) => `${ofClass}, ${spurious === spuriousNames ? value : `a ${value}`}`);
  });
  return { targetNames, spuriousNames, groupNames };
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
): NumberedLabels {
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
