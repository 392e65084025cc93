import type { Dataset } from '../data/dataset.js';
import { type Program, readProgram } from '../models/exported/program.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { protocolOf } from '../settings/setting.js';
import type { TrainingMethod } from './method.js';
import type { TrainedRun, TrainingResult } from './results.js';
import { modelOf, type RunConfig } from './runConfig.js';
import { dataOf, requireDatasetOfRun } from './runData.js';
import { defaultRunFolder, type OpenedRun, openRun } from './runFolder.js';
import type { MethodOptions, RunOptions } from './runOptions.js';
import type { RunPlan } from './startRun.js';

/** The start of a method that goes on from a run. */
export interface FromRun {
  /** The folder of the run whose model is trained on. */
  readonly from: string;
  /** Default: the data that the run was trained on. */
  readonly data?: RunOptions['data'] | undefined;
}

/** The options of a method of epochs that goes on from a run. */
export interface ContinuationOptions extends Omit<MethodOptions, keyof FromRun>, FromRun {}

/** The settings that every such method has. */
type Common = 'command' | 'protocol' | 'dataset' | 'weights' | 'seed' | keyof ReturnType<typeof modelOf>;

/** A method that goes on from a run's model, by its differences from the others. */
interface ContinuationPlan<Options, Config extends RunConfig, Result> extends Omit<
  TrainingMethod,
  'startsFrom' | 'train'
> {
  /** The weights file to start from; default: the selected one. */
  readonly startAt?: (options: Options, from: OpenedRun) => Promise<string>;
  /** Its own settings. Throws `USAGE`. */
  readonly configOf: (options: Options, from: OpenedRun, dataset: Dataset) => Omit<Config, Common>;
  readonly run: (
    options: Options & Pick<RunOptions, 'data'>,
    plan: RunPlan<Config>,
  ) => Promise<TrainedRun<Result & TrainingResult>>;
}

export interface ContinuationMethod<Options, Result> extends Omit<TrainingMethod, 'train'> {
  /**
   * Throws `RUN_NOT_FOUND` when `from` holds no trained run or not the epoch asked for, `DATASET_INVALID` for another dataset,
   * `USAGE` for a value out of range, and what `startRun` throws.
   */
  train(options: Options): Promise<TrainedRun<Result & TrainingResult>>;
}

export function continuationMethod<
  Options extends Omit<RunOptions, 'data'> & FromRun & Pick<MethodOptions, 'protocol'>,
  Config extends RunConfig,
  Result = TrainingResult,
>(plan: ContinuationPlan<Options, Config, Result>): ContinuationMethod<Options, Result> {
  const { name, settings, startAt, run } = plan;
  return {
    ...plan,
    startsFrom: 'run',
    async train(options) {
      const from = await openRun(options.from);
      const { folder, config } = from;
      const weights = (await startAt?.(options, from)) ?? from.weights;
      const prepare = async (dataset: Dataset) => {
        requireDatasetOfRun(from, dataset);
        const own = plan.configOf(options, from, dataset);
        const whole: Pick<RunConfig, Common> = {
          command: `train ${name}`,
          protocol: protocolOf(settings, options, config),
          dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
          ...modelOf(config),
          weights: await weightsFingerprint(weights),
          ...own,
          seed: options.seed ?? 0,
        };
        const program =
          config.program === undefined
            ? undefined
            : await readProgram(folder.program, config.arch as Program['name']);
        return { config: whole as Config, program };
      };
      return run(
        { ...options, ...dataOf(from, options) },
        {
          ...plan,
          prepare,
          outOf: ({ name: dataset }) => defaultRunFolder(name, dataset, options.from),
          weights,
          from: folder.path,
          toleratesEmptyGroups: true,
        },
      );
    },
  };
}
