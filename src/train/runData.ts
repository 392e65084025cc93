import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { DataDescription } from '../data/dataDescription.js';
import {
  type Dataset,
  datasetOf,
  type DatasetOptions,
  identityOf,
  isSameData,
  loadDataset,
} from '../data/dataset.js';
import { CONFIG_NAME, parseDatasetConfig } from '../data/datasetConfig.js';
import { drawnWithoutRepeats } from '../data/sampling.js';
import type { Split } from '../data/split.js';
import { ticksLine } from '../data/ticks.js';
import { SpurmemError, usageError } from '../errors.js';
import { readWhole } from '../files.js';
import { native } from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import { defined } from '../settings/setting.js';
import { inputLine } from './inputRecord.js';
import type { RunConfig } from './runConfig.js';
import type { OpenedRun } from './runFolder.js';
import { preparedAs } from './runModel.js';

/** Reads a run's record of its data, with the names that the data have now. Throws `RUN_INVALID` if it is missing. */
export async function readRunData(
  run: Pick<OpenedRun, 'folder' | 'config' | 'environment'>,
): Promise<DataDescription> {
  const { folder } = run;
  const data = await folder.readData();
  if (data) return { ...data, ...(await newNames(run, data)) };
  throw new SpurmemError('RUN_INVALID', `${folder.path} has no data.json, which training writes.`, {
    advice: ['Restore it, or train anew in another folder.'],
  });
}

/** Returns names that were given to a run's classes and groups since it was trained, if its data are still there. */
async function newNames(
  { config, environment }: Pick<OpenedRun, 'config' | 'environment'>,
  data: DataDescription,
): Promise<Partial<DataDescription>> {
  const path = join(environment.data, CONFIG_NAME);
  const described = await readWhole(path)
    .then((bytes) => parseDatasetConfig(path, bytes))
    .catch(() => undefined);
  // Most have the names that they had: their table, which may be long, is not read.
  const isKnown = (['targetNames', 'spuriousNames'] as const).every((key) =>
    isDeepStrictEqual(described?.[key], data[key]),
  );
  if (described === undefined || isKnown) return {};
  const dataset = await loadDataset(environment.data, environment.dataOptions).catch(() => undefined);
  if (dataset === undefined || !isSameData(dataset, config.dataset)) return {};
  const { targetNames, spuriousNames, groupNames } = dataset;
  return { targetNames, spuriousNames, groupNames };
}

/** Returns the caller's dataset and options, or else the run's; names and ticks alone are put into the run's. */
export function dataOf(
  { environment }: Pick<OpenedRun, 'environment'>,
  given: DataOptions,
): { readonly data: string | Dataset; readonly datasetOptions: DatasetOptions | undefined } {
  return {
    data: given.data ?? environment.data,
    datasetOptions: isAdded(given)
      ? { ...environment.dataOptions, ...defined(given.datasetOptions ?? {}) }
      : given.datasetOptions,
  };
}

/** Whether options of reading only add to others: they say nothing about where images and labels are. */
function isAdded({ datasetOptions = {} }: DataOptions): boolean {
  return Object.keys(defined(datasetOptions)).every((name) =>
    /^(?:(?:class|attribute)Names|ticks)$/.test(name),
  );
}

interface DataOptions {
  readonly data?: string | Dataset | undefined;
  readonly datasetOptions?: DatasetOptions | undefined;
}

/** Throws `DATASET_INVALID` if the dataset is not the run's. */
function requireDatasetOfRun({ config, folder }: OpenedRun, dataset: Dataset): void {
  if (!isSameData(dataset, config.dataset)) throw notOfRun(folder, dataset);
}

/** Throws `DATASET_INVALID` if the training images or their classes are not the run's. Groups may differ. */
export function requireTrainingOfRun({ config, environment, folder }: OpenedRun, dataset: Dataset): void {
  if (isSameData(dataset, config.dataset)) return;
  // Elsewhere, images of the same names may be others.
  const isThere = dataset.folder === environment.data;
  if (!isThere || identityOf(dataset).training !== config.dataset.training) throw notOfRun(folder, dataset);
}

/** Results of traces are recorded with the run, whose groups are others. */
const BY_TICKS = 'To trace a run by ticks, adopt its weights with them.';

function notOfRun(folder: OpenedRun['folder'], dataset: Dataset): SpurmemError {
  return new SpurmemError(
    'DATASET_INVALID',
    `${dataset.folder} is not the dataset that ${folder.path} was trained on (its table or dataset.json differs).`,
    {
      parameter: 'data',
      advice: [
        'Name the right folder as `data`, or train on this one. A repair may have other groups of the same training images and classes, in the same folder.',
        ...(dataset.options.ticks === undefined ? [] : [BY_TICKS]),
      ],
    },
  );
}

/**
 * Returns a run's dataset: its training split lacks the images that `leaveOut` leaves out of each group, drawn by the seed; `examples` keeps
 * them. Throws `USAGE` if a group is too small to leave one out.
 */
export function trainedOn(
  dataset: Dataset,
  { leaveOut, seed }: Pick<RunConfig, 'leaveOut' | 'seed'>,
): Dataset {
  if (leaveOut === undefined) return dataset;
  const { groups, groupNames, splits } = dataset;
  const all = imagesOf(dataset, 'train');
  const kept = new Set(all);
  const ofGroups = groupNames.map((_, group) => all.filter((index) => groups[index] === group));
  const smallest = Math.min(...ofGroups.map(({ length }) => length || Infinity));
  if (Math.floor(leaveOut * smallest) === 0) {
    const group = ofGroups.findIndex(({ length }) => length === smallest);
    throw tooSmall(`group ${group} (${groupNames[group] ?? ''})`, smallest, leaveOut);
  }
  const generator = new (native().Generator)(seed);
  const counts = ofGroups.map((own) => {
    const left = Math.floor(leaveOut * own.length);
    for (const index of drawnWithoutRepeats(own, left, generator)) kept.delete(index);
    return own.length - left;
  });
  const train = all.filter((index) => kept.has(index));
  return { ...dataset, splits: { ...splits, train }, counts: { ...dataset.counts, train: counts } };
}

/** Returns the indices of a split's images, with those that a run left out of training. */
export function imagesOf({ examples }: Dataset, split: Split): Int32Array {
  return Int32Array.from(examples.keys()).filter((index) => examples[index]?.split === split);
}

function tooSmall(group: string, size: number, share: number): SpurmemError {
  const problem = `\`leaveOut\` is ${share}, and ${group} has ${size} training ${size === 1 ? 'image' : 'images'}: it would leave out none.`;
  const least = Math.ceil(1000 / size) / 1000;
  return size === 1
    ? usageError('leaveOut', share, 'nothing here', problem, 'Add images of this group, or remove it.')
    : usageError(
        'leaveOut',
        share,
        `a share from ${least}`,
        problem,
        `The smallest share that works is ${least}.`,
      );
}

/** Throws `USAGE` if a run left images out of training: training it further would show it these. */
export function requireNoneLeftOut({ config: { leaveOut }, folder }: OpenedRun): void {
  if (leaveOut === undefined) return;
  const problem = `${folder.path} left images out of training (\`leaveOut\` ${leaveOut}), and training it further would show it these.`;
  throw usageError('from', folder.path, 'a run that trained on all images', problem);
}

/**
 * Loads a run's dataset, with the images that it trained on as the training split, and reports what the network is fed. Throws
 * `DATASET_INVALID` if it is not the one that the run was trained on, and what loading it throws.
 *
 * @param options.mayRegroup whether its groups may be others, for results that are not recorded
 */
export async function openDataset(
  run: OpenedRun,
  options: DataOptions & Pick<JobOptions, 'onInfo'> & { readonly mayRegroup?: boolean },
): Promise<Dataset> {
  const { data, datasetOptions } = dataOf(run, options);
  const dataset = await datasetOf(data, datasetOptions);
  if (options.mayRegroup === true) requireTrainingOfRun(run, dataset);
  else requireDatasetOfRun(run, dataset);
  options.onInfo?.(inputLine(preparedAs(run.config, dataset).preprocessing, run.environment.input));
  const ticks = ticksLine(dataset);
  if (ticks !== undefined) options.onInfo?.(ticks);
  return trainedOn(dataset, run.config);
}
