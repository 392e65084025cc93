import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Protocol } from '../../protocol.js';
import { dependsOnProtocol } from '../../settings/setting.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { make } from '../../train/make.js';
import type { TrainingMethod } from '../../train/method.js';
import { TRAINING_METHODS } from '../../train/methods.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  type ComputeOptions,
  pick,
  protocolOption,
  sharedOptionsOf,
  tensorboardOption,
} from '../options.js';
import { printRun } from '../printRun.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';

interface TrainCommandOptions extends ComputeOptions, DatasetOptions {
  readonly data?: string;
  readonly from?: string;
  readonly out?: string;
  readonly resume: boolean;
  readonly syncBatchNorm?: boolean;
  readonly tensorboard?: string | boolean;
  /** Undefined for methods without epochs to time. */
  readonly dryRun?: boolean;
  readonly protocol?: Protocol;
}

/** Adds `train <method>` for each training method. */
export function addCommand(train: Command): void {
  for (const method of TRAINING_METHODS) addTrainCommand(train, method);
}

function addTrainCommand(train: Command, method: TrainingMethod): void {
  const { name, description, startsFrom, isDistributed } = method;
  const command = train.command(name).description(description);
  if (startsFrom === 'either') {
    command
      .option('--data <folder>', 'dataset folder (default with --from: the one that run was trained on)')
      .option('--from <run>', 'run folder of a model to start from, instead of --weights')
      .option('--out <run>', `run folder (default: runs/${name}-<dataset>, or <from>-${name})`);
  } else if (startsFrom === 'data') {
    command
      .requiredOption('--data <folder>', 'dataset folder')
      .option('--out <run>', `run folder (default: runs/${name}-<dataset>)`);
  } else {
    command
      .requiredOption('--from <run>', 'run folder of the model to start from')
      .option('--data <folder>', 'dataset folder (default: the one that run was trained on)')
      .option('--out <run>', `run folder (default: <from>-${name})`);
  }
  if (isDistributed === true) {
    command.option(
      '--sync-batch-norm',
      'with several processes: batch-norm over the whole batch instead of each process\u2019s part',
    );
  }
  command.option('--resume', 'continue the run in --out from its last checkpoint', false);
  command.option('--dry-run', 'print the resolved configuration, and train nothing', false);
  if ('epochs' in method.settings) command.addOption(tensorboardOption());
  const settings = {
    ...method.settings,
    ...(startsFrom === 'run' ? {} : { keepEpochs: KEEP_EPOCHS }),
  };
  if (dependsOnProtocol(settings)) command.addOption(protocolOption());
  addSettings(command, settings);
  addDatasetOptions(addComputeOptions(command));
  addJob<TrainCommandOptions>(
    command,
    async (options, output, control) => {
      const { out, resume, tensorboard } = options;
      const given = {
        ...pick(options, 'seed', 'data', 'from', 'protocol', 'syncBatchNorm'),
        ...sharedOptionsOf(options),
        ...givenSettings(settings, options),
      };
      if (options.dryRun === true) {
        const { printDryRun, trainDryRun } = await import('../dryRun.js');
        printDryRun(output, await trainDryRun({ ...given, out }, control, name));
        return;
      }
      const onEpoch = output.epochLines();
      const trained = await make(method, {
        ...control,
        ...given,
        out,
        resume,
        tensorboard,
        onEpoch,
      });
      await printRun(trained, output);
    },
    settingNames(settings),
    true,
  );
}
