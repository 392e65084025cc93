import { groupAccuraciesSchema } from '../metrics/schemas.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';
import { CHECKPOINTS, type SelectedCheckpoint } from './ermSettings.js';

/** The measurements of an epoch. */
const epochMetricsSchema = z.looseObject({
  /** Counted from 1. */
  epoch: z.number().int().min(1),
  lr: real,
  /** Mean over the epoch's examples in training mode. */
  trainLoss: real,
  /** The training batches in training mode, with the run's augmentation. */
  train: groupAccuraciesSchema,
  /** The terms of a loss with several, averaged like the loss. */
  lossTerms: z.record(z.string(), real).optional(),
  /** The neurons masked in the auxiliary model: their number, the number of all neurons, and the first ones, highest score first. */
  mask: z.looseObject({ count, total: count.optional(), neurons: z.array(neuronSchema) }).optional(),
  /** GroupDRO's at the end of the epoch, [numGroups]. */
  groupWeights: z.array(real).optional(),
  /** Mean validation loss after the epoch. */
  valLoss: real,
  val: groupAccuraciesSchema,
  /** Whether this epoch has the best selection score so far; ties: the first wins, at 0 the best average. */
  best: z.boolean(),
  /** Wall time, validation included. */
  seconds: real,
});
/** The measurements of an epoch of training. */
export type EpochMetrics = Recorded<typeof epochMetricsSchema>;

/** What training itself says of an epoch, before the network is measured. */
export type EpochTraining = Pick<EpochMetrics, 'trainLoss' | 'train' | 'lossTerms' | 'mask' | 'groupWeights'>;

/** `epoch.json`: the progress of training after an epoch, with the measurements of all epochs until then. */
export const progressSchema = z.object({
  /** Finished epochs; 0: the weights before the first one, or of a method without epochs. */
  epoch: z.number().int().min(0),
  /** The selected epoch, counted from 1; 0: none yet. */
  bestEpoch: z.number().int().min(0),
  /** The `selectionScore` of the selected epoch. */
  bestScore: z.number(),
  /** Whether the weights are kept when a later epoch is finished. */
  isKept: z.boolean(),
  /** A hash that identifies the images by their pixels. */
  images: z.string().optional(),
  scheduler: z
    .object({ lr: z.number(), best: z.number().nullable(), badEpochs: z.number().int() })
    .optional(),
  metrics: z.array(epochMetricsSchema),
});
/** The progress of training after an epoch. */
export type TrainingProgress = Recorded<typeof progressSchema>;

export const NO_PROGRESS: TrainingProgress = {
  epoch: 0,
  bestEpoch: 0,
  bestScore: -1,
  isKept: false,
  metrics: [],
};

const accuracies = { train: groupAccuraciesSchema, val: groupAccuraciesSchema, test: groupAccuraciesSchema };

/** `results/<method>.json` */
export const trainingResultSchema = z.looseObject({
  kind: z.string().describe('the training method, which names the file'),
  /** 0 for training without epochs, like `bestEpoch`. */
  epochs: count,
  /** The selected epoch, counted from 1. */
  bestEpoch: count,
  /** Absent for training without epochs. */
  select: z.enum(CHECKPOINTS).optional(),
  /** SHA-256 of the selected epoch's weights file. */
  checkpoint: z.string().optional(),
  ...accuracies,
  /** Accuracies of the initial weights, if their run has other groups. */
  before: z.looseObject(accuracies).optional(),
});
/** `results/<method>.json`: the selected checkpoint of a run, evaluated once on every split in eval mode. */
export type TrainingResult = Recorded<typeof trainingResultSchema>;

/** The result of a training, and its run's folder. */
export type TrainedRun<Result extends TrainingResult = TrainingResult> = Result & {
  /** The run's folder. */
  readonly run: string;
};

/** Returns the epoch of a run's selected checkpoint, or the best or last so far; undefined for a run without epochs. */
export function selectedEpoch(run: {
  readonly result?: TrainingResult | undefined;
  readonly epochs: readonly EpochMetrics[];
  /** Default: the best validation worst-group accuracy. */
  readonly select?: SelectedCheckpoint | undefined;
}): number | undefined {
  const { result, epochs, select } = run;
  if (result !== undefined) return result.epochs === 0 ? undefined : result.bestEpoch;
  return (select === 'last' ? epochs.at(-1) : epochs.findLast(({ best }) => best))?.epoch;
}

/** Returns how a run's checkpoint is selected, also before the run is finished; undefined if unknown. */
export function selectionOf(run: {
  readonly result?: TrainingResult | undefined;
  readonly select?: SelectedCheckpoint | undefined;
}): SelectedCheckpoint | undefined {
  return run.result?.select ?? run.select;
}
