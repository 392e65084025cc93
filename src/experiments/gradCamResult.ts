import { SPLITS } from '../data/split.js';
import { intervalSchema } from '../metrics/schemas.js';
import { count, real, type Recorded } from '../recorded.js';
import { architectureSchema } from '../train/runConfig.js';
import * as z from '../zod.js';
import { group, picture } from './results.js';

/** A model with heat maps. */
const mappedModelSchema = z.looseObject({
  /** The name of the run's folder. */
  run: z.string(),
  arch: architectureSchema,
  /** sha256 of its weights file. */
  checkpoint: z.string(),
});
export type MappedModel = Recorded<typeof mappedModelSchema>;

/** A mean over images. Shares are fractions. */
const meanShareSchema = z.looseObject({
  images: count,
  mean: real,
  /** 95 % interval of the mean by Student's t; null for one image. */
  interval: intervalSchema.nullable(),
});
export type MeanShare = Recorded<typeof meanShareSchema>;

/** One model's heat maps of one group. */
const groupHeatSchema = z.looseObject({
  /** Images whose map is 0 everywhere: nothing in them raises the output. They have no share. */
  blank: count,
  /** Share of the heat in the core region; null without a region, or if every map is blank. */
  share: meanShareSchema.nullable(),
});
export type GroupHeat = Recorded<typeof groupHeatSchema>;

/** The same samples of one group under both models. */
const groupComparisonSchema = z.looseObject({
  group,
  /** Samples drawn. */
  images: count,
  /** Mean share of the input that the core region covers, which evenly spread heat would have; null without a region. */
  core: z.number().nullable(),
  before: groupHeatSchema.nullable(),
  after: groupHeatSchema,
  /** Share after minus share before of the same image, over the images with heat in both. */
  difference: meanShareSchema.nullable(),
});
export type GroupComparison = Recorded<typeof groupComparisonSchema>;

/** One model's heat map of a sample. */
const exampleHeatSchema = z.looseObject({
  /** `data:image/png;base64,...`: grey, 8 bits, [H, W]; 255 is the map's highest value. */
  heat: picture,
  /** Share of the heat in the core region; null without one. */
  share: z.number().nullable(),
});
export type ExampleHeat = Recorded<typeof exampleHeatSchema>;

/** A sample to show with its heat maps. */
const heatExampleSchema = z.looseObject({
  group,
  filename: z.string(),
  /** `data:image/png;base64,...`: the models' input, [H, W] in RGB. */
  image: picture,
  before: exampleHeatSchema.nullable(),
  after: exampleHeatSchema,
});
export type HeatExample = Recorded<typeof heatExampleSchema>;

export const gradCamSchema = z.looseObject({
  kind: z.literal('grad-cam'),
  split: z.enum(SPLITS),
  layer: z.string(),
  /** [rows, columns] of the layer. The enlarged maps blur over the region's edge by half a cell. */
  cells: z.tuple([count, count]),
  /** The logit that the maps explain, and its class. */
  output: count,
  outputName: z.string(),
  /** Max samples drawn from each group, and the seed of the draw. */
  samplesPerGroup: count,
  seed: real,
  /** The core region, or the folder of its masks. */
  coreRegion: z.union([z.string(), z.tuple([z.number(), z.number(), z.number(), z.number()])]).nullable(),
  /** The run to compare with. */
  before: mappedModelSchema.nullable(),
  after: mappedModelSchema,
  /** [numGroups] */
  groups: z.array(groupComparisonSchema),
  examples: z.array(heatExampleSchema),
});
/** `results/grad-cam.json` (article, Fig. 10). */
export type GradCamResult = Recorded<typeof gradCamSchema>;
