import type { DataDescription } from '../data/dataDescription.js';
import { type Dataset, datasetOf, type DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import type { OpenedRun } from './runFolder.js';

/** Reads a run's record of its data. Throws `RUN_INVALID` if it is missing. */
export async function readRunData({ folder }: Pick<OpenedRun, 'folder'>): Promise<DataDescription> {
  const data = await folder.readData();
  if (data) return data;
  throw new SpurmemError('RUN_INVALID', `${folder.path} has no data.json, which training writes.`, {
    advice: ['Restore it, or train anew in another folder.'],
  });
}

/** Returns the caller's dataset and options, or else the run's. */
export function dataOf(
  { environment }: Pick<OpenedRun, 'environment'>,
  given: DataOptions,
): { readonly data: string | Dataset; readonly datasetOptions: DatasetOptions | undefined } {
  return {
    data: given.data ?? environment.data,
    datasetOptions: given.datasetOptions ?? environment.dataOptions,
  };
}

interface DataOptions {
  readonly data?: string | Dataset | undefined;
  readonly datasetOptions?: DatasetOptions | undefined;
}

/** Throws `DATASET_INVALID` if the dataset is not the run's. */
export function requireDatasetOfRun({ config, folder }: OpenedRun, dataset: Dataset): void {
  if (dataset.fingerprint === config.dataset.fingerprint) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${dataset.folder} is not the dataset that ${folder.path} was trained on (its table or dataset.json differs).`,
    { parameter: 'data', advice: ['Name the right folder as `data`, or train on this one.'] },
  );
}

/** Loads a run's dataset. Throws `DATASET_INVALID` if it is not the one that the run was trained on, and what loading it throws. */
export async function openDataset(run: OpenedRun, options: DataOptions): Promise<Dataset> {
  const { data, datasetOptions } = dataOf(run, options);
  const dataset = await datasetOf(data, datasetOptions);
  requireDatasetOfRun(run, dataset);
  return dataset;
}
