import type { Command } from 'commander';
import { adopt } from '../../train/methods.js';
import { adoption, type AdoptOptions } from '../../train/methods/adopt.js';
import { addJob } from '../job.js';
import { DATA, ENGINE, ownOptions, READING, SEED, settingsSet } from '../options.js';
import { printRun } from '../printRun.js';

const OUT = ownOptions<{ readonly out?: string }>((command) =>
  command.option('--out <run>', 'run folder (default: runs/adopt-<dataset>)'),
);

export function addCommand(command: Command): void {
  const sets = [DATA, OUT, settingsSet(adoption.settings), ENGINE, SEED, READING] as const;
  addJob(
    command,
    sets,
    async (given, output, control) => {
      await printRun(await adopt({ ...control, ...(given as AdoptOptions) }), output);
    },
    true,
  );
}
