import { type Command, Option } from 'commander';
import type { DataDescription } from '../../data/dataDescription.js';
import type { DatasetOptions } from '../../data/dataset.js';
import type { SessionOptions } from '../../experiments/traceSession.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { engineOptions } from '../../native/engine.js';
import type { JobOptions } from '../../progress.js';
import type { Protocol } from '../../protocol.js';
import type { SettingsTable } from '../../settings/setting.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { tell } from '../dryRunText.js';
import { addJob } from '../job.js';
import { openResult } from '../openResult.js';
import {
  addComputeOptions,
  addDatasetOptions,
  chosenDatasetOptions,
  type ComputeOptions,
  protocolOption,
} from '../options.js';
import type { Output } from '../output.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';

interface TraceCommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly data?: string;
  /** Of traces that choose neurons by a criterion. */
  readonly protocol?: Protocol;
  /** Of traces that evaluate variants. */
  readonly dryRun?: boolean;
}

/** A trace as a command. */
interface TraceCommand<Result extends { readonly kind: string }> {
  readonly name: string;
  readonly description: string;
  readonly settings: SettingsTable;
  /** The settings of a session that it takes; default: all of them, and the protocol. */
  readonly session?: SettingsTable;
  /** Settings of training that its errors name. */
  readonly named?: SettingsTable;
  /** Whether it evaluates variants, whose time a dry run estimates. */
  readonly canDryRun?: boolean;
  readonly load: () => Promise<{
    readonly trace: (options: SessionOptions) => Promise<Result>;
    /** The name of the result's file; default: its kind. */
    readonly resultName?: (result: Result) => string;
    readonly tables: (data: DataDescription, result: Result, color: boolean) => string;
  }>;
}

const { session, unstructured, structured, overlap, minimal } = TRACE_SETTINGS;

/** Adds `trace unstructured`, `trace structured`, `trace overlap` and `trace minimal`. */
export function addTraceCommands(trace: Command): void {
  addTrace(trace, {
    name: 'unstructured',
    description: 'perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)',
    settings: unstructured,
    // Rewinding needs an epoch that the run was told to keep as it was trained.
    named: { keepEpochs: KEEP_EPOCHS },
    canDryRun: true,
    async load() {
      const { traceUnstructured, resultName } = await import('../../experiments/traceUnstructured.js');
      const { traceTables } = await import('../tables.js');
      return { trace: traceUnstructured, resultName, tables: traceTables };
    },
  });
  addTrace(trace, {
    name: 'structured',
    description: 'zero the top-k neurons of each layer for each group (article, Fig. 7)',
    settings: structured,
    canDryRun: true,
    async load() {
      const { traceStructured } = await import('../../experiments/traceStructured.js');
      const { layerTables } = await import('../tables.js');
      return { trace: traceStructured, tables: layerTables };
    },
  });
  addTrace(trace, {
    name: 'overlap',
    description: 'rank the top neurons of each criterion under the others (article, Fig. 3)',
    settings: overlap,
    async load() {
      const { traceOverlap } = await import('../../experiments/traceOverlap.js');
      const { overlapTables } = await import('../tables.js');
      return { trace: traceOverlap, tables: overlapTables };
    },
  });
  addTrace(trace, {
    name: 'minimal',
    description: 'how few neurons hold a training example of each group (Maini et al. 2023)',
    settings: minimal,
    session: { unit: session.unit, loss: session.loss, batchSize: session.batchSize },
    async load() {
      const { traceMinimal } = await import('../../experiments/traceMinimal.js');
      const { minimalTables } = await import('../tables.js');
      return { trace: traceMinimal, tables: minimalTables };
    },
  });
}

function addTrace<Result extends { readonly kind: string }>(
  parent: Command,
  { name, description, settings, session: ofSession, named, canDryRun, load }: TraceCommand<Result>,
): void {
  const table = { ...settings, ...(ofSession ?? session) };
  const command = parent.command(name).description(description);
  if (canDryRun === true) command.addOption(dryRunOption());
  command
    .requiredOption('--run <run>', 'run folder of a trained model')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
  addDatasetOptions(addComputeOptions(addSettings(command, table)));
  if (!ofSession) command.addOption(protocolOption());
  addJob<TraceCommandOptions>(
    command,
    async (options, output, control) => {
      const { trace, resultName, tables } = await load();
      const { run, data, seed, protocol } = options;
      const given: SessionOptions = {
        run,
        data,
        seed,
        protocol,
        ...engineOptions(options),
        datasetOptions: chosenDatasetOptions(options),
        ...givenSettings(table, options),
      };
      if (options.dryRun === true) return printDryRun(output, given, control, trace);
      const result = await trace({ ...given, ...control });
      const opened = await openResult(run, resultName?.(result) ?? result.kind);
      output.result(`${tables(opened.data, result, output.color)}\nResult: ${opened.path}`, {
        result: opened.path,
        ...result,
      });
    },
    settingNames({ ...table, ...named }),
    { isShared: true },
  );
}

function dryRunOption(): Option {
  return new Option(
    '--dry-run',
    'print the resolved settings, and time and memory by some seconds of evaluation; nothing is written to the run',
  ).default(false);
}

async function printDryRun(
  output: Output,
  options: SessionOptions,
  control: JobOptions,
  trace: (options: SessionOptions) => Promise<unknown>,
): Promise<void> {
  const { traceDryRun } = await import('../dryRun.js');
  tell(output, await traceDryRun(options, control, trace));
}
