import { type Command, Option } from 'commander';
import { csvText } from '../../csvFile.js';
import { compareRuns } from '../../experiments/runs/compareRuns.js';
import { csvRows } from '../../kit/rows.js';
import { addJob } from '../job.js';
import { ownOptions } from '../options.js';
import { runsComparisonTables } from '../runTables.js';
import { markdownOf, textTables } from '../textTable.js';

const FORMATS = ['table', 'markdown', 'csv', 'json'] as const;

const FORMAT = ownOptions<{ readonly format: (typeof FORMATS)[number] }>((command) =>
  command.addOption(new Option('--format <format>', 'how it is printed').choices(FORMATS).default('table')),
);

export function addCommand(command: Command): void {
  command.argument(
    '<run...>',
    'run folders; others are compared with the first, and seeds of equal settings share a row',
  );
  addJob(command, [FORMAT], async ({ format }, output, _control, runs) => {
    const comparison = await compareRuns(runs);
    const tables = runsComparisonTables(comparison);
    const texts = {
      table: () => textTables(tables, output),
      markdown: () => tables.map(markdownOf).join('\n\n'),
      csv: () => csvText(csvRows(comparison.rows)).trimEnd(),
      json: () => JSON.stringify(comparison, null, 2),
    };
    output.result(texts[format](), comparison);
  });
}
