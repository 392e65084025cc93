import type { Command } from 'commander';
import { dependsOnProtocol } from '../../settings/setting.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { make } from '../../train/make.js';
import type { TrainingMethod } from '../../train/method.js';
import { TRAINING_METHODS } from '../../train/methods.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, protocolIf, READING, SEED, settingsSet, tensorboardOption } from '../options.js';
import { printRun } from '../printRun.js';

/** Adds `train <method>` for each training method. */
export function addCommand(train: Command): void {
  for (const method of TRAINING_METHODS) addTrainCommand(train, method);
}

function addTrainCommand(train: Command, method: TrainingMethod): void {
  const { name, description, startsFrom } = method;
  const settings = {
    ...method.settings,
    ...(startsFrom === 'run' ? {} : { keepEpochs: KEEP_EPOCHS }),
  };
  addJob(
    train.command(name).description(description),
    [
      runOptions(method),
      protocolIf(dependsOnProtocol(settings)),
      settingsSet(settings),
      ENGINE,
      SEED,
      READING,
    ],
    async ({ resume, tensorboard, dryRun, ...given }, output, control) => {
      if (dryRun) {
        const { printDryRun, trainDryRun } = await import('../dryRun.js');
        printDryRun(output, await trainDryRun(given, control, name));
        return;
      }
      const onEpoch = output.epochLines();
      await printRun(await make(method, { ...control, ...given, resume, tensorboard, onEpoch }), output);
    },
    true,
  );
}

/** Options for the data, the run to start from, and the run folder. */
function runOptions({ name, startsFrom, isDistributed, settings }: TrainingMethod) {
  return ownOptions<{
    readonly data?: string;
    readonly from?: string;
    readonly out?: string;
    readonly syncBatchNorm?: boolean;
    readonly resume: boolean;
    readonly keepState?: boolean;
    readonly dryRun: boolean;
    readonly tensorboard?: string | boolean;
  }>((command) => {
    if (startsFrom === 'either') {
      command
        .option('--data <folder>', 'dataset folder (default with --from: the one that run was trained on)')
        .option('--from <run>', 'run folder of a model to start from, instead of --weights')
        .option(
          '--out <run>',
          `run folder (default: runs/${name}-<dataset>, or <from>-${name}; -ticks is added for ticks)`,
        );
    } else if (startsFrom === 'data') {
      command
        .requiredOption('--data <folder>', 'dataset folder')
        .option('--out <run>', `run folder (default: runs/${name}-<dataset>)`);
    } else {
      command
        .requiredOption('--from <run>', 'run folder of the model to start from')
        .option('--data <folder>', 'dataset folder (default: the one that run was trained on)')
        .option('--out <run>', `run folder (default: <from>-${name}; -ticks is added for ticks)`);
    }
    if (isDistributed === true) {
      command.option(
        '--sync-batch-norm',
        'with several processes: batch-norm over the whole batch instead of each process\u2019s part',
      );
    }
    command.option('--resume', 'continue the run in --out from its last checkpoint', false);
    command.option('--dry-run', 'print the resolved configuration, and train nothing', false);
    if ('epochs' in settings) {
      command
        .option(
          '--keep-state',
          'keep the optimizer\u2019s state of the finished run, so that --resume can train more epochs',
        )
        .addOption(tensorboardOption());
    }
    return command;
  });
}
