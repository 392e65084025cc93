import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { SPLITS, type Split } from '../../data/split.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { LOSSES, type Loss } from '../../metrics/loss.js';
import type { Unit } from '../../native/addon.js';
import type { CriterionName } from '../../neurons/criteria.js';
import { PERTURBATION_NAMES, type PerturbationName } from '../../neurons/perturbations.js';
import { GRADIENT_ORDERS, type GradientOrder } from '../../neurons/score.js';
import { MAGNITUDE_LAYERS, type MagnitudeLayers } from '../../neurons/select.js';
import type { Protocol } from '../../protocol.js';
import { defaultInWords, type Setting } from '../../settings/setting.js';
import { runJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  chosenDatasetOptions,
  choice,
  criterionOption,
  defaultsOf,
  integer,
  integers,
  numbers,
  positive,
  protocolOption,
  type ComputeOptions,
} from '../options.js';

interface TraceCommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly data?: string;
  readonly batchSize?: number;
  readonly unit: Unit;
  readonly protocol: Protocol;
  readonly gradientOrder?: GradientOrder;
  readonly gradientWorst?: number;
  readonly gradientDrawn?: number;
  readonly magnitudeLayers?: MagnitudeLayers;
  readonly loss?: Loss;
}

interface ZeroingOptions extends TraceCommandOptions {
  readonly criterion: readonly CriterionName[];
  readonly topK: readonly number[];
  readonly split: Split;
  readonly controls: number;
  readonly controlSamples: number;
}

interface UnstructuredOptions extends ZeroingOptions {
  readonly perturbation: PerturbationName;
  readonly sigma?: readonly number[];
  readonly repeats?: number;
}

interface OverlapOptions extends TraceCommandOptions {
  readonly fraction: number;
}

export function addTraceCommands(trace: Command): void {
  addZeroingOptions(
    trace
      .command('unstructured')
      .description('perturb the top-k neurons of the whole model for each group (article, Figs 2, 4, 5)')
      .addOption(
        choice('--perturbation <kind>', 'what happens to the neurons', PERTURBATION_NAMES).default('zero'),
      )
      .addOption(numbers('--sigma <list>', 'standard deviations of reinit and noise (default: 0.005)'))
      .addOption(
        integer(
          '--repeats <n>',
          `seeds that reinit and noise are averaged over ${defaultOf(TRACE_SETTINGS.unstructured.repeats)}`,
          1,
        ),
      ),
    [1, 2, 3],
  ).action(async (options: UnstructuredOptions) => {
    await runJob(options, async (output, control) => {
      const [{ traceUnstructured, resultName }, { traceTables }] = await Promise.all([
        import('../../experiments/traceUnstructured.js'),
        import('../tables.js'),
      ]);
      const { sigma: sigmas } = options;
      const result = await traceUnstructured({ ...options, ...zeroing(options), ...control, sigmas });
      const { dataset, path } = await openResult(options, resultName(result));
      output.result(`${traceTables(dataset, result, output.color)}\nResult: ${path}`, {
        result: path,
        ...result,
      });
    });
  });

  addZeroingOptions(
    trace
      .command('structured')
      .description('zero the top-k neurons of each layer for each group (article, Fig. 7)'),
    [1],
  ).action(async (options: ZeroingOptions) => {
    await runJob(options, async (output, control) => {
      const [{ traceStructured }, { layerTables }] = await Promise.all([
        import('../../experiments/traceStructured.js'),
        import('../tables.js'),
      ]);
      const result = await traceStructured({ ...options, ...zeroing(options), ...control });
      const { dataset, path } = await openResult(options, result.kind);
      output.result(`${layerTables(dataset, result)}\nResult: ${path}`, { result: path, ...result });
    });
  });

  addSessionOptions(
    trace
      .command('overlap')
      .description('rank the top neurons of each criterion under the other one (article, Fig. 3)')
      .addOption(positive('--fraction <share>', 'share of all neurons to choose').default(0.0001)),
  ).action(async (options: OverlapOptions) => {
    await runJob(options, async (output, control) => {
      const [{ traceOverlap }, { overlapTables }] = await Promise.all([
        import('../../experiments/traceOverlap.js'),
        import('../tables.js'),
      ]);
      const result = await traceOverlap({ ...session(options), ...options, ...control });
      const { dataset, path } = await openResult(options, result.kind);
      output.result(`${overlapTables(dataset, result)}\nResult: ${path}`, { result: path, ...result });
    });
  });
}

function addSessionOptions(command: Command): Command {
  return addDatasetOptions(
    addComputeOptions(
      addProtocolOptions(
        command
          .requiredOption('--run <run>', 'run folder of a trained model')
          .option('--data <folder>', 'dataset folder (default: the one the run was trained on)')
          .addOption(choice('--unit <unit>', 'what a neuron is', ['neuron', 'weight']).default('neuron'))
          .addOption(integer('--batch-size <n>', 'batch size (default: the run\u2019s)', 1)),
      ),
    ),
  );
}

/** What the protocol decides where it is left out. */
function addProtocolOptions(command: Command): Command {
  return command
    .addOption(protocolOption())
    .addOption(
      choice(
        '--gradient-order <order>',
        `by which end of a group\u2019s losses the gradient\u2019s samples are picked ${defaultOf(TRACE_SETTINGS.session.gradientOrder)}`,
        GRADIENT_ORDERS,
      ),
    )
    .addOption(
      integer(
        '--gradient-worst <n>',
        `how many samples are picked by their loss ${defaultOf(TRACE_SETTINGS.session.gradientWorst)}`,
        1,
      ),
    )
    .addOption(
      integer(
        '--gradient-drawn <n>',
        `how many of these are drawn at random ${defaultOf(TRACE_SETTINGS.session.gradientDrawn)}`,
        1,
      ),
    )
    .addOption(
      choice(
        '--magnitude-layers <layers>',
        `where magnitude chooses neurons ${defaultOf(TRACE_SETTINGS.session.magnitudeLayers)}`,
        MAGNITUDE_LAYERS,
      ),
    )
    .addOption(
      choice(
        '--loss <loss>',
        'what ranks samples and whose gradient is taken (default: the run\u2019s)',
        LOSSES,
      ),
    );
}

function defaultOf(setting: Setting<unknown>): string {
  return defaultsOf({
    article: defaultInWords(setting, 'article'),
    released: defaultInWords(setting, 'released'),
  });
}

function addZeroingOptions(command: Command, topK: readonly number[]): Command {
  return addSessionOptions(
    command
      .addOption(criterionOption())
      .addOption(integers('--top-k <list>', 'numbers of neurons, such as 1,2,3', 1).default([...topK]))
      .addOption(choice('--split <split>', 'whose accuracies are measured', SPLITS).default('train'))
      .addOption(
        integer('--controls <n>', 'random sets of neurons to compare each set with; 0 for none', 0).default(
          100,
        ),
      )
      .addOption(
        integer('--control-samples <n>', 'examples of each group that they are compared on', 1).default(128),
      ),
  );
}

/** The library's options of a trace that measures accuracies. */
function zeroing(options: ZeroingOptions) {
  return {
    ...session(options),
    criteria: options.criterion,
  };
}

/** The library's options of any trace. The data is read as in training, unless an option says otherwise. */
function session(options: TraceCommandOptions) {
  return { datasetOptions: chosenDatasetOptions(options) };
}

/** What the tables need besides a result. */
async function openResult(options: TraceCommandOptions, name: string) {
  const [{ openRun }, { loadDataset }] = await Promise.all([
    import('../../train/runFolder.js'),
    import('../../data/dataset.js'),
  ]);
  const { environment, folder } = await openRun(options.run);
  const datasetOptions = chosenDatasetOptions(options) ?? environment.dataOptions;
  return {
    dataset: await loadDataset(options.data ?? environment.data, datasetOptions),
    path: folder.result(name),
  };
}
