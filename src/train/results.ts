import type { GroupAccuracies } from '../metrics/groups.js';
import type { Neuron } from '../neurons/neuron.js';
import type { SelectedCheckpoint } from './ermSettings.js';

/** What an epoch's training saw. */
export interface EpochTraining {
  /** Mean training loss of the epoch's batches, weighted by batch size (training mode). */
  readonly trainLoss: number;
  /** Accuracies of the training batches as they were trained on (training mode, augmented if the run augments). */
  readonly train: GroupAccuracies;
  /** The parts of a loss that has several, by name, each averaged as the loss is. */
  readonly lossTerms?: Readonly<Record<string, number>>;
  /** The neurons that the auxiliary model lacked in this epoch: how many, and the first ones, highest score first. */
  readonly mask?: { readonly count: number; readonly neurons: readonly Neuron[] };
  /** GroupDRO's weight of each group at the end of the epoch, [numGroups]; they add up to 1. */
  readonly groupWeights?: readonly number[];
}

/** One line of a run's `metrics.jsonl`: what one epoch of training measured. */
export interface EpochMetrics extends EpochTraining {
  /** Counted from 1. */
  readonly epoch: number;
  /** Learning rate that this epoch used. */
  readonly lr: number;
  /** Mean validation loss after the epoch. */
  readonly valLoss: number;
  /** Validation accuracies after the epoch. */
  readonly val: GroupAccuracies;
  /** Whether this epoch has the best validation accuracy so far, of those that the run selects by (the first one where several tie). */
  readonly best: boolean;
  /** Wall time of the epoch, validation included. */
  readonly seconds: number;
}

/** `results/<method>.json`: the selected checkpoint of a run, evaluated once on every split in eval mode. */
export interface TrainingResult {
  /** The training method, such as `erm`. */
  readonly kind: string;
  /** 0, as the next one, where training has no epochs. */
  readonly epochs: number;
  /** The selected epoch, counted from 1; the last one where that was asked for. */
  readonly bestEpoch: number;
  /** How it was selected; left out where training has no epochs. */
  readonly select?: SelectedCheckpoint;
  readonly train: GroupAccuracies;
  readonly val: GroupAccuracies;
  readonly test: GroupAccuracies;
}

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
