import { groupAccuraciesSchema, intervalSchema } from '../../metrics/schemas.js';
import { CRITERION_NAMES } from '../../neurons/criteria.js';
import { count, real, type Recorded } from '../../recorded.js';
import * as z from '../../zod.js';
import { group, picture, picturedSchema } from '../results.js';

/** Why a neuron is in the atlas: a trace chose it, it was drawn beside those, or the caller named it. */
const ROLES = ['chosen', 'random', 'asked'] as const;

/** A trace's choice of a neuron. */
const choiceSchema = z.looseObject({
  criterion: z.enum(CRITERION_NAMES),
  /** The group that it was chosen for. */
  group,
  /** Its place among the chosen ones, from 1. */
  rank: count,
});
export type NeuronChoice = Recorded<typeof choiceSchema>;

/** An image that a neuron answers to strongly. */
const strongImageSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  filename: z.string(),
  group,
  /** The neuron's highest output over the positions, before batch-norm. */
  activation: real,
  /** The position that has it; null where positions are no parts of the image, as of the class token. */
  place: z.looseObject({ row: count, column: count }).nullable(),
  /**
   * The pixels of the model's input that the position can depend on, cut at the edges; of networks whose layers' fields are not known, the
   * cell of the map or the patch.
   */
  frame: z.looseObject({ top: real, left: real, height: real, width: real }).nullable(),
  /** `data:image/png;base64,...`: the outputs at all positions, grey, 8 bits, from the neuron's mean over all images (0) to its highest in this one (255). */
  map: picture.nullable(),
});
export type StrongImage = Recorded<typeof strongImageSchema>;

/** A neuron's output on the images of one group, the mean over positions. */
const groupActivationSchema = z.looseObject({
  images: count,
  mean: real,
  /** 95 % interval over images, by Student's t. */
  interval: intervalSchema,
  /** The mean minus that of all images, in standard deviations over all images; so that neurons can be compared. */
  shift: real,
  shiftInterval: intervalSchema,
  /** The middle 95 % of that number over random neurons of the layer; null where the layer has no others. */
  random: intervalSchema.nullable(),
});
export type GroupActivation = Recorded<typeof groupActivationSchema>;

/** What zeroing the neuron alone does to one group's predictions. */
const zeroedGroupSchema = z.looseObject({
  total: count,
  accuracy: real,
  change: real,
  changeInterval: intervalSchema,
  lost: count,
  gained: count,
});

/** An example whose prediction differs once the neuron is zeroed. */
const flipSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  filename: z.string(),
  group,
  label: count,
  /** Classes that the model predicts as it is, and without the neuron. */
  before: count,
  after: count,
});
export type Flip = Recorded<typeof flipSchema>;

const atlasNeuronSchema = z.looseObject({
  /** The module's PyTorch name, and the neuron's number there, from 0. */
  layer: z.string(),
  index: count,
  role: z.enum(ROLES),
  /** The traces' choices of it. */
  chosenBy: z.array(choiceSchema),
  /** Rows and columns of the layer's map; null where its positions are no parts of the image. */
  cells: z.tuple([count, count]).nullable(),
  /** Over all images of the training split. */
  highest: real,
  mean: real,
  /** By group, [numGroups]. */
  groups: z.array(groupActivationSchema),
  /** The strongest images of the split, strongest first; of equal ones the first in the table. */
  strongest: z.array(strongImageSchema),
  /** Those of each group, [numGroups]. */
  strongestOfGroups: z.array(z.array(strongImageSchema)),
  zeroed: z.looseObject({
    /** The name of the trace's result that has it; null: measured for the atlas. */
    trace: z.string().nullable(),
    /** [numGroups] */
    groups: z.array(zeroedGroupSchema),
  }),
  /** Of the measured examples, in the order of the groups. */
  flips: z.array(flipSchema),
  /** How far training moved its weights; null where the initial weights are not kept. */
  moved: z
    .looseObject({
      /** ||w - w0||_2 / ||w0||_2 */
      distance: real,
      /** The share of the layer's neurons that moved less by that measure. */
      rank: real,
    })
    .nullable(),
  /** `data:image/png;base64,...`: a first convolution's weights as a colour image, [height, width], grey where they are 0. */
  filter: picture.nullable(),
});
export type AtlasNeuron = Recorded<typeof atlasNeuronSchema>;

export const atlasSchema = z.looseObject({
  kind: z.literal('neuron-atlas'),
  /** sha256 of the weights file. */
  checkpoint: z.string(),
  seed: real,
  /** Images of the training split that were looked at, all of them. */
  images: count,
  /** [height, width] of the model's input in pixels. */
  inputSize: z.tuple([count, count]),
  /** Examples of each majority group on which neurons were zeroed at most. */
  samples: count,
  /** The model as it is, on these. */
  baseline: groupAccuraciesSchema,
  /** The random neurons of each layer that group means stand beside, at most. */
  besides: count,
  /** Where the weights before training come from; null where they are not kept. */
  initial: z.enum(['epoch 0', 'weights file', 'seed', 'program']).nullable(),
  /** Whether images may be shown; if not, neither this file nor the run's report holds any. */
  showsImages: z.boolean(),
  /** The images that are shown, as the model sees them. */
  pictures: z.array(picturedSchema),
  neurons: z.array(atlasNeuronSchema),
});
/** `results/neuron-atlas.json`: what neurons answer to, and what zeroing each of them does. */
export type AtlasResult = Recorded<typeof atlasSchema>;
