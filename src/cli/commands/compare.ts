import { type Command, Option } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

const FORMATS = ['table', 'markdown', 'csv', 'json'] as const;

interface CompareOptions extends CommonOptions {
  readonly format: (typeof FORMATS)[number];
}

export function addCompareCommand(command: Command): void {
  addCommonOptions(
    command
      .argument(
        '<run...>',
        'run folders, the first one what others are compared with; seeds of equal settings are one row',
      )
      .addOption(new Option('--format <format>', 'how it is printed').choices(FORMATS).default('table')),
  );
  addJob<CompareOptions>(command, async (options, output, _control, runs) => {
    const [{ compareRuns }, { comparisonCsv, runsComparisonTables }, { markdownOf }, { textTable }] =
      await Promise.all([
        import('../../experiments/runs/compareRuns.js'),
        import('../runTables.js'),
        import('../markdown.js'),
        import('../textTable.js'),
      ]);
    const comparison = await compareRuns(runs);
    const tables = runsComparisonTables(comparison);
    const texts = {
      table: () => tables.map((table) => textTable(table, { color: output.color })).join('\n'),
      markdown: () => tables.map(markdownOf).join('\n\n'),
      csv: () => comparisonCsv(comparison).trimEnd(),
      json: () => JSON.stringify(comparison, null, 2),
    };
    output.result(texts[options.format](), comparison);
  });
}
