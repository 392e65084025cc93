import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Dataset, type DatasetOptions, loadDataset } from '../data/dataset.js';
import { detectLayout } from '../data/layouts.js';
import { csvHeader, kindOf, readSource } from '../data/sourceFile.js';
import { SpurmemError } from '../errors.js';
import { ARCHITECTURES } from '../models/architectures.js';
import { nearestSentence } from '../settings/names.js';
import { accepts } from '../settings/values.js';
import { MODEL_SETTINGS } from '../train/ermSettings.js';
import { misuse } from './parameters.js';

/** Answers to the four questions that options give. */
export interface Answers {
  readonly data?: string | undefined;
  /** A table's column, or one of CelebA's attributes. */
  readonly class?: string | undefined;
  /** The same, or a CSV file of image folders; empty: none. */
  readonly attribute?: string | undefined;
  readonly arch?: string | undefined;
  readonly table?: string | undefined;
  readonly heldOut?: number | undefined;
}

/** Asks on the terminal; what is empty is the fallback. */
export type Ask = (question: string, fallback: string) => Promise<string>;

/** The answers as options of training, and the data that they read. */
export interface Interview {
  readonly options: Readonly<Record<string, string | number>>;
  readonly dataset: Dataset;
}

/** The column's part in a table, and the names that it mostly has. */
const COLUMN_NAMES = {
  filename: /^(?:img_?|image_?)?(?:file_?name|file|path|image|img)(?:_?(?:path|id))?$/i,
  y: /^(?:y|label|class|target|category)(?:_?name)?$/i,
  split: /^(?:split|fold|partition|set|subset)$/i,
  a: /^(?:a|attribute|spurious|place|background|group|confounder)(?:_?name)?$/i,
} as const;

/**
 * Asks what is not given, and reads the data accordingly.
 *
 * @param ask undefined without a terminal: the fallbacks are taken
 * @throws `USAGE` where the data is not given and nobody can be asked, and for answers that do not fit; what `loadDataset` throws
 */
export async function interview(given: Answers, ask: Ask | undefined): Promise<Interview> {
  const answer: Ask = ask ?? ((_question, fallback) => Promise.resolve(fallback));
  if (given.data === undefined && ask === undefined)
    throw misuse(
      'data',
      undefined,
      'There is no terminal to ask on: `data` is missing, the folder of the images.',
    );
  const data = given.data ?? (await answer('Where are the images? A folder', 'data'));
  const reading = await readingOf(data, given, answer);
  const dataset = await loadWithSplits(data, reading, given, ask);
  const arch = given.arch ?? (await answer(`Which model? ${ARCHITECTURES.join(', ')}`, 'resnet18'));
  if (!accepts(MODEL_SETTINGS.arch.type, arch))
    throw misuse('arch', arch, `\`arch\` is ${arch}. ${nearestSentence(arch, ARCHITECTURES)}`);
  return { options: { data, ...flat(dataset.options), arch }, dataset };
}

/** The options that read a folder: by its layout, and by the class and the attribute that are wanted. */
async function readingOf(data: string, given: Answers, answer: Ask): Promise<DatasetOptions> {
  const root = resolve(data);
  // Says what a dataset is.
  if ((await kindOf(root)) !== 'folder') return loadDataset(root).then(() => ({}));
  const names = await readdir(root);
  const tables = names.filter((name) => /\.csv$/i.test(name));
  const { name: format } = await detectLayout(root);
  if (format === 'celeba') {
    const target =
      given.class ?? (await answer('What is the class? One of CelebA\u2019s attributes', 'Blond_Hair'));
    const question = 'Is there an attribute that may mislead? One of CelebA\u2019s';
    return { format, target, spurious: given.attribute ?? (await answer(question, 'Male')) };
  }
  const beside = names.some((name) => /^train(?:ing)?$/i.test(name))
    ? await attributeTables(root, tables)
    : [];
  const areFolders =
    format === 'imagefolder' ||
    isFile(given.attribute) ||
    (tables.length > 0 && beside.length === tables.length) ||
    tables.length === 0;
  if (given.table === undefined && areFolders) {
    if (given.class !== undefined)
      throw misuse(
        'class',
        given.class,
        '`class` names a column, and the classes of image folders are the folders.',
      );
    const question =
      'Is there an attribute that may mislead? The name of a CSV file in that folder, of images and attributes';
    const attribute = given.attribute ?? (await answer(question, beside[0] ?? 'none'));
    return { format: 'imagefolder', ...(isNone(attribute) ? {} : { attribute }) };
  }
  return columnsOf(root, given, tables, answer);
}

/** The tables of images and an attribute, which have two columns and no split. */
async function attributeTables(root: string, tables: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const table of tables) if ((await headerOf(root, table)).length === 2) found.push(table);
  return found;
}

async function headerOf(root: string, table: string): Promise<readonly string[]> {
  return csvHeader((await readSource(join(root, table), 'the table')).bytes);
}

/** The columns of a table: the image and the split by their names, the class and the attribute as answered. */
async function columnsOf(
  root: string,
  given: Answers,
  tables: readonly string[],
  answer: Ask,
): Promise<DatasetOptions> {
  const byDefault = tables.find((name) => name === 'metadata.csv') ?? tables[0] ?? '';
  const table =
    given.table ??
    (tables.length > 1 ? await answer(`Which table? ${tables.join(', ')}`, byDefault) : byDefault);
  const header = await headerOf(root, table);
  const named = (role: keyof typeof COLUMN_NAMES): string | undefined =>
    header.find((name) => COLUMN_NAMES[role].test(name));
  const filename = named('filename');
  const split = named('split');
  if (filename === undefined || split === undefined) {
    throw new SpurmemError(
      'DATASET_INVALID',
      `${join(root, table)}: no column looks like that of ${filename === undefined ? 'the image files' : 'the split'}; its header has ${header.join(', ')}.`,
      { advice: ['Name it filename or split, or write the file of settings by hand, with `columns`.'] },
    );
  }
  const others = header.filter((name) => name !== filename && name !== split);
  const y =
    given.class ??
    (await answer(`What is the class? A column: ${others.join(', ')}`, named('y') ?? others[0] ?? ''));
  const left = others.filter((name) => name !== y).join(', ');
  const question = `Is there an attribute that may mislead? A column: ${left}; or none`;
  const a = given.attribute ?? (await answer(question, named('a') ?? 'none'));
  return { format: 'csv', table, columns: { filename, y, split, ...(isNone(a) ? {} : { a }) } };
}

/** Reads the data; image folders without validation or test images are divided as asked. */
async function loadWithSplits(
  data: string,
  reading: DatasetOptions,
  { heldOut }: Answers,
  ask: Ask | undefined,
): Promise<Dataset> {
  if (heldOut !== undefined) return loadDataset(data, { ...reading, heldOut });
  try {
    return await loadDataset(data, reading);
  } catch (error) {
    const isUndivided =
      error instanceof SpurmemError && error.advice.some((text) => text.includes('`heldOut`'));
    if (ask === undefined || !isUndivided) throw error;
    const share = Number(
      await ask(`${error.problem} What share of the training images should each of them get?`, '0.2'),
    );
    return loadDataset(data, { ...reading, heldOut: share });
  }
}

/** Options as a file of settings takes them. */
function flat(options: Dataset['options']): Record<string, string | number> {
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'object' && value !== null
      ? Object.entries(value)
          .map(([role, column]) => `${role}=${String(column)}`)
          .join()
      : (value as string | number),
  ]);
  return Object.fromEntries(entries) as Record<string, string | number>;
}

function isFile(attribute: string | undefined): boolean {
  return attribute !== undefined && /\.csv$/i.test(attribute);
}

function isNone(answer: string): boolean {
  return answer === '' || answer.toLowerCase() === 'none';
}
