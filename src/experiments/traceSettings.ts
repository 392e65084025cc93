import { SPLITS, type Split } from '../data/split.js';
import { LOSSES, type Loss } from '../metrics/loss.js';
import { PRECISIONS, type Precision, type Unit } from '../native/addon.js';
import {
  ARTICLE_CRITERIA,
  CRITERIA,
  CRITERION_NAMES,
  criterionNamed,
  type CriterionName,
} from '../neurons/criteria.js';
import { NULL_NAMES, type NullName } from '../neurons/nulls.js';
import { isDrawn, PERTURBATION_NAMES, type PerturbationName } from '../neurons/perturbations.js';
import { GRADIENT_ORDERS, requireGradientSource, type GradientOrder } from '../neurons/score.js';
import { MAGNITUDE_LAYERS, type MagnitudeLayers } from '../neurons/select.js';
import type { Protocol } from '../protocol.js';
import {
  protocolSetting,
  resolveSettings,
  setting,
  without,
  type DependentDefault,
  type GivenOf,
  type SettingsTable,
  type ValuesOf,
} from '../settings/setting.js';
import { integer, severalOf, oneOf, positive, share, text, type ValueType } from '../settings/values.js';

/** The article's standard deviation of random initialization and noise. */
export const ARTICLE_SIGMA = 0.005;

const UNITS: readonly Unit[] = ['neuron', 'weight'];
const MAINI = 'Maini et al. 2023';
const OURS = 'ours: the article has no such comparison';
/** Random sets at most: p-values down to 0.01 on a side, and to 0.025 beside each of a network's many layers. */
const CONTROLS = 99;
const LAYER_CONTROLS = 39;

const classType: ValueType<number | string> = {
  accepts: (value): value is number | string => integer(0).accepts(value) || text('').accepts(value),
  expected: 'a class, by its name or its number from 0 on',
  form: 'integer or word',
  isList: false,
};

/** How a run is opened and its neurons are scored: what every trace takes. */
const session = {
  unit: setting<Unit>({
    type: oneOf(UNITS),
    help: 'what a neuron is: a channel or row, or a single weight',
    argument: 'unit',
    default: 'neuron',
    source: 'neurons (Methods)',
    published:
      'of vision transformers single weights of qkv, proj, fc1 and fc2; not set by the protocol: `weight`',
    isDeparture: true,
  }),
  gradientOrder: setting<GradientOrder>({
    type: oneOf(GRADIENT_ORDERS),
    help: 'by which end of a group’s losses the gradient’s samples are picked',
    argument: 'order',
    default: 'highest-loss',
    source: 'the samples with the highest loss (Methods)',
    // Every trace goes by group, so that the protocol takes the highest too.
    published:
      'without groups, an ascending sort picks the lowest; by group, it is right; measure the other with `lowest-loss`',
    isDeparture: true,
  }),
  gradientWorst: protocolSetting({
    type: integer(1),
    help: 'how many samples are picked by their loss',
    argument: 'n',
    article: 256,
    released: 200,
    source: '128 drawn at random from the 256 worst (Methods)',
    published: 'the 200 worst of the group',
  }),
  gradientDrawn: protocolSetting({
    type: integer(1),
    help: 'how many of these are drawn at random',
    argument: 'n',
    article: 128,
    released: 200,
    source: '128 drawn at random from the 256 worst (Methods)',
    published: 'all of the 200 worst',
  }),
  magnitudeLayers: protocolSetting<MagnitudeLayers>({
    type: oneOf(MAGNITUDE_LAYERS),
    help: 'where magnitude chooses neurons',
    argument: 'layers',
    article: 'all',
    released: 'no-downsample',
    source: 'all convolutions (ResNet-50: 53 with 26,560 channels)',
    published: 'for magnitude without the downsample convolutions (49 with 22,720), for the gradient all',
    isDeparture: true,
  }),
  loss: setting<Loss>({
    type: oneOf(LOSSES),
    help: 'what ranks samples and whose gradient is taken',
    argument: 'loss',
    default: undefined,
    otherwise: 'the run’s',
    source: 'that of the training',
    published: 'that of the training, behind the softmax head',
  }),
  precision: setting<Precision>({
    type: oneOf(PRECISIONS),
    help: 'what the model computes in; where it differs from the run’s, the result says how many predictions that changes',
    argument: 'precision',
    default: undefined,
    otherwise: 'the run’s',
    source: 'not given',
  }),
  batchSize: setting({
    type: integer(1),
    help: 'batch size',
    argument: 'n',
    default: undefined,
    otherwise: 'the run’s',
    source: 'not given',
  }),
} satisfies SettingsTable;

const unstructured = {
  perturbation: setting<PerturbationName>({
    before: 'without rewind and mean',
    type: oneOf(PERTURBATION_NAMES),
    help: 'what happens to the neurons',
    argument: 'kind',
    default: 'zero',
    source: 'zeroing (Fig. 2), random initialization (Fig. 4), random noise (Fig. 5); mean ablation is ours',
    published: 'these three, and rewinding to an earlier epoch',
  }),
  sigmas: setting({
    before: '0.001, 0.005, 0.01, 0.05, 0.1 in Figs 11 and 12',
    type: severalOf(positive()),
    help: 'standard deviations of perturbations that draw',
    argument: 'list',
    option: 'sigma',
    default: [ARTICLE_SIGMA],
    source: '“multiple standard deviations”, of which it gives 0.005',
    published:
      'in comments 0.005, 0.01 and 0.02 (noise), and 0.02, 0.1, 0.15 and 0.05, 0.2 (random initialization)',
  }),
  rewindEpochs: setting({
    before: 'not there',
    type: integer(1),
    help: 'how many epochs before the traced one rewound neurons get their weights from; the run must have kept that epoch',
    argument: 'n',
    default: 5,
    source: 'not in the article',
    published: '5 or 10',
  }),
  repeats: protocolSetting({
    type: integer(1),
    help: 'seeds that perturbations that draw are averaged over: the seed and those after it',
    argument: 'n',
    article: repeatsUnder('article'),
    released: repeatsUnder('released'),
    source: '10 (Methods)',
    published: '3 for gradient, 10 for magnitude',
  }),
  ...measured([1, 2, 3], 'the top 1, 2 and 3 (Figs 2, 4, 5)', CONTROLS),
  comparedTopK: setting({
    type: severalOf(integer(1)),
    help: 'of the numbers of neurons, those that are compared with random ones',
    argument: 'list',
    default: undefined,
    otherwise: 'all',
    source: OURS,
  }),
} satisfies SettingsTable;

const structured = measured(
  [1],
  'the top neuron of each layer (Fig. 7)',
  LAYER_CONTROLS,
) satisfies SettingsTable;

const overlap = {
  criteria: setting<readonly CriterionName[]>({
    type: severalOf(oneOf(CRITERION_NAMES), 2),
    help: 'which are ranked under each other',
    argument: 'name',
    option: 'criterion',
    default: ARTICLE_CRITERIA,
    source: 'gradient and magnitude (Fig. 3)',
  }),
  fraction: setting({
    before: 'ranks among all neurons of the model alone, in bins of 5 %',
    type: share('a share of all neurons', { whole: true }),
    help: 'share of all neurons to choose',
    argument: 'share',
    default: 0.0001,
    source: '0.01 % (Fig. 3); of a small network that is one neuron',
  }),
} satisfies SettingsTable;

const minimal = {
  examples: setting({
    type: integer(1),
    help: 'examples of each group that are tried, drawn by the seed from those that are predicted right',
    argument: 'n',
    default: 16,
    source: `${MAINI} tries 1000`,
  }),
  referenceSize: setting({
    type: integer(2),
    help: 'training examples, drawn by the seed from those that are predicted right, whose loss is to stay',
    argument: 'n',
    default: 128,
    source: `${MAINI}: a training batch, of models that fit all but all of it`,
  }),
  mostNeurons: setting({
    type: integer(1),
    help: 'neurons after which an example is given up',
    argument: 'n',
    default: 50,
    source: `ours: ${MAINI} has no limit`,
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
    before: '0, class 0',
    type: classType,
    help: 'the class whose logit the maps speak for, by its name or number',
    argument: 'class',
    default: 1,
    source: 'dimension 0 (Fig. 10), which is the waterbird, class 1: its one-hot vectors are [y, 1 \u2212 y]',
  }),
  split: setting<Split>({
    type: oneOf(SPLITS),
    help: 'whose samples are mapped',
    argument: 'split',
    default: 'test',
    source: 'not given',
  }),
  samples: setting({
    type: integer(1),
    help: 'samples of each group that are mapped, drawn by the seed',
    argument: 'n',
    default: 128,
    source: 'ours: the article shows single images',
  }),
  examples: setting({
    type: integer(0),
    help: 'samples of each group that the report shows: the first that were drawn',
    argument: 'n',
    default: 3,
    source: 'not given',
  }),
  batchSize: session.batchSize,
} satisfies SettingsTable;

/** The settings of tracing and Grad-CAM, declared once, as the commands group them. */
export const TRACE_SETTINGS = { session, unstructured, structured, overlap, minimal, gradCam } as const;

/** What every trace may be told. */
export type SessionChoices = GivenOf<typeof session>;

/** How a session finds neurons: what was asked for, or the protocol's. */
export interface TraceSettings extends Omit<ValuesOf<typeof session>, 'batchSize' | 'loss' | 'precision'> {
  readonly protocol: Protocol;
  readonly loss: Loss;
  readonly precision: Precision;
}

/**
 * What a session was asked for, and the protocol's settings and the run's loss for the rest.
 *
 * @throws `USAGE` for a value out of range, or when more samples are drawn than there are to draw from
 */
export function traceSettings(
  given: SessionChoices,
  protocol: Protocol,
  run: { readonly loss: Loss; readonly precision: Precision },
): TraceSettings {
  const values = resolveSettings(without(session, 'batchSize'), protocol, given);
  requireGradientSource({ worst: values.gradientWorst, drawn: values.gradientDrawn });
  return {
    ...{ ...values, protocol },
    loss: given.loss ?? run.loss,
    precision: given.precision ?? run.precision,
  };
}

/** How many seeds random perturbations of a criterion's neurons are averaged over: as many as asked for, or the protocol's. */
export function repeatsOf(
  criterion: CriterionName,
  protocol: Protocol,
  given: Pick<GivenOf<typeof unstructured>, 'repeats'>,
): number {
  return resolveSettings({ repeats: unstructured.repeats }, protocol, given, { criterion }).repeats;
}

/** Which neurons are perturbed, what is measured, and the random neurons beside. */
function measured(topK: readonly number[], source: string, sets: number) {
  return {
    criteria: setting<readonly CriterionName[]>({
      type: severalOf(oneOf(CRITERION_NAMES)),
      help: 'how neurons are scored',
      argument: 'name',
      option: 'criterion',
      default: ARTICLE_CRITERIA,
      source: 'gradient and magnitude (Methods)',
    }),
    topK: setting({
      type: severalOf(integer(1)),
      help: 'numbers of neurons, such as 1,2,3',
      argument: 'list',
      default: topK,
      source,
    }),
    split: setting<Split>({
      type: oneOf(SPLITS),
      help: 'whose accuracies are measured',
      argument: 'split',
      default: 'train',
      source: 'training accuracies in Part I; test in Tables 13 and 14',
    }),
    samples: setting({
      before: 'all examples, and p-values on at most 128 a group',
      type: integer(1),
      help: 'examples of each majority group that are measured at most, drawn by the seed; minority groups are measured whole',
      argument: 'n',
      default: 128,
      source: 'all of them',
    }),
    controls: setting<number>({
      before: '100 draws of the same layers alone, whose p was not of the change beside it',
      type: integer(0),
      help: 'random sets of neurons to compare each set with, at most, for each null; 0 for none',
      argument: 'n',
      default: {
        words: `${sets}; none beside perturbations that draw, which multiply them by their seeds`,
        of: ({ perturbation = 'zero' }) => (isDrawn(perturbation as PerturbationName) ? 0 : sets),
      },
      source: OURS,
    }),
    nulls: setting<readonly NullName[]>({
      before: 'same-layers alone',
      type: severalOf(oneOf(NULL_NAMES)),
      help: 'which random neurons each set is compared with',
      argument: 'name',
      default: NULL_NAMES,
      source: OURS,
    }),
    exceedances: setting({
      before: 'not there',
      type: integer(1),
      help: 'random sets at least as far out that decide a test, on each side',
      argument: 'n',
      default: 10,
      source: `${OURS}; Besag and Clifford 1991`,
    }),
  } satisfies SettingsTable;
}

/** The default depends on the criterion whose neurons are perturbed. */
function repeatsUnder(protocol: Protocol): DependentDefault<number> {
  const counts = CRITERIA.map(({ name, repeats }) => [name, repeats[protocol]] as const);
  const [first] = counts;
  return {
    words: counts.every(([, count]) => count === first?.[1])
      ? String(first?.[1])
      : counts.map(([name, count]) => `${count} for ${name}`).join(', '),
    of: ({ criterion }) => criterionNamed(criterion as CriterionName).repeats[protocol],
  };
}
