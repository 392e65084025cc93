import type { Command } from 'commander';
import { traceMemorized } from '../../experiments/traceMemorized.js';
import { traceOverlap } from '../../experiments/traceOverlap.js';
import { atEpoch, type SessionOptions } from '../../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { traceStructured } from '../../experiments/traceStructured.js';
import { resultName, traceUnstructured } from '../../experiments/traceUnstructured.js';
import type { Protocol } from '../../protocol.js';
import { quotedWord } from '../../provenance.js';
import type { FigureParts } from '../../report/figure.js';
import { changeParts } from '../../report/figures/changes.js';
import { fig7 } from '../../report/figures/layers.js';
import { memorized as memorizedFigure, memorizedRows } from '../../report/figures/memorized.js';
import { fig3 } from '../../report/figures/overlap.js';
import type { GroupLabel } from '../../report/groupLabels.js';
import { measuredTable } from '../../report/measured.js';
import { changeRows, layerRows, rankRows } from '../../report/rows.js';
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
import { nextLine } from '../printRun.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';
import { openGroups } from '../tables.js';
import { prose, textTables } from '../textTable.js';

interface TraceCommandOptions extends ComputeOptions, RunOptions {
  /** An option of traces that choose neurons by a criterion. */
  readonly protocol?: Protocol;
  /** An option of traces that evaluate variants. */
  readonly dryRun?: boolean;
}

/** The parts of a result that determine its file's name. */
interface Traced {
  readonly kind: string;
  readonly epoch?: number | undefined;
}

/** A trace as a command. */
interface TraceCommand<Result extends Traced> {
  readonly name: string;
  readonly description: string;
  readonly settings: SettingsTable;
  /** The settings of the session that it takes; default: all of them and the protocol. */
  readonly session?: SettingsTable;
  /** Settings of training that its errors mention. */
  readonly named?: SettingsTable;
  readonly trace: (options: SessionOptions) => Promise<Result>;
  /** The name of the result's file; default: its kind. */
  readonly resultName?: (result: Result) => string;
  /** Its tables and their verdict in words. */
  readonly parts: (result: Result, groups: readonly GroupLabel[]) => Pick<FigureParts, 'tables' | 'verdict'>;
}

const { session, unstructured, structured, overlap, memorized } = TRACE_SETTINGS;

/** Adds `trace unstructured`, `trace structured`, `trace overlap` and `trace memorized`. */
export function addCommand(trace: Command): void {
  addTrace(trace, {
    name: 'unstructured',
    description: 'perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)',
    settings: unstructured,
    // Rewinding needs an epoch whose weights the run kept.
    named: { keepEpochs: KEEP_EPOCHS },
    trace: traceUnstructured,
    resultName,
    parts: (result, groups) =>
      withMeasured(changeParts('fig2', changeRows([result], names(groups)), groups), result),
  });
  addTrace(trace, {
    name: 'structured',
    description: 'zero the top-k neurons of each layer for each group (article, Fig. 7)',
    settings: structured,
    trace: traceStructured,
    parts: (result, groups) => withMeasured(fig7.parts(layerRows(result, names(groups)), groups), result),
  });
  addTrace(trace, {
    name: 'overlap',
    description: 'rank the top neurons of each criterion under the others (article, Fig. 3)',
    settings: overlap,
    trace: traceOverlap,
    parts: (result, groups) => fig3.parts(rankRows(result, names(groups)), groups),
  });
  addTrace(trace, {
    name: 'memorized',
    description:
      'zero the top-k neurons of each minority group, and compare memorized images with others of the same margin',
    settings: memorized,
    trace: traceMemorized,
    parts: (result, groups) => memorizedFigure.parts(memorizedRows(result), groups),
  });
}

const names = (groups: readonly GroupLabel[]): string[] => groups.map(({ name }) => name);

function withMeasured(
  { tables, verdict }: FigureParts,
  result: Parameters<typeof measuredTable>[0],
): Pick<FigureParts, 'tables' | 'verdict'> {
  return { verdict, tables: [...tables, measuredTable(result)] };
}

/** Adds a trace as a command. */
export function addTrace<Result extends Traced>(
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
      const { tables, verdict } = traits.parts(result, groups);
      const text = [
        textTables(tables, output),
        ...prose(verdict, output),
        `Result: ${path}`,
        nextLine(`report --run ${quotedWord(options.run)}`),
      ];
      output.result(text.join('\n'), {
        result: path,
        ...result,
      });
    },
    settingNames({ ...table, ...traits.named }),
    true,
  );
}
