import type { Dataset } from '../../data/dataset.js';
import { inverseSizes } from '../../data/sampling.js';
import { ticksWarnings } from '../../data/ticks.js';
import { SpurmemError } from '../../errors.js';
import type { ComputeContext } from '../../native/context.js';
import type { JobOptions } from '../../progress.js';
import { RANGES } from '../../settings/ranges.js';
import { type GivenOf, resolveSettings, setting, type ValuesOf } from '../../settings/setting.js';
import { integer, oneOf, positive, severalOf } from '../../settings/values.js';
import { type FromRun, fromRun } from '../continuation.js';
import { headState, validationFeatures } from '../dfr/features.js';
import { fitDfr, type LabelledFeatures, type LinearLayer, type TunedStrength } from '../dfr/fit.js';
import { l2Penalty, SoftmaxRegression } from '../dfr/softmaxRegression.js';
import { REFIT_SETTINGS } from '../ermSettings.js';
import type { TrainingMethod } from '../method.js';
import type { TrainingResult } from '../results.js';
import type { Run, Task } from '../run.js';
import type { RunConfig } from '../runConfig.js';

/** scikit-learn's C of the fit by weights, as of `cbllr`. */
const WEIGHTED_STRENGTH = 0.001;

const OWN_SETTINGS = {
  balance: setting({
    type: oneOf(['subsets', 'weights']),
    argument: 'how',
    help: 'how groups count alike: by subsets as large as the smallest group, or by one fit to all images (L2 penalty, C 0.001) that weighs them',
    default: undefined,
    otherwise: 'weights for ticks, whose groups are small; else subsets',
    source: 'subsets, as its published code',
  }),
  inverseStrengths: setting({
    type: severalOf(positive()),
    argument: 'list',
    help: 'values of C, the inverse strength of the L1 penalty, to choose from; ties: the first wins',
    default: [1, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01],
    source: 'the values of its published code',
  }),
  draws: setting({
    type: integer(...RANGES.repeats),
    argument: 'n',
    help: 'group-balanced subsets whose fits are averaged',
    default: 20,
    source: '20 in its published code',
  }),
} as const;

/** DFR's own settings, and those that all refits share. */
const SETTINGS = { ...OWN_SETTINGS, ...REFIT_SETTINGS } as const;

/** Options of `train('dfr', …)`: omitted settings take the protocol's values. */
export type DfrOptions = FromRun & GivenOf<typeof SETTINGS>;

type DfrConfig = RunConfig & ValuesOf<typeof OWN_SETTINGS>;

export interface DfrResult extends TrainingResult {
  /** The chosen C of fits to subsets; a fit by weights has one C, and none of these. */
  readonly inverseStrength?: number;
  readonly tuning?: readonly TunedStrength[];
}

/**
 * Last-layer retraining on the validation split (Kirichenko et al. 2023, DFR with validation data): the model's head becomes that
 * of `fitDfr` on the penultimate features in evaluation mode. The published code standardizes the last fits by the whole
 * validation split, and penalizes the intercept; here each fit is standardized by its own subset, and the intercept is free. The
 * validation accuracies are those of examples that the layer was fitted on. Ticks make groups of a dozen images: a subset of as many
 * per group keeps no feature under the L1 penalty, so that one fit weighs all images instead.
 */
export const dfr: TrainingMethod<DfrConfig, DfrOptions> = {
  name: 'dfr',
  title: 'DFR',
  description: 'last-layer retraining on the validation split (Kirichenko et al. 2023)',
  startsFrom: 'run',
  settings: SETTINGS,
  needsGroupsIn: 'val',
  start: (options) =>
    fromRun<DfrConfig>(dfr, options, ({ config }, dataset) => {
      const given = resolveSettings(SETTINGS, config.protocol, options);
      const { batchSize = config.batchSize, precision = config.precision, inverseStrengths, draws } = given;
      const balance = given.balance ?? (dataset.options.ticks === undefined ? undefined : 'weights');
      if (balance !== 'weights') requireTwoOfEachGroup(dataset);
      const own = { inverseStrengths, draws, balance };
      return { batchSize, loss: config.loss, precision, select: 'last', ...own };
    }),
  task: lastLayer,
};

/** One example of each group to fit on while another one judges C. */
function requireTwoOfEachGroup(dataset: Dataset): void {
  const group = dataset.counts.val.indexOf(1);
  if (group === -1) return;
  throw new SpurmemError(
    'DATASET_EMPTY_GROUP',
    `${dataset.table}: the split val has one example of group ${group} (${dataset.groupNames[group] ?? ''}), and last-layer retraining ` +
      'needs two of each group, to fit on and to choose C by. Move more to that split.',
  );
}

function lastLayer(run: Run<DfrConfig>): Task {
  const { config, model, generator, job } = run;
  let tuned: Pick<DfrResult, 'inverseStrength' | 'tuning'> = {};
  return {
    async begin() {
      const data = await validationFeatures(run);
      for (const text of ticksWarnings(run.loader.dataset, wrongOf(data))) job.onWarning?.(text);
      const { layer, ...chosen } =
        config.balance === 'weights'
          ? await weightedLayer(data, model.context, job)
          : await fitDfr(data, config, generator, job);
      await model.loadStateDict(headState(model, layer));
      tuned = chosen;
    },
    result: () => ({ ...tuned }),
  };
}

/** Validation images of each class that the run gets wrong, [numClasses]. */
function wrongOf({
  logits,
  labels,
  numClasses,
}: LabelledFeatures & { readonly logits: Float32Array }): number[] {
  const wrong = new Array<number>(numClasses).fill(0);
  for (const [i, y] of labels.entries()) {
    const own = logits.subarray(i * numClasses, (i + 1) * numClasses);
    if (own.indexOf(Math.max(...own)) !== y) wrong[y] = (wrong[y] ?? 0) + 1;
  }
  return wrong;
}

/** The last layer that fits all examples, each group weighing the same. */
async function weightedLayer(
  { features, labels, groups, numClasses }: LabelledFeatures,
  context: ComputeContext,
  job: JobOptions,
): Promise<{ readonly layer: LinearLayer }> {
  using regression = await SoftmaxRegression.of(features, labels, numClasses, context);
  const penalty = l2Penalty(WEIGHTED_STRENGTH, labels.length, numClasses);
  const { layer } = await regression.fit({ weights: inverseSizes(groups), penalty }, job);
  return { layer };
}
