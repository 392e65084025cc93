import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { type Dataset, emptyGroups, loadDataset } from '../data/dataset.js';
import { columnsAsText, SUBPOPBENCH_COLUMNS } from '../data/layouts/tables.js';
import { insideOf, kindOf, relativePath } from '../data/sourceFile.js';
import { invalidParameter, SpurmemError } from '../errors.js';
import { makeFolder, writeAtomic } from '../files.js';
import { evaluate } from '../metrics/evaluate.js';
import { openEngine } from '../native/engine.js';
import { checkOptions } from '../settings/options.js';
import { text } from '../settings/values.js';
import { openDataset } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { loadModel, openImages } from '../train/runModel.js';
import { OF_RUN_TYPES, type OfRunOptions } from './traceSession.js';

export interface PredictGroupsOptions extends OfRunOptions {
  /** The table's path, relative to the dataset's folder; default: `groups/<run's folder>.csv`. */
  readonly table?: string | undefined;
}

/** A dataset grouped by a model's right and wrong predictions. */
export interface PredictedGroups {
  readonly dataset: Dataset;
  /** Relative to the dataset's folder. */
  readonly table: string;
  /** The table's columns in the syntax of the option that names columns: `filename=filename,...`. */
  readonly columns: string;
}

/**
 * Makes groups for a dataset without a known spurious attribute: the images of each class that an identification model predicts right,
 * and the others, as JTT (Liu et al. 2021) and Correct-n-Contrast (Zhang et al. 2022) find minority examples. Writes a table next to the
 * dataset's own, which every command reads as a dataset with that attribute.
 *
 * @param options.run the identification model: an ERM run of few epochs, or the `identification/` of a JTT or CnC run
 * @throws `USAGE` if a class of the training split has no errors; `OUTPUT_UNWRITABLE` if another table has that path; and what
 *   loading the dataset and the weights throws
 */
export async function predictGroups(options: PredictGroupsOptions): Promise<PredictedGroups> {
  const types = { ...OF_RUN_TYPES, table: text('a file in the dataset\u2019s folder') };
  checkOptions(options, { types, required: ['run'] });
  const run = await openRun(options.run);
  const { config, folder, weights } = run;
  using context = await openEngine(options);
  const dataset = await openDataset(run, options);
  const table = tableOf(dataset.folder, options.table ?? `groups/${basename(folder.path)}.csv`);
  using loader = await openImages(config, dataset, { ...options, context });
  using model = await loadModel(config, loader, weights, folder);
  const all = Int32Array.from(dataset.examples.keys());
  const { onProgress, signal } = options;
  const { batchSize } = config;
  const job = { onProgress, signal, batchSize, task: 'predicted groups' };
  const { predictions } = await evaluate(model, loader, all, job);
  const isRight = (index: number): boolean => predictions[index] === dataset.labels[index];
  requireErrors(dataset, isRight, folder.path);
  await writeTable(dataset, table, isRight);
  const found = await loadWritten(dataset, table);
  const empty = emptyGroups(found);
  if (empty !== undefined) {
    options.onWarning?.(`${empty} Accuracies leave these groups out there.`);
  }
  return { dataset: found, table, columns: columnsAsText(SUBPOPBENCH_COLUMNS) };
}

function tableOf(data: string, given: string): string {
  return relativePath(insideOf(data, given), () => {
    throw invalidParameter('table', given, 'a file in the dataset\u2019s folder');
  });
}

/** Throws `USAGE` if a class has no errors, and thus no minority. */
function requireErrors(dataset: Dataset, isRight: (index: number) => boolean, run: string): void {
  const { splits, labels, targetNames } = dataset;
  const without = targetNames.filter(
    (_, y) => !splits.train.some((index) => labels[index] === y && !isRight(index)),
  );
  if (without.length === 0) return;
  throw new SpurmemError(
    'USAGE',
    `The model of ${run} gets every training image of ${without.join(', ')} right: there are no errors to tell groups by.`,
    {
      parameter: 'run',
      value: run,
      expected: 'a run of fewer epochs',
      advice: ['Train one of fewer epochs, or with weight decay, and name it as `run`.'],
    },
  );
}

async function writeTable(
  dataset: Dataset,
  table: string,
  isRight: (index: number) => boolean,
): Promise<void> {
  const path = join(dataset.folder, table);
  if ((await kindOf(path)) !== undefined) {
    const problem = `${path} is there already, and runs may have been trained on it.`;
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, {
      advice: ['Name another file as `table`, or remove that one.'],
    });
  }
  // Words are numbered in sorted order; if that order differs, the numbers are written instead.
  const { targetNames, options, examples } = dataset;
  const areWords = [...targetNames].sort().every((name, y) => name === targetNames[y]);
  const { filename, split, y, a } = SUBPOPBENCH_COLUMNS;
  const below = options.images === undefined ? '' : `${options.images}/`;
  const rows = examples.map((example, index) => ({
    [filename]: example.filename.slice(below.length),
    [split]: example.split,
    [y]: areWords ? targetNames[example.y] : example.y,
    [a]: isRight(index) ? 'right' : 'wrong',
  }));
  await makeFolder(dirname(path));
  await writeAtomic(path, stringify(rows, { header: true, columns: [filename, split, y, a] }));
}

/** Loads the dataset as commands will, and removes the table if that fails. */
async function loadWritten({ folder, options }: Dataset, table: string): Promise<Dataset> {
  const { images } = options;
  try {
    return await loadDataset(folder, { format: 'csv', table, columns: SUBPOPBENCH_COLUMNS, images });
  } catch (error) {
    await rm(join(folder, table), { force: true });
    throw error;
  }
}
