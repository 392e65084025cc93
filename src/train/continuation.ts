import { type Dataset, identityOf, isSameData } from '../data/dataset.js';
import type { Program } from '../models/exported/program.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import { protocolOf } from '../settings/setting.js';
import type { TrainingMethod } from './method.js';
import type { TrainedRun, TrainingResult } from './results.js';
import { modelOf, type RunConfig } from './runConfig.js';
import { dataOf, requireNoneLeftOut, requireTrainingOfRun } from './runData.js';
import { type OpenedRun, openRun } from './runFolder.js';
import type { RunOptions } from './runOptions.js';
import { type RunPlan, trainRun } from './trainRun.js';

/** The settings that every such method has. */
type Common = 'command' | 'protocol' | 'dataset' | 'weights' | 'seed' | keyof ReturnType<typeof modelOf>;

/** A method that trains a run's model further, by its differences from the others. */
interface ContinuationPlan<Options, Config extends RunConfig>
  extends Omit<TrainingMethod, 'startsFrom' | 'train'>, Pick<RunPlan<Config>, 'taskOf'> {
  /** The weights file to start from; default: the selected one. */
  readonly startAt?: (options: Options, from: OpenedRun) => Promise<string>;
  /** Resolves its own settings. Throws `USAGE`. */
  readonly configOf: (options: Options, from: OpenedRun, dataset: Dataset) => Omit<Config, Common>;
}

export interface ContinuationMethod<Options, Result extends TrainingResult> extends Omit<
  TrainingMethod,
  'train'
> {
  /**
   * Throws `RUN_NOT_FOUND` if `from` holds no trained run or lacks the epoch, `DATASET_INVALID` for another dataset, `USAGE` for a value
   * out of range, and what `trainRun` throws.
   */
  train(options: Options): Promise<TrainedRun<Result>>;
}

export function continuationMethod<
  Options extends RunOptions & { readonly from: string },
  Config extends RunConfig,
  Result extends TrainingResult = TrainingResult,
>(plan: ContinuationPlan<Options, Config>): ContinuationMethod<Options, Result> {
  const { name, settings, startAt } = plan;
  return {
    ...plan,
    startsFrom: 'run',
    async train(options) {
      const from = await openRun(options.from);
      requireNoneLeftOut(from);
      const { folder, config } = from;
      const weights = (await startAt?.(options, from)) ?? from.weights;
      const program =
        config.program === undefined
          ? undefined
          : { path: folder.program, name: config.arch as Program['name'] };
      const configOf = async (dataset: Dataset): Promise<Config> => {
        requireTrainingOfRun(from, dataset);
        const whole: Pick<RunConfig, Common> = {
          command: `train ${name}`,
          protocol: protocolOf(settings, options, config),
          dataset: identityOf(dataset),
          ...modelOf(config),
          weights: await weightsFingerprint(weights),
          ...plan.configOf(options, from, dataset),
          seed: options.seed ?? 0,
        };
        return whole as Config;
      };
      const trained = await trainRun(
        { ...options, ...dataOf(from, options) },
        {
          ...plan,
          weights,
          program,
          inherited: config,
          configOf,
          measuresStart: ({ dataset }) => !isSameData(config.dataset, dataset),
        },
      );
      return trained as TrainedRun<Result>;
    },
  };
}
