import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader } from '#src/data/batches.js';
import { loadDataset } from '#src/data/dataset.js';
import { native } from '#src/native/addon.js';
import { setThreads } from '#src/native/engine.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface PipelineSettings {
  /** The dataset's folder. */
  readonly data: string;
  readonly batch: number;
  /** With the training augmentation and shuffled, or as in evaluation. */
  readonly training: boolean;
  /** Whether each repeat decodes the images, as a run on a new dataset does; else they are decoded before. */
  readonly isCold: boolean;
}

/** Makes batches of all training images of a dataset, and nothing else. */
export async function pipeline(
  { data, batch, training, isCold }: PipelineSettings,
  { device, threads }: WorkloadPlace,
): Promise<Workload> {
  await setThreads(threads);
  const dataset = await loadDataset(data);
  const open = () => BatchLoader.open(dataset, { device });
  const kept = isCold ? undefined : await open();
  const generator = new (native().Generator)(0);
  const indices = dataset.splits.train;
  return {
    units: indices.length,
    run: async () => {
      if (isCold) await rm(join(data, '.spurmem'), { recursive: true, force: true });
      let loader = kept;
      const seconds = await secondsOf(async () => {
        loader ??= await open();
        const batches = training
          ? loader.training(indices, batch, generator)
          : loader.evaluation(indices, batch);
        for await (const prepared of batches) prepared[Symbol.dispose]();
      });
      if (kept === undefined) loader?.[Symbol.dispose]();
      return { seconds };
    },
  };
}
