import type { Command } from 'commander';
import { traceMinimal } from '../../experiments/traceMinimal.js';
import { traceOverlap } from '../../experiments/traceOverlap.js';
import { atEpoch, type SessionOptions } from '../../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { traceStructured } from '../../experiments/traceStructured.js';
import { resultName, traceUnstructured } from '../../experiments/traceUnstructured.js';
import type { Protocol } from '../../protocol.js';
import { traceTables } from '../../report/figures/changes/tables.js';
import { traceView } from '../../report/figures/changes/view.js';
import { layerTables } from '../../report/figures/layers/fig7.js';
import { minimalTable } from '../../report/figures/minimal.js';
import { rankList } from '../../report/figures/overlap/ranks.js';
import type { GroupLabel } from '../../report/groupLabels.js';
import type { Table } from '../../report/table.js';
import type { SettingsTable } from '../../settings/setting.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  addRunOptions,
  type ComputeOptions,
  pick,
  protocolOption,
  type RunOptions,
  sharedOptionsOf,
} from '../options.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';
import { moreDrawsLines, openGroups } from '../tables.js';
import { textTables } from '../textTable.js';

interface TraceCommandOptions extends ComputeOptions, RunOptions {
  /** An option of traces that choose neurons by a criterion. */
  readonly protocol?: Protocol;
  /** An option of traces that evaluate variants. */
  readonly dryRun?: boolean;
}

/** The parts of a result that name its file. */
interface Traced {
  readonly kind: string;
  readonly epoch?: number | undefined;
}

/** A trace as a command. */
interface TraceCommand<Result extends Traced> {
  readonly name: string;
  readonly description: string;
  readonly settings: SettingsTable;
  /** The settings of a session that it takes; default: all of them, and the protocol. */
  readonly session?: SettingsTable;
  /** Settings of training that its errors name. */
  readonly named?: SettingsTable;
  readonly trace: (options: SessionOptions) => Promise<Result>;
  /** The name of the result's file; default: its kind. */
  readonly resultName?: (result: Result) => string;
  readonly tables: (result: Result, groups: readonly GroupLabel[]) => readonly Table[];
  /** Lines below the tables. */
  readonly advice?: (result: Result, run: string) => readonly string[];
}

const { session, unstructured, structured, overlap, minimal } = TRACE_SETTINGS;

/** Adds `trace unstructured`, `trace structured`, `trace overlap` and `trace minimal`. */
export function addCommand(trace: Command): void {
  addTrace(trace, {
    name: 'unstructured',
    description: 'perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)',
    settings: unstructured,
    // Rewinding needs an epoch that the run was told to keep as it was trained.
    named: { keepEpochs: KEEP_EPOCHS },
    trace: traceUnstructured,
    resultName,
    tables: (result, groups) => traceTables(traceView(result), groups),
    advice: (result, run) => moreDrawsLines(traceView(result), run),
  });
  addTrace(trace, {
    name: 'structured',
    description: 'zero the top-k neurons of each layer for each group (article, Fig. 7)',
    settings: structured,
    trace: traceStructured,
    tables: layerTables,
  });
  addTrace(trace, {
    name: 'overlap',
    description: 'rank the top neurons of each criterion under the others (article, Fig. 3)',
    settings: overlap,
    trace: traceOverlap,
    tables: (result, groups) => [rankList(result, groups)],
  });
  addTrace(trace, {
    name: 'minimal',
    description: 'how few neurons hold a training example of each group (Maini et al. 2023)',
    settings: minimal,
    session: { unit: session.unit, loss: session.loss, epoch: session.epoch, batchSize: session.batchSize },
    trace: traceMinimal,
    tables: (result, groups) => [minimalTable(result, groups)],
  });
}

function addTrace<Result extends Traced>(
  parent: Command,
  { name, description, settings, trace, ...traits }: TraceCommand<Result>,
): void {
  const table = { ...settings, ...(traits.session ?? session) };
  const command = parent.command(name).description(description);
  command.option('--dry-run', 'print the resolved settings, and trace nothing', false);
  addDatasetOptions(addComputeOptions(addSettings(addRunOptions(command), table)));
  if (!traits.session) command.addOption(protocolOption());
  addJob<TraceCommandOptions>(
    command,
    async (options, output, control) => {
      const given: SessionOptions = {
        ...pick(options, 'run', 'data', 'seed', 'protocol'),
        ...sharedOptionsOf(options),
        ...givenSettings(table, options),
      };
      if (options.dryRun === true) {
        const { printDryRun, traceDryRun } = await import('../dryRun.js');
        printDryRun(output, traceDryRun(name, table, given));
        return;
      }
      const result = await trace({ ...given, ...control });
      const { groups, folder } = await openGroups(options.run);
      const path = folder.result(traits.resultName?.(result) ?? atEpoch(result.kind, result));
      const advice = traits.advice?.(result, options.run) ?? [];
      const text = [textTables(traits.tables(result, groups), output), ...advice, `Result: ${path}`];
      output.result(text.join('\n'), {
        result: path,
        ...result,
      });
    },
    settingNames({ ...table, ...traits.named }),
    true,
  );
}
