import type { Command } from 'commander';
import type { Criterion } from '../../neurons/neuron.js';
import { runJob } from '../job.js';
import { addComputeOptions, criterionOption, integer, integers, type ComputeOptions } from '../options.js';

interface TraceUnstructuredOptions extends ComputeOptions {
  readonly run: string;
  readonly data?: string;
  readonly criterion: readonly Criterion[];
  readonly topK: readonly number[];
  readonly batchSize?: number;
}

export function addTraceCommands(program: Command): void {
  const trace = program.command('trace').description('find and perturb the neurons that memorize');
  addComputeOptions(
    trace
      .command('unstructured')
      .description('zero the top-k neurons of the whole model for each group (article, Fig. 2)')
      .requiredOption('--run <run>', 'run folder of a trained model')
      .option('--data <folder>', 'dataset folder (default: the one the run was trained on)')
      .addOption(criterionOption())
      .addOption(
        integers('--top-k <list>', 'numbers of neurons to zero, such as 1,2,3', 1).default([1, 2, 3]),
      )
      .addOption(integer('--batch-size <n>', 'batch size (default: the run\u2019s)', 1)),
  ).action(async (options: TraceUnstructuredOptions) => {
    await runJob(options, async (output, control) => {
      const [{ traceUnstructured }, { openRun }, { loadDataset }, { traceTables }] = await Promise.all([
        import('../../experiments/traceUnstructured.js'),
        import('../../train/runFolder.js'),
        import('../../data/dataset.js'),
        import('../tables.js'),
      ]);
      const { criterion: criteria, ...rest } = options;
      const result = await traceUnstructured({ ...rest, ...control, criteria });
      const { environment, folder } = await openRun(options.run);
      const dataset = await loadDataset(options.data ?? environment.data);
      const path = folder.result(result.kind);
      output.result(`${traceTables(dataset, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    });
  });
}
