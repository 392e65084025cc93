import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { EVALUATE_SETTINGS } from '../../experiments/evaluateRun.js';
import { engineOptions } from '../../native/engine.js';
import { addJob } from '../job.js';
import {
  addDatasetOptions,
  addEngineOptions,
  chosenDatasetOptions,
  type ComputingOptions,
} from '../options.js';
import { addSettings, givenSettings } from '../settings.js';

interface EvaluateCommandOptions extends ComputingOptions, DatasetOptions {
  readonly run: string;
  readonly data?: string;
}

export function addEvaluateCommand(command: Command): void {
  command
    .requiredOption('--run <run>', 'run folder of a trained model')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
  addDatasetOptions(addEngineOptions(addSettings(command, EVALUATE_SETTINGS)));
  addJob<EvaluateCommandOptions>(command, async (options, output, control) => {
    const [{ evaluateRun }, { evaluationTable }, { openRun }, { readRunData }, { textTable }] =
      await Promise.all([
        import('../../experiments/evaluateRun.js'),
        import('../runTables.js'),
        import('../../train/runFolder.js'),
        import('../../train/runData.js'),
        import('../textTable.js'),
      ]);
    const { run, data } = options;
    const result = await evaluateRun({
      run,
      data,
      ...engineOptions(options),
      ...givenSettings(EVALUATE_SETTINGS, options),
      ...control,
      datasetOptions: chosenDatasetOptions(options),
    });
    const groups = await readRunData(await openRun(run));
    output.result(textTable(evaluationTable(result, groups), { color: output.color }), result);
  });
}
