import type { Command } from 'commander';
import { engineOptions } from '../../native/engine.js';
import { addJob } from '../job.js';
import { addComputeOptions, type ComputeOptions } from '../options.js';
import { addFig10Command } from './reproduceFig10.js';
import { addPart1Commands } from './reproducePart1.js';
import { addPart2Commands } from './reproducePart2.js';
import { addStudyCommand } from './reproduceStudy.js';

interface QuickstartCommandOptions extends ComputeOptions {
  readonly data: string;
  readonly out: string;
  readonly weights?: string;
  readonly fashionMnist?: string;
}

export function addReproduceCommands(reproduce: Command): void {
  addPart1Commands(reproduce);
  addPart2Commands(reproduce);
  addStudyCommand(reproduce);
  const quickstart = reproduce
    .command('quickstart')
    .description('the main job on real images: train, trace, fine-tune, report')
    .option('--data <folder>', 'folder for the dominoes benchmark', 'data')
    .option('--out <run>', 'run folder', 'runs/quickstart')
    .option('--weights <file>', 'safetensors or PyTorch file to start from instead of pretraining')
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files');
  addJob<QuickstartCommandOptions>(addComputeOptions(quickstart), async (options, output, control) => {
    const [{ reproduceQuickstart }, { describeEpoch }, tables] = await Promise.all([
      import('../../reproduce/quickstart.js'),
      import('../describe.js'),
      import('../tables.js'),
    ]);
    const { data, out, weights, fashionMnist, seed } = options;
    const { dataset, erm, trace, comparison, run, report, finetuneReport } = await reproduceQuickstart({
      data,
      out,
      weights,
      fashionMnist,
      seed,
      ...engineOptions(options),
      ...control,
      onStep: (step) => {
        output.info(step);
      },
      onEpoch: describeEpoch(output),
    });
    output.result(
      [
        tables.trainingTables(dataset, erm, output.color),
        tables.traceTables(dataset, trace, output.color),
        tables.comparisonTables(dataset, comparison, output.color),
        `Run: ${run}`,
        `Report: ${report}`,
        `Report of fine-tuning: ${finetuneReport}`,
      ].join('\n'),
      { run, report, erm, trace, comparison, finetuneReport },
    );
  });
  addFig10Command(reproduce);
}
