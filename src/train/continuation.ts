import { type Dataset, identityOf, isSameData } from '../data/dataset.js';
import type { Program } from '../models/exported/program.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import { protocolOf } from '../settings/setting.js';
import type { Start, TrainingMethod } from './method.js';
import { modelOf, type RunConfig } from './runConfig.js';
import { dataOf, requireNoneLeftOut, requireTrainingOfRun } from './runData.js';
import { type OpenedRun, openRun } from './runFolder.js';
import type { RunOptions } from './runOptions.js';

/** The run to start from is required. */
export type FromRun = RunOptions & { readonly from: string };

/** The settings that every such method has. */
type Common = 'command' | 'protocol' | 'dataset' | 'weights' | 'seed' | keyof ReturnType<typeof modelOf>;

/**
 * Starts a method from a run's model.
 *
 * @param startAt returns the weights file; default: the selected one
 * @param own resolves the method's own settings. Throws `USAGE`.
 * @throws `RUN_NOT_FOUND` if `from` holds no trained run or lacks the epoch, `DATASET_INVALID` for another dataset, `USAGE` for a value
 *   out of range
 */
export async function fromRun<Config extends RunConfig>(
  { name, settings }: Pick<TrainingMethod, 'name' | 'settings'>,
  options: FromRun,
  own: (from: OpenedRun, dataset: Dataset) => Omit<Config, Common>,
  startAt?: (from: OpenedRun) => Promise<string>,
): Promise<Start<Config>> {
  const from = await openRun(options.from);
  requireNoneLeftOut(from);
  const { folder, config } = from;
  const weights = (await startAt?.(from)) ?? from.weights;
  return {
    options: { ...options, ...dataOf(from, options) },
    weights,
    program:
      config.program === undefined
        ? undefined
        : { path: folder.program, name: config.arch as Program['name'] },
    inherited: config,
    async configOf(dataset) {
      requireTrainingOfRun(from, dataset);
      const whole: Pick<RunConfig, Common> = {
        command: `train ${name}`,
        protocol: protocolOf(settings, options, config),
        dataset: identityOf(dataset),
        ...modelOf(config),
        weights: await weightsFingerprint(weights),
        ...own(from, dataset),
        seed: options.seed ?? 0,
      };
      return whole as Config;
    },
    measuresStart: ({ dataset }) => !isSameData(config.dataset, dataset),
  };
}
