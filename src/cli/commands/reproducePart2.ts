import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Protocol } from '../../protocol.js';
import { part2Jobs, type Part2Options, planPart2, reproducePart2 } from '../../reproduce/part2.js';
import { STUDIES } from '../../reproduce/study/studies.js';
import { share } from '../../settings/values.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../../train/ermSettings.js';
import { FINETUNE_SETTINGS } from '../../train/finetune/settings.js';
import { parseGrid } from '../grid.js';
import { addJob } from '../job.js';
import {
  addDatasetOptions,
  addEngineOptions,
  type ComputingOptions,
  integers,
  pick,
  protocolOption,
  sharedOptionsOf,
} from '../options.js';
import { addPlanOptions, type PlanOptions, SAME_COMMAND, wantsPlan, writeJobs } from '../plan.js';
import { addSettings, givenSettings, settingNames, TypedOption } from '../settings.js';
import { studyTables } from '../tables.js';

interface Part2CommandOptions extends ComputingOptions, DatasetOptions, PlanOptions {
  readonly data: string;
  readonly out?: string;
  readonly protocol: Protocol;
  readonly seeds: readonly number[];
  readonly equivalence?: number;
  readonly grid?: readonly string[];
  readonly only?: readonly string[];
  readonly dryRun: boolean;
}

/** ERM's settings that have an option of their own here; those of fine-tuning have the plain names. */
const { epochs, batchSize, lr, augmentation, precision, ema } = ERM_SETTINGS;
const ERM_OPTIONS = { epochs, batchSize, lr, augmentation } as const;
/** A difference of accuracies, in points. */
const POINTS = share('points', { below: 100 });
/** Settings of both, with one option each. */
const SHARED_OPTIONS = { precision, ema } as const;

/** Adds `reproduce fig6`, `reproduce table4`, ..., `reproduce departures` and `reproduce part2`. */
export function addPart2Commands(reproduce: Command): void {
  for (const { name, title } of STUDIES) {
    addStudyCommand(reproduce, name, title, [name])
      .option('--grid <setting=values...>', 'settings of fine-tuning to vary instead, such as lambda=1,5,10')
      .option('--only <row...>', 'rows of the study, by name (default: all)');
  }
  const description = 'all figures and tables of the article\u2019s Part II, sharing their runs';
  addStudyCommand(reproduce, 'part2', description, undefined);
}

function addStudyCommand(
  reproduce: Command,
  name: string,
  description: string,
  studies: readonly string[] | undefined,
): Command {
  const command = reproduce
    .command(name)
    .description(description)
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--out <folder>', 'folder for the runs and their report (default: runs/part2-<dataset>)')
    .addOption(
      integers('--seeds <list>', 'seeds, each a run of every setting', 0).default([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]),
    )
    .addOption(
      new TypedOption(
        '--equivalence <points>',
        'largest difference of worst-group accuracies that would not matter, in points, declared before the first run (default: none is tested)',
        POINTS,
      ),
    )
    .addOption(protocolOption())
    .option('--dry-run', 'print the numbers of runs and epochs, and train nothing', false);
  addSettings(command, MODEL_SETTINGS, '', 'The model:');
  addSettings(command, ERM_OPTIONS, 'erm', 'ERM:');
  addSettings(command, FINETUNE_SETTINGS, '', 'Fine-tuning:');
  addPlanOptions(addDatasetOptions(addEngineOptions(command)));
  addJob<Part2CommandOptions>(
    command,
    async (options, output, control) => {
      const { protocol } = options;
      const asked: Part2Options = {
        ...control,
        studies,
        ...pick(options, 'seeds', 'only', 'data', 'out'),
        ...sharedOptionsOf(options),
        equivalence: options.equivalence && options.equivalence / 100,
        erm: {
          protocol,
          ...givenSettings(MODEL_SETTINGS, options),
          ...givenSettings(ERM_OPTIONS, options, 'erm'),
          ...givenSettings(SHARED_OPTIONS, options),
        },
        finetune: { protocol, ...givenSettings(FINETUNE_SETTINGS, options) },
        grid: options.grid && parseGrid(options.grid),
        onStep: output.info,
        onEpoch: output.epochLines(),
      };
      if (wantsPlan(options)) {
        await writeJobs(await planPart2(asked), options, output, SAME_COMMAND);
        return;
      }
      if (options.dryRun) {
        const { jobsDryRun, printDryRun } = await import('../dryRun.js');
        printDryRun(output, await jobsDryRun(await part2Jobs(asked)));
        return;
      }
      const result = await reproducePart2(asked);
      const files = result.studies.flatMap(({ json, csv }) => [`  ${json}`, `  ${csv}`]);
      const text = [
        ...result.studies.map((study) => studyTables(study, output)),
        'Results:',
        ...files,
        `Report: ${result.report}`,
      ];
      output.result(text.join('\n'), result);
    },
    {
      ...settingNames({ ...MODEL_SETTINGS, ...SHARED_OPTIONS }, 'erm'),
      ...settingNames(ERM_OPTIONS, 'erm', 'erm'),
      ...settingNames(FINETUNE_SETTINGS, 'finetune'),
    },
  );
  return command;
}
