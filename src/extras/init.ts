import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { addJob } from '../cli/job.js';
import { datasetOption, ownOptions } from '../cli/options.js';
import { misuse } from '../cli/parameters.js';
import { datasetTable, summarizeDataset } from '../cli/tables.js';
import { type Dataset, type DatasetOptions, loadDataset, requireImages } from '../data/dataset.js';
import { loadSharp } from '../data/decode.js';
import { detectLayout } from '../data/layouts.js';
import { firstRows, kindOf, readSource } from '../data/sourceFile.js';
import { SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { writeAtomic } from '../files.js';
import { ARCHITECTURES } from '../models/architectures.js';
import type { JobOptions } from '../progress.js';
import { quotedWord } from '../provenance.js';
import { nearestSentence } from '../settings/names.js';
import { accepts } from '../settings/values.js';
import { MODEL_SETTINGS } from '../train/ermSettings.js';
import { isFile } from '../train/runFolder.js';

/** Answers that options give. */
interface Answers {
  readonly data?: string | undefined;
  /** A table's column, or one of CelebA's attributes. */
  readonly class?: string | undefined;
  /** A column, one of CelebA's attributes, or a CSV file of image folders; or none. */
  readonly attribute?: string | undefined;
  readonly arch?: string | undefined;
  readonly table?: string | undefined;
  readonly heldOut?: number | undefined;
}

/** Asks on the terminal; an empty answer is the fallback. */
type Ask = (question: string, fallback: string) => Promise<string>;

const OPTIONS = ownOptions<Answers & { readonly out: string }>((command) =>
  command
    .option('--data <folder>', 'folder of the images')
    .option('--class <column>', 'what is predicted: a column of the table, or an attribute of CelebA')
    .option('--attribute <column>', 'what may mislead: a column, a CSV file of image folders, or none')
    .option('--arch <name>', 'model (default: resnet18)')
    .addOption(datasetOption('table'))
    .addOption(datasetOption('heldOut'))
    .option('--out <file>', 'file of settings to write', 'spurmem.yaml'),
);

/** Pixels of a side with which a first try takes minutes. */
const FIRST_SIZE = 112;

/** The columns of a table by the names that they mostly have. */
const COLUMN_NAMES = {
  filename: /^(?:img_?|image_?)?(?:file_?name|file|path|image|img)(?:_?(?:path|id))?$/i,
  y: /^(?:y|label|class|target|category)(?:_?name)?$/i,
  split: /^(?:split|fold|partition|set|subset)$/i,
  a: /^(?:a|attribute|spurious|place|background|group|confounder)(?:_?name)?$/i,
} as const;

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async ({ out, ...given }, output, { signal, onInfo }) => {
    if (await isFile(out)) {
      const blame = { parameter: 'out', value: out, advice: ['Choose another `out`, or remove it.'] };
      throw new SpurmemError('RUN_EXISTS', `${out} is there already. Nothing was changed.`, blame);
    }
    const { dataset, options } = await asking(signal, (ask) => interview(given, ask, onInfo));
    await writeAtomic(out, settingsText({ ...options, ...(await firstTry(dataset, options)) }));
    const file = quotedWord(out);
    output.result(
      [
        datasetTable(dataset, output),
        `Settings: ${out}`,
        'Next:',
        `  npx spurmem train erm --config ${file} --dry-run   # all settings`,
        `  npx spurmem train erm --config ${file} --out runs/first`,
        '  npx spurmem reproduce fig2 --run runs/first        # its neurons, and a report',
        '  npx spurmem neurons --run runs/first               # the images they respond to',
      ].join('\n'),
      { settings: out, options, dataset: summarizeDataset(dataset) },
    );
  });
}

/** Runs a job that may ask on the terminal, if there is one. Throws `INTERRUPTED` when the terminal is closed meanwhile. */
async function asking<Result>(
  signal: AbortSignal | undefined,
  job: (ask: Ask | undefined) => Promise<Result>,
): Promise<Result> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return job(undefined);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<never>((_resolve, reject) => {
    const stop = (): void => {
      reject(new SpurmemError('INTERRUPTED', 'Stopped: nothing was written.'));
    };
    terminal.once('close', stop);
    signal?.addEventListener('abort', stop);
  });
  closed.catch(() => undefined);
  try {
    return await job(async (question, fallback) => {
      const answer = await Promise.race([terminal.question(`${question} [${fallback}]: `), closed]);
      return answer.trim() === '' ? fallback : answer.trim();
    });
  } finally {
    terminal.close();
  }
}

/**
 * Asks for the missing answers, and reads the data accordingly. Returns the answers as options of training.
 *
 * @param ask undefined without a terminal: the fallbacks are taken
 * @param onInfo called with each question whose fallback was taken
 * @throws `USAGE` if the data is missing and there is no terminal, and for answers that do not fit; errors of `loadDataset`
 */
export async function interview(
  given: Answers,
  ask: Ask | undefined,
  onInfo?: JobOptions['onInfo'],
): Promise<{ options: Record<string, string | number>; dataset: Dataset }> {
  const answer: Ask =
    ask ??
    ((question, fallback) => {
      onInfo?.(`${question}. Taken without asking: ${fallback}.`);
      return Promise.resolve(fallback);
    });
  if (given.data === undefined && ask === undefined) {
    const problem = 'There is no terminal to ask on: `data` is missing, the folder of the images.';
    throw misuse('data', undefined, problem);
  }
  const data = given.data ?? (await answer('Where are the images? A folder', 'data'));
  const reading = await readingOf(data, given, answer);
  const dataset = await loadWithSplits(data, reading, given, ask);
  const arch = given.arch ?? (await answer(`Which model? ${ARCHITECTURES.join(', ')}`, 'resnet18'));
  if (!accepts(MODEL_SETTINGS.arch.type, arch)) {
    throw misuse('arch', arch, `\`arch\` is ${arch}. ${nearestSentence(arch, ARCHITECTURES)}`);
  }
  return { options: { data, ...flat(dataset.options), arch }, dataset };
}

/** The options that read a folder: its layout, the class and the attribute. */
async function readingOf(data: string, given: Answers, answer: Ask): Promise<DatasetOptions> {
  const root = resolve(data);
  // Throws, and describes a dataset.
  if ((await kindOf(root)) !== 'folder') return loadDataset(root).then(() => ({}));
  const names = await readdir(root);
  const { name: format } = await detectLayout(root);
  if (format === 'celeba') {
    const target =
      given.class ?? (await answer('What is the class? One of CelebA\u2019s attributes', 'Blond_Hair'));
    const question = 'Is there an attribute that may mislead? One of CelebA\u2019s';
    return { format, target, spurious: given.attribute ?? (await answer(question, 'Male')) };
  }
  const tables = names.filter((name) => /\.csv$/i.test(name));
  // Next to image folders, a table of two columns has images and an attribute.
  const hasTrainFolder = names.some((name) => /^train(?:ing)?$/i.test(name));
  const heads = await Promise.all((hasTrainFolder ? tables : []).map((table) => headOf(root, table)));
  const named = tables.filter((_table, i) => heads[i]?.[0]?.length === 2);
  const isNamed = [given.table, given.class, given.attribute].some((one) => one !== undefined);
  if (format === 'waterbirds' && !isNamed) return { format };
  const isImageFolder =
    format === 'imagefolder' || given.attribute?.endsWith('.csv') === true || named.length === tables.length;
  if (given.table !== undefined || !isImageFolder) return columnsOf(root, given, tables, answer);
  if (given.class !== undefined) {
    const problem = '`class` names a column, and the classes of image folders are the folders.';
    throw misuse('class', given.class, problem);
  }
  const question =
    'Is there an attribute that may mislead? The name of a CSV file in that folder, of images and attributes';
  const attribute = given.attribute ?? (await answer(question, named[0] ?? 'none'));
  return { format: 'imagefolder', ...(isNone(attribute) ? {} : { attribute }) };
}

/** The header of a table and its first row. */
async function headOf(root: string, table: string): Promise<readonly (readonly string[])[]> {
  return firstRows((await readSource(join(root, table), 'the table')).bytes, 2);
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
  const [header = [], first = []] = await headOf(root, table);
  const named = (role: keyof typeof COLUMN_NAMES): string | undefined =>
    header.find((name) => COLUMN_NAMES[role].test(name));
  // A number, such as an image's id, names no file.
  const isFileName = (name: string): boolean => /\D/.test(first[header.indexOf(name)] ?? '');
  const filename =
    header.find((name) => COLUMN_NAMES.filename.test(name) && isFileName(name)) ?? named('filename');
  const split = named('split');
  if (filename === undefined || split === undefined) {
    const which = filename === undefined ? 'the image files' : 'the split';
    throw new SpurmemError(
      'DATASET_INVALID',
      `${join(root, table)}: no column looks like that of ${which}; its header has ${header.join(', ')}.`,
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

/** Reads the data; asks for the share of held-out images if they lack a split. Throws `DATASET_EMPTY_GROUP` without a terminal. */
async function loadWithSplits(
  data: string,
  reading: DatasetOptions,
  { heldOut }: Answers,
  ask: Ask | undefined,
): Promise<Dataset> {
  const dataset = await loadDataset(data, { ...reading, heldOut });
  const empty = SPLITS.filter((split) => dataset.splits[split].length === 0);
  if (empty.length === 0) return dataset;
  if (ask === undefined) requireImages(dataset);
  const question = `${data} has no images for ${empty.join(' and ')}. What share of the training images should each get?`;
  const share = ask && Number(await ask(question, '0.2'));
  return loadDataset(data, { ...reading, heldOut: share });
}

/** Options as a file of settings has them. */
function flat(options: Dataset['options']): Record<string, string | number> {
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'object' || value === null) return [name, value as string | number];
    return [
      name,
      Object.entries(value)
        .map(([role, column]) => `${role}=${String(column)}`)
        .join(),
    ];
  });
  return Object.fromEntries(entries) as Record<string, string | number>;
}

function isNone(answer: string): boolean {
  return answer === '' || answer.toLowerCase() === 'none';
}

/** Settings that a first try can afford: few epochs, and images of their own size or of 112 px. */
async function firstTry(dataset: Dataset, { arch }: Readonly<Record<string, string | number>>) {
  const [first] = dataset.examples;
  const sharp = await loadSharp();
  const { width = FIRST_SIZE, height = FIRST_SIZE } = await sharp(join(dataset.folder, first?.filename ?? ''))
    .metadata()
    .catch((): { width?: number; height?: number } => ({}));
  // A vision transformer has the size of its name.
  const size = /_\d+$/.test(String(arch)) ? {} : { imageSize: Math.min(width, height, FIRST_SIZE) };
  return { ...size, epochs: 5, batchSize: 64 };
}

/** The file of settings: the answers, and likely next changes. */
function settingsText(options: Readonly<Record<string, string | number>>): string {
  return [
    '# Settings for `npx spurmem train erm --config`; with --help it lists all of them. Flags win over this file.',
    stringify(options).trimEnd(),
    '# A first try. Without these lines: 100 epochs of batches of 256, 224 px, the article\u2019s recipe.',
    `# weights: data/weights/FILE   # npx spurmem fetch weights ${String(options.arch)} fetches ImageNet\u2019s; without, train longer`,
    '',
  ].join('\n');
}
