import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { writeCsv } from '../../csvFile.js';
import { kindOf } from '../../data/sourceFile.js';
import { SpurmemError } from '../../errors.js';
import { EVALUATE_SETTINGS, evaluateRun } from '../../experiments/evaluateRun.js';
import { makeFolder, removeLeftovers } from '../../files.js';
import { csvRows } from '../../kit/rows.js';
import { groupLabels } from '../../report/groupLabels.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, READING, RUN, settingsSet } from '../options.js';
import { evaluationTable } from '../runTables.js';
import { textTable } from '../textTable.js';

const CSV = ownOptions<{ readonly csv?: string }>((command) =>
  command.option(
    '--csv <file>',
    'write a row for each image: its prediction, probabilities, margin and loss (every split, unless --split names one)',
  ),
);

export function addCommand(command: Command): void {
  const sets = [RUN, settingsSet(EVALUATE_SETTINGS), ENGINE, READING, CSV] as const;
  addJob(command, sets, async ({ csv, ...given }, output, control) => {
    if (csv !== undefined) await requireNew(csv);
    const {
      rows = [],
      groups,
      ...result
    } = await evaluateRun({ ...given, ...control, rows: csv !== undefined });
    const table = textTable(evaluationTable(result, groupLabels(groups)), output);
    if (csv === undefined) {
      output.result(table, result);
      return;
    }
    await writeCsv(csv, csvRows(rows));
    output.result(`${table}\n${rows.length} images: ${csv}`, { ...result, csv });
  });
}

/** Throws `OUTPUT_UNWRITABLE` before anything is computed: the file may be a table of somebody's labels. Removes what killed calls have left of it. */
export async function requireNew(path: string): Promise<void> {
  if ((await kindOf(path)) !== undefined) {
    const problem = `${path} is there already. Nothing was changed.`;
    const blame = { parameter: 'csv', value: path, advice: ['Choose another `csv`, or remove it.'] };
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, blame);
  }
  await makeFolder(dirname(path));
  await removeLeftovers(dirname(path), (name) => name === basename(path));
}
