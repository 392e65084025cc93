import type { DataDescription } from '../data/dataDescription.js';
import { type Dataset, datasetOf, type DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { type OpenedRun, requireDatasetOfRun } from './runFolder.js';

/** The names, counts and sample pictures that a run keeps of its data. Throws `RUN_INVALID` where the folder has none. */
export async function readRunData({ folder }: Pick<OpenedRun, 'folder'>): Promise<DataDescription> {
  const data = await folder.readData();
  if (data) return data;
  throw new SpurmemError('RUN_INVALID', `${folder.path} has no data.json, which training writes.`, {
    advice: ['Restore it, or train anew in another folder.'],
  });
}

/** Where a run's dataset is and how it is read, as far as a caller does not say. */
export function dataOf(
  { environment }: Pick<OpenedRun, 'environment'>,
  given: DataOptions,
): { readonly data: string | Dataset; readonly datasetOptions: DatasetOptions | undefined } {
  return {
    data: given.data ?? environment.data,
    datasetOptions: given.datasetOptions ?? environment.dataOptions,
  };
}

/** The dataset of a run, where it is not what the run says. */
interface DataOptions {
  readonly data?: string | Dataset | undefined;
  readonly datasetOptions?: DatasetOptions | undefined;
}

/**
 * A run's dataset, loaded where it is not yet.
 *
 * @throws `DATASET_INVALID` when it is not what the run was trained on, and what loading it throws
 */
export async function openDataset(run: OpenedRun, options: DataOptions): Promise<Dataset> {
  const { data, datasetOptions } = dataOf(run, options);
  const dataset = await datasetOf(data, datasetOptions);
  requireDatasetOfRun(run.config.dataset.fingerprint, dataset, run.folder);
  return dataset;
}
