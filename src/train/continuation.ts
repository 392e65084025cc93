import type { Dataset } from '../data/dataset.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { protocolOf } from '../settings/setting.js';
import type { MethodOptions, TrainingMethod } from './method.js';
import type { TrainedRun, TrainingResult } from './results.js';
import { modelOf, type RunConfig } from './runConfig.js';
import { dataOf } from './runData.js';
import { type OpenedRun, openRun, requireDatasetOfRun } from './runFolder.js';
import type { RunOptions, RunPlan } from './startRun.js';

/** The start of a method that goes on from a run. */
export interface FromRun {
  /** The run folder whose model is trained on. */
  readonly from: string;
  /** The dataset or its folder; by default the one that the run was trained on. */
  readonly data?: RunOptions['data'] | undefined;
}

/** The part of a configuration that every method which goes on from a run has. */
type Common = 'command' | 'protocol' | 'dataset' | 'weights' | 'seed' | keyof ReturnType<typeof modelOf>;

/** A method that goes on from a run's model, by its differences from the others. */
export interface ContinuationPlan<Options, Config extends RunConfig, Result> extends Omit<
  TrainingMethod,
  'startsFrom' | 'train'
> {
  /** The file of the weights to start from; default: those that the run selected. */
  readonly startAt?: (options: Options, from: OpenedRun) => Promise<string>;
  /** Its configuration beside what all have. Throws `USAGE`. */
  readonly configOf: (options: Options, from: OpenedRun, dataset: Dataset) => Omit<Config, Common>;
  readonly run: (
    options: Options & Pick<RunOptions, 'data'>,
    plan: RunPlan<Config>,
  ) => Promise<TrainedRun<Result & TrainingResult>>;
}

/** A training method that goes on from a run's model. */
export interface ContinuationMethod<Options, Result> extends Omit<TrainingMethod, 'train'> {
  /**
   * @throws `RUN_NOT_FOUND` when `from` holds no trained run or not the epoch asked for, `DATASET_INVALID` for another dataset,
   *   `USAGE` for a value out of range, and what `startRun` throws
   */
  train(options: Options): Promise<TrainedRun<Result & TrainingResult>>;
}

/** Makes a training method of its differences from the others that go on from a run. */
export function continuationMethod<
  Options extends Omit<RunOptions, 'data'> & FromRun & Pick<MethodOptions, 'protocol'>,
  Config extends RunConfig,
  Result = TrainingResult,
>(plan: ContinuationPlan<Options, Config, Result>): ContinuationMethod<Options, Result> {
  const { name, settings, isDistributed, startAt, configOf, run } = plan;
  return {
    ...plan,
    startsFrom: 'run',
    async train(options) {
      const from = await openRun(options.from);
      const { folder, config } = from;
      const weights = startAt === undefined ? from.weights : await startAt(options, from);
      return run(
        { ...options, ...dataOf(from, options) },
        {
          configOf: async (dataset) => {
            requireDatasetOfRun(config.dataset.fingerprint, dataset, folder);
            const own = configOf(options, from, dataset);
            const whole: Pick<RunConfig, Common> = {
              command: `train ${name}`,
              protocol: protocolOf(settings, options, config),
              dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
              ...modelOf(config),
              weights: await weightsFingerprint(weights),
              ...own,
              seed: options.seed ?? 0,
            };
            return whole as Config;
          },
          outOf: () => `${options.from.replace(/\/+$/, '')}-${name}`,
          weights,
          from: folder.path,
          isDistributed,
          toleratesEmptyGroups: true,
        },
      );
    },
  };
}
