import { Option, type Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Architecture } from '../../models/architectures.js';
import type { MemoryFormat, Precision } from '../../native/addon.js';
import { PART2, part2Plans, type Part2Study } from '../../reproduce/part2Studies.js';

import type { FinetuneChoices } from '../../train/finetuneConfig.js';
import { finetuneOptions } from '../finetuneOptions.js';
import { parseGrid } from '../grid.js';
import { runJob } from '../job.js';
import {
  addDatasetOptions,
  addEngineOptions,
  archOption,
  chosenDatasetOptions,
  integer,
  integers,
  positive,
  protocolOption,
  type CommonOptions,
} from '../options.js';
import { ARTICLE_ERM } from '../../train/ermRecipes.js';

interface Part2CommandOptions extends CommonOptions, DatasetOptions, Omit<FinetuneChoices, 'seed'> {
  readonly data: string;
  readonly out?: string;
  readonly arch: Architecture;
  readonly weights?: string;
  readonly precision?: Precision;
  readonly ermEpochs: number;
  readonly ermBatchSize: number;
  readonly ermLr: number;
  readonly seeds: readonly number[];
  readonly grid?: readonly string[];
  readonly only?: readonly string[];
  readonly device: string;
  readonly threads: number;
  readonly memoryFormat?: MemoryFormat;
}

/** Adds `reproduce fig6`, `reproduce table4`, ..., `reproduce departures` and `reproduce part2`. */
export function addPart2Commands(reproduce: Command): void {
  const plans = part2Plans();
  for (const study of PART2) {
    addStudyCommand(reproduce, study, plans[study].title, [study])
      .option('--grid <setting=values...>', 'settings of fine-tuning to vary instead, such as lambda=1,5,10')
      .option('--only <row...>', 'rows of the study, by name (default: all)');
  }
  const description = 'all figures and tables of the article\u2019s Part II, sharing their runs';
  addStudyCommand(reproduce, 'part2', description, PART2);
}

function addStudyCommand(
  reproduce: Command,
  name: string,
  description: string,
  studies: readonly Part2Study[],
): Command {
  const command = reproduce
    .command(name)
    .description(description)
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--out <folder>', 'folder for the runs and their report (default: runs/part2-<dataset>)')
    .addOption(archOption().default('resnet50'))
    .option('--weights <file>', 'weights that ERM starts from (default: random weights)')
    .addOption(integer('--erm-epochs <n>', 'epochs of ERM', 1).default(ARTICLE_ERM.epochs))
    .addOption(integer('--erm-batch-size <n>', 'batch size of ERM', 1).default(ARTICLE_ERM.batchSize))
    .addOption(positive('--erm-lr <rate>', 'learning rate of ERM').default(ARTICLE_ERM.lr))
    .addOption(integers('--seeds <list>', 'seeds, each a run of every setting', 0).default([0, 1, 2, 3, 4]))
    .addOption(protocolOption());
  for (const option of finetuneOptions()) command.addOption(option);
  addDatasetOptions(addEngineOptions(command)).action(async (options: Part2CommandOptions) => {
    await runJob(options, async (output, control) => {
      const [{ reproducePart2 }, { loadDataset }, { describeEpoch }, { studyTables }] = await Promise.all([
        import('../../reproduce/part2.js'),
        import('../../data/dataset.js'),
        import('../describe.js'),
        import('../studyTables.js'),
      ]);
      const datasetOptions = chosenDatasetOptions(options);
      const { name: dataset, groupNames } = await loadDataset(options.data, datasetOptions);
      const { arch, weights, precision, averaging, seeds, grid, only } = options;
      const { device, threads, memoryFormat } = options;
      const result = await reproducePart2({
        ...control,
        ...{ studies, seeds, only, data: options.data, datasetOptions },
        ...{ device, threads, memoryFormat },
        out: options.out ?? `runs/part2-${dataset}`,
        erm: {
          ...{ arch, weights, precision, averaging },
          ...{ epochs: options.ermEpochs, batchSize: options.ermBatchSize, lr: options.ermLr },
        },
        finetune: finetuneChoices(options),
        grid: grid && parseGrid(grid, finetuneOptions()),
        onStep: (step) => {
          output.info(step);
        },
        onEpoch: (metrics) => {
          output.info(describeEpoch(metrics, groupNames));
        },
      });
      const files = result.studies.flatMap(({ json, csv }) => [`  ${json}`, `  ${csv}`]);
      const text = [
        ...result.studies.map((study) => studyTables(study, output.color)),
        'Results:',
        ...files,
        `Report: ${result.report}`,
      ];
      output.result(text.join('\n'), result);
    });
  });
  return command;
}

/** The settings of fine-tuning that were given. */
function finetuneChoices(options: Part2CommandOptions): Omit<FinetuneChoices, 'seed'> {
  const names = finetuneOptions().map((option: Option) => option.attributeName());
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}
