import type { CoreRegion } from '../data/coreRegion.js';
import type { Split } from '../data/split.js';
import type { Interval } from '../metrics/intervals.js';
import type { Architecture } from '../models/architectures.js';

/** A model whose heat maps were taken. */
export interface MappedModel {
  /** The name of the run's folder. */
  readonly run: string;
  readonly arch: Architecture;
  /** sha256 of its weights file. */
  readonly checkpoint: string;
}

/** A mean over images. Shares are fractions. */
export interface MeanShare {
  readonly images: number;
  readonly mean: number;
  /** 95 % interval of the mean by Student's t; null for one image. */
  readonly interval: Interval | null;
}

/** What one model's heat maps of one group tell. */
export interface GroupHeat {
  /** Images whose map is 0 everywhere: nothing in them speaks for the output. They have no share. */
  readonly blank: number;
  /** Share of the heat in the core region; null where there is no such region, or every map is blank. */
  readonly share: MeanShare | null;
}

/** The same samples of one group under both models. */
export interface GroupComparison {
  readonly group: number;
  /** Samples drawn. */
  readonly images: number;
  /** Mean share of the model's input that the core region takes: the heat's share of a model that looks nowhere in particular. */
  readonly core?: number | null;
  readonly before: GroupHeat | null;
  readonly after: GroupHeat;
  /** Share after minus share before of the same image, over the images with heat in both. */
  readonly difference: MeanShare | null;
}

/** One model's heat map of a sample. */
export interface ExampleHeat {
  /** `data:image/png;base64,...`: grey, 8 bits, [H, W]; 255 is the map's highest value. */
  readonly heat: string;
  /** Share of the heat in the core region; null where there is none. */
  readonly share: number | null;
}

/** A sample that is shown with its heat maps: one of the first of its group that were drawn. */
export interface HeatExample {
  readonly group: number;
  readonly filename: string;
  /** `data:image/png;base64,...`: what the models see, [H, W] in RGB. */
  readonly image: string;
  readonly before: ExampleHeat | null;
  readonly after: ExampleHeat;
}

/** `results/grad-cam.json` (article, Fig. 10). */
export interface GradCamResult {
  readonly kind: 'grad-cam';
  readonly split: Split;
  readonly layer: string;
  /** [rows, columns] of the layer, from which the maps are enlarged: heat blurs over the region's edge by half a cell. */
  readonly cells: readonly [number, number];
  /** The logit that the maps speak for, and the class that it stands for. */
  readonly output: number;
  readonly outputName: string;
  /** Samples drawn of each group at most, and the seed of the draw. */
  readonly samplesPerGroup: number;
  readonly seed: number;
  /** The region, or the folder of masks, that the heat is measured in. */
  readonly coreRegion: CoreRegion | null;
  /** The run that this one is compared with, such as the ERM run that fine-tuning started from. */
  readonly before: MappedModel | null;
  readonly after: MappedModel;
  /** [numGroups] */
  readonly groups: readonly GroupComparison[];
  readonly examples: readonly HeatExample[];
}
