import { BatchLoader } from '#src/data/batches.js';
import { loadDataset } from '#src/data/dataset.js';
import { native } from '#src/native/addon.js';
import { setThreads } from '#src/native/device.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface PipelineSettings {
  /** The dataset's folder. */
  readonly data: string;
  readonly batch: number;
  /** With the training augmentation and shuffled, or as in evaluation. */
  readonly training: boolean;
}

/** All training images of a dataset as batches, with nothing else to do: decoded once, before it is measured. */
export async function pipeline(
  { data, batch, training }: PipelineSettings,
  { device, threads }: WorkloadPlace,
): Promise<Workload> {
  await setThreads(threads);
  const dataset = await loadDataset(data);
  const loader = await BatchLoader.open(dataset, { device });
  const generator = new (native().Generator)(0);
  const indices = dataset.splits.train;
  return {
    units: indices.length,
    run: async () => ({
      seconds: await secondsOf(async () => {
        const batches = training
          ? loader.training(indices, batch, generator)
          : loader.evaluation(indices, batch);
        for await (const prepared of batches) prepared[Symbol.dispose]();
      }),
    }),
  };
}
