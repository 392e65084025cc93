import type { Command } from 'commander';
import { EVALUATE_SETTINGS, evaluateRun } from '../../experiments/evaluateRun.js';
import { addJob } from '../job.js';
import {
  addDatasetOptions,
  addEngineOptions,
  addRunOptions,
  type ComputingOptions,
  pick,
  type RunOptions,
  sharedOptionsOf,
} from '../options.js';
import { evaluationTable } from '../runTables.js';
import { addSettings, givenSettings } from '../settings.js';
import { openGroups } from '../tables.js';
import { textTable } from '../textTable.js';

export function addCommand(command: Command): void {
  addDatasetOptions(addEngineOptions(addSettings(addRunOptions(command), EVALUATE_SETTINGS)));
  addJob<ComputingOptions & RunOptions>(command, async (options, output, control) => {
    const result = await evaluateRun({
      ...pick(options, 'run', 'data'),
      ...sharedOptionsOf(options),
      ...givenSettings(EVALUATE_SETTINGS, options),
      ...control,
    });
    const { groups } = await openGroups(options.run);
    output.result(textTable(evaluationTable(result, groups), output), result);
  });
}
