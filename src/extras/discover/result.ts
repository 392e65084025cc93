import { SPLITS } from '../../data/split.js';
import { count, real, type Recorded } from '../../recorded.js';
import { setting, type SettingsTable } from '../../settings/setting.js';
import { integer, oneOf, positive } from '../../settings/values.js';
import { ADOPT_SETTINGS } from '../../train/methods/adopt.js';
import * as z from '../../zod.js';

/** Orders of the images of a class, the suspicious ones first. */
export const RANKINGS = ['network', 'heads'] as const;
export type Ranking = (typeof RANKINGS)[number];

/** Names are found on one half of each class's images (explore), and tested on the other (confirm). */
const PARTS = ['explore', 'confirm'] as const;

const { classes: _classes, loss: _loss, head: _head, weights, ...network } = ADOPT_SETTINGS;

/** The network whose features are taken, if it is no run's. */
export const NETWORK_SETTINGS = {
  ...network,
  weights: { ...weights, isRequired: false, otherwise: 'the run\u2019s' },
} satisfies SettingsTable;

/** Settings of the ranking. */
export const DISCOVER_SETTINGS = {
  split: setting({
    type: oneOf(SPLITS),
    argument: 'split',
    help: 'split whose images are shown',
    default: undefined,
    otherwise: 'val for a run, which was not trained on it; train for a checkpoint',
    source: 'ours',
  }),
  ranking: setting({
    type: oneOf(RANKINGS),
    argument: 'name',
    help: 'margins of the run\u2019s own network, or of logistic regressions (heads) that were not fitted on the image',
    default: undefined,
    otherwise: 'network for images that the run was not trained on; heads for others',
    source: 'ours; JTT (Liu et al. 2021) takes the network\u2019s errors',
  }),
  fold: setting({
    type: integer(1),
    argument: 'n',
    help: 'random halvings of the images over which the heads\u2019 margins are averaged',
    default: 5,
    source: 'ours',
  }),
  inverseStrength: setting({
    type: positive(),
    argument: 'c',
    help: 'scikit-learn\u2019s C of the heads, whose weights have an L2 penalty',
    default: 0.01,
    source: 'ours',
  }),
  show: setting({
    type: integer(1, 500),
    argument: 'n',
    help: 'images of each class with the lowest margins, shown next to as many random right ones',
    default: 24,
    source: 'ours',
  }),
} satisfies SettingsTable;

const imageSchema = z.looseObject({
  /** Relative to the dataset's folder. */
  path: z.string(),
  class: z.string(),
  /** The logit of the image's class minus the largest other one, by a model that has not seen the image. */
  margin: real,
  /** 1: the lowest margin of its class. */
  rank: count,
  split: z.enum(SPLITS),
  part: z.enum(PARTS),
});
export type DiscoverImage = Recorded<typeof imageSchema>;

/** The counts and p-value of a finished test. */
const outcomeSchema = z.looseObject({
  wrong: count,
  wrongTicked: count,
  right: count,
  rightTicked: count,
  /** Share of the images that were looked at twice whose answers agree; null: none. */
  agreement: real.nullable(),
  pValue: z.number().min(0).max(1),
});

/** A name for what ticked images share, registered before its test. */
const testSchema = z.looseObject({
  /** Names the test in its page and table. */
  id: z.string(),
  name: z.string(),
  class: z.string(),
  /** Paths of the images to tick, in batches, each shuffled. */
  batches: z.array(z.array(z.string())),
  /** null: registered, but not ticked. It counts all the same. */
  outcome: outcomeSchema.nullable(),
});
export type BlindTest = Recorded<typeof testSchema>;

export const discoverSchema = z.looseObject({
  kind: z.literal('discover'),
  /** The folder, and the hash of its tables. */
  data: z.string(),
  fingerprint: z.string(),
  dataOptions: z.looseObject({}),
  /** The run, or the checkpoint, and whether it was trained on the images. */
  network: z.string(),
  isTrainedOn: z.boolean(),
  ranking: z.enum(RANKINGS),
  seed: real,
  images: z.array(imageSchema),
  tests: z.array(testSchema),
});
/** `<data>.discover.json` */
export type DiscoverResult = Recorded<typeof discoverSchema>;
