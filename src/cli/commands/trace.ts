import { engineOptions } from '../../native/engine.js';
import { Option, type Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import type { Protocol } from '../../protocol.js';
import type { SettingsTable } from '../../settings/setting.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import type { SessionOptions } from '../../experiments/traceSession.js';
import type { JobOptions } from '../../progress.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  chosenDatasetOptions,
  protocolOption,
  type ComputeOptions,
} from '../options.js';
import type { Output } from '../output.js';
import { openResult } from '../openResult.js';
import { addSettings, givenSettings, settingNames } from '../settings.js';

interface TraceCommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly data?: string;
}

interface ProtocolCommandOptions extends TraceCommandOptions {
  readonly protocol: Protocol;
  /** Of traces that evaluate variants. */
  readonly dryRun?: boolean;
}

const { session, unstructured, structured, overlap, minimal } = TRACE_SETTINGS;

/** What a minimal trace takes of a session's settings. */
const MINIMAL_SESSION = { unit: session.unit, loss: session.loss, batchSize: session.batchSize } as const;

export function addTraceCommands(trace: Command): void {
  addJob<ProtocolCommandOptions>(
    addSessionOptions(
      trace
        .command('unstructured')
        .description('perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)')
        .addOption(dryRunOption()),
      unstructured,
    ),
    async (options, output, control) => {
      const [{ traceUnstructured, resultName }, { traceTables }] = await Promise.all([
        import('../../experiments/traceUnstructured.js'),
        import('../tables.js'),
      ]);
      const given = { ...sessionOptions(options), ...givenSettings(unstructured, options) };
      if (options.dryRun === true) return tellDryRun(output, given, control, traceUnstructured);
      const result = await traceUnstructured({ ...given, ...control });
      const { data, path } = await openResult(options, resultName(result));
      output.result(`${traceTables(data, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    },
    // Rewinding needs an epoch that the run was told to keep as it was trained.
    settingNames({ ...session, ...unstructured, keepEpochs: KEEP_EPOCHS }),
    { isShared: true },
  );

  addJob<ProtocolCommandOptions>(
    addSessionOptions(
      trace
        .command('structured')
        .description('zero the top-k neurons of each layer for each group (article, Fig. 7)')
        .addOption(dryRunOption()),
      structured,
    ),
    async (options, output, control) => {
      const [{ traceStructured }, { layerTables }] = await Promise.all([
        import('../../experiments/traceStructured.js'),
        import('../tables.js'),
      ]);
      const given = { ...sessionOptions(options), ...givenSettings(structured, options) };
      if (options.dryRun === true) return tellDryRun(output, given, control, traceStructured);
      const result = await traceStructured({ ...given, ...control });
      const { data, path } = await openResult(options, result.kind);
      output.result(`${layerTables(data, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    },
    settingNames({ ...session, ...structured }),
    { isShared: true },
  );

  addJob<ProtocolCommandOptions>(
    addSessionOptions(
      trace
        .command('overlap')
        .description('rank the top neurons of each criterion under the others (article, Fig. 3)'),
      overlap,
    ),
    async (options, output, control) => {
      const [{ traceOverlap }, { overlapTables }] = await Promise.all([
        import('../../experiments/traceOverlap.js'),
        import('../tables.js'),
      ]);
      const result = await traceOverlap({
        ...sessionOptions(options),
        ...givenSettings(overlap, options),
        ...control,
      });
      const { data, path } = await openResult(options, result.kind);
      output.result(`${overlapTables(data, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    },
    settingNames({ ...session, ...overlap }),
    { isShared: true },
  );

  addJob<TraceCommandOptions>(
    addRunOptions(
      trace
        .command('minimal')
        .description('how few neurons hold a training example of each group (Maini et al. 2023)'),
      minimal,
      MINIMAL_SESSION,
    ),
    async (options, output, control) => {
      const [{ traceMinimal }, { minimalTables }] = await Promise.all([
        import('../../experiments/traceMinimal.js'),
        import('../tables.js'),
      ]);
      const result = await traceMinimal({
        ...runOptions(options),
        ...givenSettings({ ...minimal, ...MINIMAL_SESSION }, options),
        ...control,
      });
      const { data, path } = await openResult(options, result.kind);
      output.result(`${minimalTables(data, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    },
    settingNames({ ...MINIMAL_SESSION, ...minimal }),
    { isShared: true },
  );
}

/** What a trace under a protocol takes, and the settings of its kind. */
function addSessionOptions(command: Command, settings: SettingsTable): Command {
  return addRunOptions(command, settings, session).addOption(protocolOption());
}

/** What every trace takes, the settings of its kind, and those of its session. */
function addRunOptions(command: Command, settings: SettingsTable, ofSession: SettingsTable): Command {
  command
    .requiredOption('--run <run>', 'run folder of a trained model')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
  return addDatasetOptions(addComputeOptions(addSettings(addSettings(command, settings), ofSession)));
}

/** The library's options of a trace under a protocol. */
function sessionOptions(options: ProtocolCommandOptions) {
  return { ...runOptions(options), protocol: options.protocol, ...givenSettings(session, options) };
}

/** The library's options of any trace. The data is read as in training, unless an option says otherwise. */
function runOptions(options: TraceCommandOptions) {
  const { run, data, seed } = options;
  return {
    ...{ run, data, seed, ...engineOptions(options) },
    datasetOptions: chosenDatasetOptions(options),
  };
}

function dryRunOption(): Option {
  return new Option(
    '--dry-run',
    'print the resolved settings, and time and memory by some seconds of evaluation; nothing is written to the run',
  ).default(false);
}

async function tellDryRun<Options extends SessionOptions>(
  output: Output,
  options: Options,
  control: JobOptions,
  trace: (options: Options) => Promise<unknown>,
): Promise<void> {
  const { traceDryRun, traceDryRunText } = await import('../traceDryRun.js');
  const estimate = await traceDryRun(options, control, trace);
  output.result(traceDryRunText(estimate), estimate);
}
