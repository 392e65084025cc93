import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { loadDataset } from '#src/data/dataset.js';
import { SpurmemError } from '#src/errors.js';
import type { Architecture } from '#src/models/architectures.js';
import type { Precision } from '#src/native/interface.js';
import { trainErm, trainFinetune } from '#src/train/methods.js';
import type { SideRun } from '../case.js';
import type { Workload, WorkloadPlace } from '../workload.js';

export interface EpochSettings {
  readonly data: string;
  /** The run's folder, which is removed first. */
  readonly out: string;
  readonly arch: Architecture;
  readonly batchSize: number;
  readonly lr: number;
  readonly precision?: Precision;
}

export interface FinetuningEpochSettings extends Omit<EpochSettings, 'lr'> {
  /** The worst training samples, how many of them are drawn for the gradient, and the share of the neurons that it masks. */
  readonly gradientWorst: number;
  readonly gradientDrawn: number;
  readonly fraction: number;
  /** The share of the image that crops cover. */
  readonly scale: readonly [least: number, most: number];
}

/** Settings of training in addition to a method's own. */
type Train = (
  more: Pick<Parameters<typeof trainErm>[0], 'resume' | 'epochs' | 'seed' | 'signal' | 'onEpoch'>,
) => Promise<unknown>;

/** ERM with settings that the rival has, too. */
function ermOf(
  { data, out, arch, batchSize, lr, precision }: EpochSettings,
  { device, threads }: WorkloadPlace,
): Train {
  return (more) => trainErm({ data, out, arch, batchSize, lr, precision, device, threads, ...more });
}

/** More epochs than are ever measured. */
const MANY_EPOCHS = 10_000;
/** Milliseconds between the checks of the event loop; the excess is the delay. */
const RESOLUTION = 5;

/** Epochs of `train erm` with validation, one per repeat, from the second on: the images are decoded. */
export async function laterEpochs(settings: EpochSettings, place: WorkloadPlace): Promise<Workload> {
  return epochsAfterFirst(settings, ermOf(settings, place));
}

/** Epochs of `train finetune`, from a run of one epoch that it makes. */
export async function laterFinetuningEpochs(
  settings: FinetuningEpochSettings,
  { device, threads }: WorkloadPlace,
): Promise<Workload> {
  const { data, batchSize, precision, out } = settings;
  const from = `${out}-erm`;
  await rm(from, { recursive: true, force: true });
  await ermOf({ ...settings, out: from, lr: 1e-4 }, { device, threads })({ epochs: 1, seed: 0 });
  const { fraction, gradientWorst, gradientDrawn, scale } = settings;
  return epochsAfterFirst(settings, (more) =>
    trainFinetune({
      from,
      data,
      out,
      batchSize,
      precision,
      kickInEpoch: 'selected',
      fraction,
      gradientWorst,
      gradientDrawn,
      viewAugmentation: { scale, horizontalFlip: 0.5 },
      device,
      threads,
      ...more,
    }),
  );
}

async function epochsAfterFirst(
  { data, out }: { readonly data: string; readonly out: string },
  train: Train,
): Promise<Workload> {
  await rm(out, { recursive: true, force: true });
  const units = await countImages(data);
  await oneEpoch(train, true);
  return {
    units,
    run: async () => {
      const { epochSeconds, delay } = await oneEpoch(train, true);
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
      const { allSeconds, delay } = await oneEpoch(ermOf(settings, place), false);
      return { seconds: allSeconds, measures: { 'event-loop delay p99 ms': delay } };
    },
  };
}

/** Trains until one more epoch is finished, and stops there as a user would. */
async function oneEpoch(
  train: Train,
  resume: boolean,
): Promise<{ epochSeconds: number; allSeconds: number; delay: number }> {
  const stop = new AbortController();
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  const start = performance.now();
  let finished: { epochSeconds: number; allSeconds: number; delay: number } | undefined;
  delays.enable();
  try {
    await train({
      resume,
      epochs: MANY_EPOCHS,
      seed: 0,
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
