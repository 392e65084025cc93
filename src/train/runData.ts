import { describeData, type DataDescription } from '../data/dataDescription.js';
import { loadDataset, type Dataset, type DatasetOptions } from '../data/dataset.js';
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

/**
 * A run's dataset, loaded where it is not yet.
 *
 * @throws `DATASET_INVALID` when it is not what the run was trained on, and what loading it throws
 */
export async function openDataset(
  { folder, config, environment }: OpenedRun,
  options: {
    readonly data?: string | Dataset | undefined;
    readonly datasetOptions?: DatasetOptions | undefined;
  },
): Promise<Dataset> {
  const { data = environment.data, datasetOptions = environment.dataOptions } = options;
  const dataset = typeof data === 'string' ? await loadDataset(data, datasetOptions) : data;
  requireDatasetOfRun(config.dataset.fingerprint, dataset, folder);
  return dataset;
}
