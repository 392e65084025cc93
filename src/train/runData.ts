import { describeData, type DataDescription } from '../data/dataDescription.js';
import { datasetOf, type Dataset, type DatasetOptions } from '../data/dataset.js';
import { requireDatasetOfRun, type OpenedRun } from './runFolder.js';

/**
 * What is told of a run's data: its groups, their sizes and sample pictures. The run folder has it; only for a run from before
 * runs kept it, the dataset is read.
 *
 * @param data the dataset's folder, where it is no longer the one that the run was trained on
 * @throws `RUN_INVALID`, and for older runs what loading the dataset throws
 */
export async function readRunData(run: OpenedRun, data?: string): Promise<DataDescription> {
  return (await run.folder.readData()) ?? describeData(await openDataset(run, { data }));
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
