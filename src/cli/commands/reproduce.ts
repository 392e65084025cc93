import type { Command } from 'commander';
import { runJob } from '../job.js';
import { addFig10Command } from './reproduceFig10.js';
import { addPart1Commands } from './reproducePart1.js';
import { addPart2Commands } from './reproducePart2.js';
import { addComputeOptions, type ComputeOptions } from '../options.js';

interface QuickstartCommandOptions extends ComputeOptions {
  readonly data: string;
  readonly out: string;
  readonly weights?: string;
  readonly fashionMnist?: string;
}

export function addReproduceCommands(reproduce: Command): void {
  addPart1Commands(reproduce);
  addPart2Commands(reproduce);
  addComputeOptions(
    reproduce
      .command('quickstart')
      .description(
        'the main job on real images: train, trace, fine-tune, report, within 10 minutes on two cores',
      )
      .option('--data <folder>', 'folder for the dominoes benchmark', 'data')
      .option('--out <run>', 'run folder', 'runs/quickstart')
      .option('--weights <file>', 'safetensors or PyTorch file to start from instead of pretraining')
      .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files'),
  ).action(async (options: QuickstartCommandOptions) => {
    await runJob(options, async (output, control) => {
      const [
        { reproduceQuickstart },
        { describeEpoch },
        { trainingTables, traceTables },
        { describeDataset },
      ] = await Promise.all([
        import('../../reproduce/quickstart.js'),
        import('../describe.js'),
        import('../tables.js'),
        import('../../report/describeDataset.js'),
      ]);
      const { dataset, erm, trace, finetune, run, report, finetuneReport } = await reproduceQuickstart({
        ...options,
        ...control,
        onStep: (step) => {
          output.info(step);
        },
        onEpoch: (metrics, groupNames) => {
          output.info(describeEpoch(metrics, groupNames));
        },
      });
      const named = describeDataset(dataset);
      output.result(
        [
          trainingTables(named, erm, output.color),
          traceTables(named, trace, output.color),
          'After fine-tuning against spurious memorization:',
          trainingTables(named, finetune, output.color),
          `Run: ${run}`,
          `Report: ${report}`,
          `Report of fine-tuning: ${finetuneReport}`,
        ].join('\n'),
        { run, report, erm, trace, finetune, finetuneReport },
      );
    });
  });
  addFig10Command(reproduce);
}
