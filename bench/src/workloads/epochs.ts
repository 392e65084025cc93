import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadDataset } from '#src/data/dataset.js';
import { SpurmemError } from '#src/errors.js';
import type { Architecture } from '#src/models/architectures.js';
import { trainErm } from '#src/train/methods.js';
import type { SideRun } from '../case.js';
import type { Workload, WorkloadPlace } from '../workload.js';

export interface EpochSettings {
  readonly data: string;
  /** The run's folder, which is removed first. */
  readonly out: string;
  readonly arch: Architecture;
  readonly batchSize: number;
  readonly lr: number;
}

/** More than are ever measured. */
const MANY_EPOCHS = 10_000;
/** Milliseconds between the checks of the event loop; a delay is what is beyond them. */
const RESOLUTION = 5;

/** Epochs of `train erm` with their validation, one a repeat, from the second on: the images are decoded. */
export async function laterEpochs(settings: EpochSettings, place: WorkloadPlace): Promise<Workload> {
  await rm(settings.out, { recursive: true, force: true });
  const units = await countImages(settings.data);
  await oneEpoch(settings, place, true);
  return {
    units,
    run: async () => {
      const { epochSeconds, delay } = await oneEpoch(settings, place, true);
      return { seconds: epochSeconds, measures: { 'event-loop delay p99 ms': delay } };
    },
  };
}

/** The first epoch of a run whose images were never decoded: from opening the dataset to the end of the epoch. */
export async function firstEpoch(settings: EpochSettings, place: WorkloadPlace): Promise<Workload> {
  return {
    units: await countImages(settings.data),
    run: async (): Promise<SideRun> => {
      await rm(settings.out, { recursive: true, force: true });
      await rm(join(settings.data, '.spurmem'), { recursive: true, force: true });
      const { allSeconds, delay } = await oneEpoch(settings, place, false);
      return { seconds: allSeconds, measures: { 'event-loop delay p99 ms': delay } };
    },
  };
}

/** Trains until one more epoch is finished, and stops there as a user would. */
async function oneEpoch(
  settings: EpochSettings,
  place: WorkloadPlace,
  resume: boolean,
): Promise<{ epochSeconds: number; allSeconds: number; delay: number }> {
  const stop = new AbortController();
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  const start = performance.now();
  let finished: { epochSeconds: number; allSeconds: number; delay: number } | undefined;
  delays.enable();
  try {
    await trainErm({
      ...{ ...settings, ...place, resume, epochs: MANY_EPOCHS, seed: 0 },
      signal: stop.signal,
      onEpoch: ({ seconds }) => {
        finished = {
          epochSeconds: seconds,
          allSeconds: (performance.now() - start) / 1000,
          delay: Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION),
        };
        stop.abort();
      },
    });
  } catch (error) {
    if (!(error instanceof SpurmemError) || error.code !== 'INTERRUPTED') throw error;
  } finally {
    delays.disable();
  }
  if (!finished) throw new Error('No epoch was finished');
  return finished;
}

/** Images of an epoch: those trained on and those validated on. */
async function countImages(data: string): Promise<number> {
  const { splits } = await loadDataset(data);
  return splits.train.length + splits.val.length;
}
