import type { Command } from 'commander';
import type { TraceHeader, TraceUnstructuredResult } from '../../experiments/results.js';
import { fileOf, type Trace, type Traced, unstructured } from '../../experiments/traces.js';
import { traceAlone } from '../../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { quotedWord } from '../../provenance.js';
import { changeParts } from '../../report/changes.js';
import type { ReportDataset, Section } from '../../report/figure.js';
import { FIGURES, TRACES } from '../../report/figures.js';
import type { Groups } from '../../report/groupLabels.js';
import { measuredTable } from '../../report/measured.js';
import { changeRows } from '../../report/rows.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, protocolIf, READING, RUN, SEED, settingsSet } from '../options.js';
import { nextLine } from '../printRun.js';
import { settingNames } from '../settings.js';
import { openGroups } from '../tables.js';
import { prose, textTables } from '../textTable.js';

const DRY_RUN = ownOptions<{ readonly dryRun: boolean }>((command) =>
  command.option('--dry-run', 'print the resolved settings, and trace nothing', false),
);
/** Rewinding needs an epoch whose weights the run kept. */
const NAMES = { options: [], read: () => ({}), names: settingNames({ keepEpochs: KEEP_EPOCHS }) };

/** Adds a command for each trace that has a name. */
export function addCommand(parent: Command): void {
  for (const trace of TRACES) if (trace.name !== undefined) addTrace(parent, trace.name, trace);
}

function addTrace(parent: Command, name: string, trace: Trace): void {
  const { session = TRACE_SETTINGS.session, settings, description = '' } = trace;
  const table = { ...settings, ...session };
  const command = parent.command(name).description(description);
  // Traces with a session of their own choose no neurons by a criterion.
  const protocol = protocolIf(trace.session === undefined);
  addJob(
    command,
    [DRY_RUN, RUN, settingsSet(table), ENGINE, SEED, READING, protocol, NAMES],
    async ({ dryRun, ...given }, output, control) => {
      if (dryRun) {
        const { printDryRun, traceDryRun } = await import('../dryRun.js');
        printDryRun(output, traceDryRun(name, table, given));
        return;
      }
      const result = await traceAlone(settings, { ...given, ...control }, (opened, choices) =>
        trace.measure(opened, choices),
      );
      const { dataset, groups, folder } = await openGroups(given.run);
      const path = folder.result(fileOf(trace, { ...result }));
      const { tables = [], verdict = [] } = shownOf(trace, result, dataset, groups);
      const text = [
        textTables(tables, output),
        ...prose(verdict, output),
        `Result: ${path}`,
        nextLine(`report --run ${quotedWord(given.run)}`),
      ];
      output.result(text.join('\n'), { result: path, ...result });
    },
    true,
  );
}

/** Returns the tables and claims of the figure that shows a trace, and how it was measured. */
function shownOf(
  trace: Trace,
  result: Traced,
  dataset: ReportDataset,
  groups: Groups,
): Pick<Section, 'tables' | 'verdict'> {
  const figure = FIGURES.find(({ needs }) => needs.others?.includes(trace) === true);
  const shown =
    trace === unstructured
      ? changeParts('fig2', changeRows([result as TraceUnstructuredResult], dataset.groupNames), groups)
      : figure?.show({ dataset, traces: [], made: [result] }, groups);
  const measured = 'nullCost' in result ? [measuredTable(result as Traced & TraceHeader)] : [];
  return { verdict: shown?.verdict ?? [], tables: [...(shown?.tables ?? []), ...measured] };
}
