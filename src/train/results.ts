import { z } from 'zod';
import { groupAccuraciesSchema } from '../metrics/schemas.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { count, real, type Recorded } from '../recorded.js';
import { CHECKPOINTS, type SelectedCheckpoint } from './ermSettings.js';

/** A line of a run's `metrics.jsonl`, in the order in which it is written. */
export const epochMetricsSchema = z.looseObject({
  /** Counted from 1. */
  epoch: z.number().int().min(1),
  /** Learning rate that this epoch used. */
  lr: real,
  /** Mean training loss of the epoch's batches, weighted by batch size (training mode). */
  trainLoss: real,
  /** Accuracies of the training batches as they were trained on (training mode, augmented if the run augments). */
  train: groupAccuraciesSchema,
  /** The parts of a loss that has several, by name, each averaged as the loss is. */
  lossTerms: z.record(z.string(), real).optional(),
  /** The neurons that the auxiliary model lacked in this epoch: how many, and the first ones, highest score first. */
  mask: z.looseObject({ count, neurons: z.array(neuronSchema) }).optional(),
  /** GroupDRO's weight of each group at the end of the epoch, [numGroups]; they add up to 1. */
  groupWeights: z.array(real).optional(),
  /** Mean validation loss after the epoch. */
  valLoss: real,
  /** Validation accuracies after the epoch. */
  val: groupAccuraciesSchema,
  /** Whether this epoch has the best validation accuracy so far, of those that the run selects by (the first one where several tie). */
  best: z.boolean(),
  /** Wall time of the epoch, validation included. */
  seconds: real,
});
/** One line of a run's `metrics.jsonl`: the measurements of one epoch of training. */
export type EpochMetrics = Recorded<typeof epochMetricsSchema>;

/** The measurements of an epoch's training batches. */
export type EpochTraining = Pick<EpochMetrics, 'trainLoss' | 'train' | 'lossTerms' | 'mask' | 'groupWeights'>;

/** `results/<method>.json` */
export const trainingResultSchema = z.looseObject({
  /** The training method, such as `erm`. */
  kind: z.string().describe('the training method, which names the file'),
  /** 0, as the next one, where training has no epochs. */
  epochs: count,
  /** The selected epoch, counted from 1; the last one where that was asked for. */
  bestEpoch: count,
  /** How it was selected; left out where training has no epochs. */
  select: z.enum(CHECKPOINTS).optional(),
  train: groupAccuraciesSchema,
  val: groupAccuraciesSchema,
  test: groupAccuraciesSchema,
});
/** `results/<method>.json`: the selected checkpoint of a run, evaluated once on every split in eval mode. */
export type TrainingResult = Recorded<typeof trainingResultSchema>;

/** What training gives back: the result, and where its run is. */
export type TrainedRun<Result extends TrainingResult = TrainingResult> = Result & {
  /** The run's folder. */
  readonly run: string;
};

/**
 * The epoch of a run's selected checkpoint: the evaluated one's, or the best or last so far; undefined for a run without
 * epochs.
 */
export function selectedEpoch({
  result,
  epochs,
  select,
}: {
  readonly result?: TrainingResult | undefined;
  readonly epochs: readonly EpochMetrics[];
  /** Default: the best validation worst-group accuracy. */
  readonly select?: SelectedCheckpoint | undefined;
}): number | undefined {
  if (result?.epochs === 0) return undefined;
  return (
    result?.bestEpoch ?? (select === 'last' ? epochs.at(-1) : epochs.findLast(({ best }) => best))?.epoch
  );
}
