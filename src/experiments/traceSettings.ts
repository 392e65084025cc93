import { type Split, SPLITS } from '../data/split.js';
import { type SpurmemError, usageError } from '../errors.js';
import { type Loss, LOSSES } from '../metrics/loss.js';
import { type Precision, PRECISIONS } from '../native/interface.js';
import {
  ARTICLE_CRITERIA,
  CRITERIA,
  CRITERION_NAMES,
  type CriterionName,
  criterionNamed,
} from '../neurons/criteria.js';
import { type Criterion, CRITERION_NAME } from '../neurons/criterion.js';
import { NULL_NAMES, type NullName } from '../neurons/nulls.js';
import { type OwnPerturbation, PERTURBATION_NAME } from '../neurons/perturbation.js';
import { isDrawn, PERTURBATION_NAMES, type PerturbationOption } from '../neurons/perturbations.js';
import { requireGradientSource } from '../neurons/samples.js';
import { CHOICE_SETTINGS } from '../neurons/settings.js';
import type { Protocol } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import {
  type DependentDefault,
  type GivenOf,
  protocolSetting,
  resolveSettings,
  type Setting,
  setting,
  type SettingsTable,
  type ValuesOf,
  without,
} from '../settings/setting.js';
import {
  accepts,
  callback,
  either,
  integer,
  oneOf,
  positive,
  severalOf,
  share,
  text,
  toggle,
  type ValueType,
  valueType,
} from '../settings/values.js';
import * as z from '../zod.js';

/** The article's standard deviation of random initialization and noise. */
export const ARTICLE_SIGMA = 0.005;

const OURS = 'ours: the article has no such comparison';
/** Max random sets: p-values reach 0.01 on a side, and 0.025 for each of a network's many layers. */
const NULL_DRAWS = 99;
const LAYER_NULL_DRAWS = 39;

const COUNT = { type: integer(1), argument: 'n' } as const;
/** Seeds of random perturbations. */
const REPEATED = 10;
/** Of what is computed as many times. */
const REPEATS = { type: integer(...RANGES.repeats), argument: 'n' } as const;
const LIST = { type: severalOf(integer(1)), argument: 'list' } as const;
const SPLIT = { type: oneOf(SPLITS), argument: 'split' } as const;

const classType = valueType(z.union([integer(0), text('a name')]), {
  expected: 'a class, by its name or its number from 0 on',
  form: 'integer or word',
});

/** A criterion of the package by its name, or one's own. */
export type CriterionChoice = CriterionName | Criterion;

const ownCriterion = valueType(
  z.custom<Criterion>((value) => {
    const { name, dependsOnGroup, scores } = Object(value) as Partial<Record<keyof Criterion, unknown>>;
    const isNamed = typeof name === 'string' && CRITERION_NAME.test(name);
    return isNamed && typeof dependsOnGroup === 'boolean' && typeof scores === 'function';
  }),
  {
    form: 'text',
    expected:
      'from a script an object with a name (small letters, digits and hyphens), dependsOnGroup and scores',
  },
);

/** Returns the error of one's own criterion or perturbation that has the name of another. */
export function takenName(parameter: string, kind: string, name: string): SpurmemError {
  const problem = `Another ${kind} is called ${name}.`;
  return usageError(parameter, name, `a ${kind} of another name`, problem, 'Rename yours.');
}

/** Types of criteria of which some may be one's own. */
export const CRITERIA_TYPE = severalOf(either(oneOf(CRITERION_NAMES), ownCriterion)) as ValueType<
  readonly CriterionChoice[]
>;

const ownPerturbation = valueType(
  z.custom<OwnPerturbation>((value) => {
    const { name, weights } = Object(value) as Partial<Record<keyof OwnPerturbation, unknown>>;
    return typeof name === 'string' && PERTURBATION_NAME.test(name) && accepts(callback(), weights);
  }),
  {
    form: 'text',
    expected:
      'from a script an object with a name (small letters and digits, but no split\u2019s name) and weights, a function',
  },
);

/** Settings of every trace: how a run is opened and its neurons are scored. */
const session = {
  ...CHOICE_SETTINGS,
  epoch: setting({
    type: integer(0),
    argument: 'n',
    help: 'trace the weights of this epoch, which the run must have kept; the result has its own file name and is in no report',
    default: undefined,
    otherwise: 'the selected one',
    source: 'the last or the best of validation',
  }),
  heldOutHalf: setting<boolean>({
    type: toggle(),
    argument: 'yes|no',
    help: 'choose neurons on half of each group’s training examples, drawn by the seed, and test them on the other half',
    default: false,
    source: 'chosen and measured on the same examples',
  }),
  loss: setting<Loss>({
    type: oneOf(LOSSES),
    help: 'loss that ranks samples and whose gradient is taken',
    argument: 'loss',
    default: undefined,
    otherwise: 'the run’s',
    source: 'that of the training',
    published: 'that of the training, behind the softmax head',
  }),
  precision: setting<Precision>({
    type: oneOf(PRECISIONS),
    help: 'precision of the model; if it differs from the run’s, the result counts the predictions that change',
    argument: 'precision',
    default: undefined,
    otherwise: 'the run’s',
    source: 'not given',
  }),
  batchSize: setting({
    ...COUNT,
    help: 'batch size',
    default: undefined,
    otherwise: 'the run’s',
    source: 'not given',
  }),
} satisfies SettingsTable;

const THREE = measured([1, 2, 3], 'the top 1, 2 and 3 (Figs 2, 4, 5)', NULL_DRAWS);
const unstructured = {
  perturbation: setting<PerturbationOption>({
    type: either(oneOf(PERTURBATION_NAMES), ownPerturbation) as ValueType<PerturbationOption>,
    help: 'perturbation of the neurons',
    argument: 'kind',
    default: 'zero',
    source: 'zeroing (Fig. 2), random initialization (Fig. 4), random noise (Fig. 5); mean ablation is ours',
    published: 'these three, and rewinding to an earlier epoch',
  }),
  sigmas: setting({
    type: severalOf(positive()),
    help: 'standard deviations of perturbations that draw',
    argument: 'list',
    default: [ARTICLE_SIGMA],
    source: '“multiple standard deviations”, of which it gives 0.005',
    published:
      'in comments 0.005, 0.01 and 0.02 (noise), and 0.02, 0.1, 0.15 and 0.05, 0.2 (random initialization)',
  }),
  rewindEpochs: setting({
    ...COUNT,
    help: 'epochs to go back for the weights of rewound neurons; the run must have kept that epoch',
    default: 5,
    source: 'not in the article',
    published: '5 or 10',
  }),
  repeats: protocolSetting({
    ...REPEATS,
    help: 'number of seeds to average random perturbations over: the seed and those after it',
    article: repeatsUnder('article'),
    released: repeatsUnder('released'),
    source: '10 random seeds (of Figs 11 and 12)',
    published: '3 for gradient, 10 for magnitude',
  }),
  ...THREE,
  criteria: { ...THREE.criteria, type: CRITERIA_TYPE } as Setting<readonly CriterionChoice[]>,
  comparedTopK: setting({
    ...LIST,
    help: 'which of these numbers to compare with random neurons',
    default: undefined,
    otherwise: 'all',
    source: OURS,
  }),
} satisfies SettingsTable;

const structured = measured([1], 'the top neuron of each layer (Fig. 7)', LAYER_NULL_DRAWS);

const overlap = {
  criteria: setting<readonly CriterionName[]>({
    type: severalOf(oneOf(CRITERION_NAMES), 2),
    help: 'criteria to rank under each other',
    argument: 'name',
    default: ARTICLE_CRITERIA,
    source: 'gradient and magnitude (Fig. 3)',
  }),
  fraction: setting({
    type: share('a share of all neurons', { whole: true }),
    help: 'share of all neurons to choose',
    argument: 'share',
    default: 0.0001,
    source: '0.01 % (Fig. 3); of a small network that is one neuron',
  }),
} satisfies SettingsTable;

const memorized = {
  memorized: setting({
    type: text('a CSV file'),
    argument: 'file',
    help: 'table of images with `file` and `memorization`, as `memorization` writes it',
    default: undefined,
    source: OURS,
  }),
  criteria: THREE.criteria,
  topK: setting({
    ...LIST,
    help: 'numbers of neurons, such as 1,2,3',
    default: [3],
    source: 'the largest number of Figs 2, 4 and 5',
  }),
  nullDraws: setting({
    type: integer(0, RANGES.repeats[1]),
    argument: 'n',
    help: 'random sets of the same layers whose mean change is subtracted; 0 for none',
    default: 20,
    source: OURS,
  }),
} satisfies SettingsTable;

const gradCam = {
  layer: setting({
    type: text('the name of a convolution, or of a block’s LayerNorm'),
    help: 'a convolution, or a block’s LayerNorm',
    argument: 'name',
    default: undefined,
    otherwise: 'the last; ResNet-50: layer4.2.conv3',
    source: 'layer4.2.conv3 of ResNet-50 (Fig. 10)',
  }),
  output: setting({
    type: classType,
    help: 'class whose logit the maps explain, by name or number',
    argument: 'class',
    default: 1,
    source: 'dimension 0 (Fig. 10), which is the waterbird, class 1: its one-hot vectors are [y, 1 \u2212 y]',
  }),
  split: setting<Split>({ ...SPLIT, help: 'split to map', default: 'test', source: 'not given' }),
  samples: setting({
    ...COUNT,
    help: 'samples of each group to map, drawn by the seed',
    default: 128,
    source: 'ours: the article shows single images',
  }),
  examples: setting({
    type: integer(0),
    help: 'samples of each group that the report shows: the first drawn',
    argument: 'n',
    default: 3,
    source: 'not given',
  }),
  batchSize: session.batchSize,
} satisfies SettingsTable;

/** The settings of tracing and Grad-CAM, declared once, as the commands group them. */
export const TRACE_SETTINGS = { session, unstructured, structured, overlap, memorized, gradCam } as const;

/** Settings of a session that a caller gives. */
export type SessionChoices = GivenOf<typeof session>;

/** A session's settings. */
export interface TraceSettings extends Omit<
  ValuesOf<typeof session>,
  'batchSize' | 'epoch' | 'loss' | 'precision'
> {
  readonly protocol: Protocol;
  readonly epoch: number | undefined;
  readonly loss: Loss;
  readonly precision: Precision;
}

/** The given settings, else the protocol's, or the run's loss and precision. Throws `USAGE` for a value out of range. */
export function traceSettings(
  given: SessionChoices,
  protocol: Protocol,
  run: { readonly loss: Loss; readonly precision: Precision },
): TraceSettings {
  const values = resolveSettings(without(session, 'batchSize'), protocol, given);
  requireGradientSource(values);
  const { loss = run.loss, precision = run.precision } = given;
  return { ...values, protocol, epoch: given.epoch, loss, precision };
}

/** A protocol's settings of an unstructured trace, `repeats` by criterion; `sigmas`, `repeats` and `comparedTopK` are undefined without a part in it. */
export function unstructuredSettings(given: GivenOf<typeof unstructured>, protocol: Protocol) {
  const { sigmas, comparedTopK, ...settings } = resolveSettings(
    without(unstructured, 'repeats'),
    protocol,
    given,
  );
  const { criteria, perturbation, topK, nullDraws } = settings;
  const draws = isDrawn(perturbation);
  const table = { repeats: unstructured.repeats };
  const repeats = criteria.map((one): [string, number] => {
    const criterion = typeof one === 'string' ? criterionNamed(one) : one;
    return [criterion.name, resolveSettings(table, protocol, given, { criterion }).repeats];
  });
  return {
    ...settings,
    sigmas: draws ? sigmas : undefined,
    comparedTopK: nullDraws === 0 ? undefined : topK.filter((k) => comparedTopK?.includes(k) ?? true),
    repeats: draws ? Object.fromEntries(repeats) : undefined,
  };
}

/** Settings of traces that measure perturbed models. */
function measured(topK: readonly number[], source: string, draws: number) {
  return {
    criteria: setting<readonly CriterionName[]>({
      type: severalOf(oneOf(CRITERION_NAMES)),
      help: 'how neurons are scored',
      argument: 'name',
      default: ARTICLE_CRITERIA,
      source: 'gradient and magnitude (Methods)',
    }),
    topK: setting({ ...LIST, help: 'numbers of neurons, such as 1,2,3', default: topK, source }),
    split: setting<Split>({
      ...SPLIT,
      help: 'split whose accuracies are measured',
      default: 'train',
      source: 'training accuracies in Part I; test in Tables 13 and 14',
      published:
        'the same; on the test split neurons are chosen by its images, too (here by those of training)',
    }),
    samples: setting({
      ...COUNT,
      help: 'examples of each group that are measured at most, drawn by the seed; minority groups: all, or as many as the largest has in training',
      default: 128,
      source: 'all of them',
    }),
    nullDraws: setting<number>({
      type: integer(0, RANGES.repeats[1]),
      help: 'max random sets of neurons to compare each set with, per null; 0 for none',
      argument: 'n',
      default: {
        words: `${draws}; none for perturbations that draw, which multiply them by their seeds`,
        of: ({ perturbation = 'zero' }) => (isDrawn(perturbation as PerturbationOption) ? 0 : draws),
      },
      source: OURS,
    }),
    nulls: setting<readonly NullName[]>({
      type: severalOf(oneOf(NULL_NAMES)),
      help: 'kinds of random neurons to compare each set with',
      argument: 'name',
      default: NULL_NAMES,
      source: OURS,
    }),
    exceedances: setting({
      ...COUNT,
      help: 'random sets at least as extreme, on each side, after which a test stops drawing',
      default: 10,
      source: `${OURS}; Besag and Clifford 1991`,
    }),
  } satisfies SettingsTable;
}

/** The default depends on the criterion whose neurons are perturbed. */
function repeatsUnder(protocol: Protocol): DependentDefault<number> {
  const countOf = ({ repeats }: Criterion): number => repeats?.[protocol] ?? REPEATED;
  const counts = CRITERIA.map((criterion) => [criterion.name, countOf(criterion)] as const);
  const [first] = counts;
  return {
    words: counts.every(([, count]) => count === first?.[1])
      ? String(first?.[1])
      : counts.map(([name, count]) => `${count} for ${name}`).join(', '),
    of: ({ criterion }) => countOf(criterion as Criterion),
  };
}
