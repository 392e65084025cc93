import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { quotedWord } from '../../provenance.js';
import { accuracyTable } from '../../report/figures/accuracy.js';
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
import { addSettings, givenSettings, settingNames } from '../settings.js';
import { openGroups } from '../tables.js';
import { textTable } from '../textTable.js';

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
      const { run, ...result } = await adopt({
        ...control,
        ...pick(options, 'data', 'out', 'seed'),
        ...sharedOptionsOf(options),
        ...(givenSettings(adoption.settings, options) as Partial<AdoptOptions>),
      });
      const { groups } = await openGroups(run);
      const next = ['trace unstructured', 'report'].map(
        (name) => `npx spurmem ${name} --run ${quotedWord(run)}`,
      );
      output.result(
        `${textTable(accuracyTable(result, groups), output)}\nRun: ${run}\nNext: ${next.join(' && ')}`,
        { run, ...result },
      );
    },
    settingNames(adoption.settings),
    true,
  );
}
