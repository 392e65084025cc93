import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { adopt } from '../../train/methods.js';
import { adoption, type AdoptOptions } from '../../train/methods/adopt.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  type ComputeOptions,
  pick,
  sharedOptionsOf,
} from '../options.js';
import { printRun } from '../printRun.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';

interface AdoptCommandOptions extends ComputeOptions, DatasetOptions {
  readonly data: string;
  readonly out?: string;
}

export function addCommand(command: Command): void {
  command
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--out <run>', 'run folder (default: runs/adopt-<dataset>)');
  addDatasetOptions(addComputeOptions(addSettings(command, adoption.settings)));
  addJob<AdoptCommandOptions>(
    command,
    async (options, output, control) => {
      const adopted = await adopt({
        ...control,
        ...pick(options, 'data', 'out', 'seed'),
        ...sharedOptionsOf(options),
        ...(givenSettings(adoption.settings, options) as Partial<AdoptOptions>),
      });
      await printRun(adopted, output);
    },
    settingNames(adoption.settings),
    true,
  );
}
