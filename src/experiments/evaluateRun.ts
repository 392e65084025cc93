import { type Dataset, requireImages } from '../data/dataset.js';
import { type Split, SPLITS } from '../data/split.js';
import { evaluateModel } from '../metrics/evaluate.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import { openEngine } from '../native/engine.js';
import type { Precision } from '../native/interface.js';
import { checkOptions } from '../settings/options.js';
import {
  type GivenOf,
  protocolOf,
  resolveSettings,
  setting,
  type SettingsTable,
} from '../settings/setting.js';
import { integer, oneOf, toggle } from '../settings/values.js';
import { imagesOf, openDataset } from '../train/runData.js';
import { openRun, weightsAt } from '../train/runFolder.js';
import { loadModel, openImages } from '../train/runModel.js';
import { type Prediction, predictionRows } from './predictions.js';
import { OF_RUN_TYPES, type OfRunOptions } from './traceSession.js';
import { TRACE_SETTINGS } from './traceSettings.js';

const { precision, batchSize } = TRACE_SETTINGS.session;

/** Settings of an evaluation. */
export const EVALUATE_SETTINGS = {
  split: setting<Split>({
    type: oneOf(SPLITS),
    argument: 'split',
    help: 'split to evaluate',
    default: 'test',
    source: 'the test split',
  }),
  epoch: setting({
    type: integer(1),
    argument: 'n',
    help: 'epoch whose weights to evaluate; the run must have kept it',
    default: undefined,
    otherwise: 'the selected one',
    source: 'the selected one',
  }),
  precision,
  batchSize,
} satisfies SettingsTable;

export interface EvaluateOptions extends OfRunOptions, GivenOf<typeof EVALUATE_SETTINGS> {
  /** Whether to return a row for each image: of `split` if it is given, else of all splits. Default: no. */
  readonly rows?: boolean | undefined;
}

/** The accuracies of a run's model on one split; of training on the images that it trained on. */
export interface RunEvaluation {
  readonly kind: 'evaluation';
  readonly run: string;
  readonly split: Split;
  /** null: the selected one. */
  readonly epoch: number | null;
  /** sha256 of the weights file. */
  readonly checkpoint: string;
  readonly precision: Precision;
  readonly accuracies: GroupAccuracies;
  /** The groups, which may be others than the run's. */
  readonly groups: Pick<Dataset, 'groupNames' | 'minorityGroups'>;
  /** Mean loss over the examples, by the run's loss. */
  readonly loss: number;
  /** In the order of splits and table, if requested. */
  readonly rows?: readonly Prediction[];
}

/**
 * Evaluates a run's model on a split, or on all for `rows`. Writes nothing: the run's folder may be read-only.
 *
 * @throws `USAGE`, `RUN_NOT_FOUND` when the trained run or the epoch is missing, `DATASET_INVALID` for data other than the run's,
 *   `DATASET_EMPTY_GROUP`, `WEIGHTS_INVALID`
 */
export async function evaluateRun(options: EvaluateOptions): Promise<RunEvaluation> {
  const types = { ...OF_RUN_TYPES, rows: toggle() };
  checkOptions(options, { types, settings: EVALUATE_SETTINGS, required: ['run'] });
  const run = await openRun(options.run);
  const { folder, config } = run;
  const settings = resolveSettings(EVALUATE_SETTINGS, protocolOf(EVALUATE_SETTINGS, {}, config), options);
  const { split, epoch, batchSize = config.batchSize, precision = config.precision } = settings;
  const weights = await weightsAt(run, epoch);
  using context = await openEngine(options);
  // Other groups are asked for: data that have changed are none of the run's.
  const mayRegroup = options.data !== undefined || options.datasetOptions !== undefined;
  const dataset = await openDataset(run, { ...options, mayRegroup });
  requireImages(dataset, [split]);
  using loader = await openImages(config, dataset, { ...options, context });
  using model = await loadModel({ ...config, precision }, loader, weights, folder);
  const { onProgress, signal, rows: logits } = options;
  const evaluated = (one: Split, indices: Int32Array) =>
    evaluateModel(model, loader, indices, {
      onProgress,
      signal,
      loss: config.loss,
      logits,
      task: `evaluation, ${one}`,
      batchSize,
    });
  const ofSplit = dataset.splits[split];
  const evaluation = await evaluated(split, ofSplit);
  const rows: Prediction[][] = [];
  for (const one of logits === true ? SPLITS : []) {
    const indices = imagesOf(dataset, one);
    if (indices.length === 0 || (options.split ?? one) !== one) continue;
    rows.push(
      predictionRows(
        dataset,
        indices,
        one === split && indices.length === ofSplit.length ? evaluation : await evaluated(one, indices),
      ),
    );
  }
  return {
    kind: 'evaluation',
    run: folder.path,
    split,
    epoch: epoch ?? null,
    checkpoint: await weightsFingerprint(weights),
    precision,
    accuracies: evaluation.accuracies,
    groups: { groupNames: dataset.groupNames, minorityGroups: dataset.minorityGroups },
    loss: evaluation.loss,
    ...(logits === true ? { rows: rows.flat() } : {}),
  };
}
