import { criterion, group, picture, picturedSchema } from '../../experiments/results.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { groupAccuraciesSchema, intervalSchema } from '../../metrics/schemas.js';
import { count, real, type Recorded } from '../../recorded.js';
import { setting, type SettingsTable } from '../../settings/setting.js';
import { integer } from '../../settings/values.js';
import * as z from '../../zod.js';

/** Settings of the neuron atlas. */
export const ATLAS_SETTINGS = {
  maxNeurons: setting({
    type: integer(1),
    argument: 'n',
    help: 'max neurons that traces chose; as many random ones of the same layers are added for comparison',
    default: 10,
    source: 'ours: the article shows no images of neurons',
  }),
  samples: setting({
    type: integer(1),
    argument: 'n',
    help: 'examples of each group on which neurons are zeroed at most, drawn by the seed; minority groups: all, or as many as the largest has in training',
    default: 128,
    source: 'ours, as in traces',
  }),
  batchSize: TRACE_SETTINGS.session.batchSize,
} satisfies SettingsTable;

/** A position in the dataset's examples, and its file. */
const exampleShape = { example: count, filename: z.string(), group };

/** An image that a neuron answers to strongly. */
const strongImage = z.looseObject({
  ...exampleShape,
  /** The neuron's highest output over the positions, before batch-norm. */
  activation: real,
  /** The position that has it; null if positions are no parts of the image, as of the class token. */
  place: z.looseObject({ row: count, column: count }).nullable(),
  /**
   * The pixels of the model's input that the position can depend on, cut at the edges; of networks whose layers' fields are not known, the
   * cell of the map or the patch.
   */
  frame: z.looseObject({ top: real, left: real, height: real, width: real }).nullable(),
  /** The outputs at all positions as a grey PNG, from the neuron's mean over all images (0) to its highest in this one (255). */
  map: picture.nullable(),
});
export type StrongImage = Recorded<typeof strongImage>;

/** A neuron's output on the images of one group, the mean over positions. */
const groupActivation = z.looseObject({
  images: count,
  mean: real,
  /** 95 % interval over images, by Student's t. */
  interval: intervalSchema,
  /** The mean minus that of all images, in standard deviations over all images; so that neurons can be compared. */
  shift: real,
  shiftInterval: intervalSchema,
  /** The middle 95 % of that number over random neurons of the layer; null if the layer has no others. */
  random: intervalSchema.nullable(),
});
export type GroupActivation = Recorded<typeof groupActivation>;

/** An example whose prediction differs once the neuron is zeroed: classes without zeroing, and with it. */
const flip = z.looseObject({ ...exampleShape, label: count, before: count, after: count });
export type Flip = Recorded<typeof flip>;

const atlasNeuron = z.looseObject({
  /** The module's PyTorch name, and the neuron's number there, from 0. */
  layer: z.string(),
  index: count,
  /** Why it is here: a trace chose it, it was drawn for comparison, or the caller named it. */
  role: z.enum(['chosen', 'random', 'asked']),
  /** The traces' choices of it: for which group, and its place among the chosen ones, from 1. */
  chosenBy: z.array(z.looseObject({ criterion, group, rank: count })),
  /** Rows and columns of the layer's map; null if its positions are no parts of the image. */
  cells: z.tuple([count, count]).nullable(),
  /** Over all images of the training split. */
  highest: real,
  mean: real,
  /** By group, [numGroups]. */
  groups: z.array(groupActivation),
  /** The strongest images of the split, strongest first; ties: the first in the table. */
  strongest: z.array(strongImage),
  /** The strongest images of each group, [numGroups]. */
  strongestOfGroups: z.array(z.array(strongImage)),
  /** Each group's predictions with the neuron zeroed alone, [numGroups]. */
  zeroed: z.looseObject({
    groups: z.array(
      z.looseObject({
        total: count,
        accuracy: real,
        change: real,
        changeInterval: intervalSchema,
        lost: count,
        gained: count,
      }),
    ),
  }),
  /** Of the measured examples, in the order of the groups. */
  flips: z.array(flip),
  /** ||w - w0||_2 / ||w0||_2 of its weights, and the share of the layer's neurons that moved less; null if w0 is not kept. */
  moved: z.looseObject({ distance: real, rank: real }).nullable(),
  /** A first convolution's weights as a colour image, [height, width]; weights of 0 are grey. */
  filter: picture.nullable(),
});
export type AtlasNeuron = Recorded<typeof atlasNeuron>;

export const atlasSchema = z.looseObject({
  kind: z.literal('neuron-atlas'),
  /** sha256 of the weights file. */
  checkpoint: z.string(),
  seed: real,
  /** Images of the training split, all of which were looked at. */
  images: count,
  /** [height, width] of the model's input in pixels. */
  inputSize: z.tuple([count, count]),
  /** Examples of each majority group on which neurons were zeroed at most. */
  samples: count,
  /** The model as it is, on these. */
  baseline: groupAccuraciesSchema,
  /** The max number of random neurons of each layer whose group means are compared with a neuron's. */
  maxRandom: count,
  /** Where the weights before training come from; null if they are not kept. */
  initial: z.enum(['epoch 0', 'weights file', 'seed', 'program']).nullable(),
  /** Whether images may be shown; if not, neither this file nor the run's report holds any. */
  showsImages: z.boolean(),
  /** The images that are shown, as the model sees them. */
  pictures: z.array(picturedSchema),
  neurons: z.array(atlasNeuron),
});
/** `results/neuron-atlas.json`: what neurons answer to, and what zeroing each of them does. */
export type AtlasResult = Recorded<typeof atlasSchema>;

/** The first two flips of each group, whose images are shown. */
export function shownFlips(flips: readonly Flip[]): Flip[] {
  return flips.filter((one, at) => flips.slice(0, at).filter(({ group: of }) => of === one.group).length < 2);
}
