import type { GroupAccuracies } from '../metrics/groups.js';
import type { SelectedCheckpoint } from './runConfig.js';

/** One line of a run's `metrics.jsonl`: what one epoch of training measured. */
export interface EpochMetrics {
  /** Counted from 1. */
  readonly epoch: number;
  /** Learning rate that this epoch used. */
  readonly lr: number;
  /** Mean training loss of the epoch's batches, weighted by batch size (training mode). */
  readonly trainLoss: number;
  /** Accuracies of the training batches as they were trained on (training mode, augmented if the run augments). */
  readonly train: GroupAccuracies;
  /** Mean validation loss after the epoch. */
  readonly valLoss: number;
  /** Validation accuracies after the epoch. */
  readonly val: GroupAccuracies;
  /** Whether this epoch has the best validation worst-group accuracy so far (the first one where several tie). */
  readonly best: boolean;
  /** Wall time of the epoch, validation included. */
  readonly seconds: number;
}

/** `results/erm.json`: the selected checkpoint of an ERM run, evaluated once on every split in eval mode. */
export interface ErmResult {
  readonly kind: 'erm';
  readonly epochs: number;
  /** The selected epoch, counted from 1; the last one where that was asked for. */
  readonly bestEpoch: number;
  /** How it was selected; files from before there was a choice lack this: by the best validation worst-group accuracy. */
  readonly select?: SelectedCheckpoint;
  readonly train: GroupAccuracies;
  readonly val: GroupAccuracies;
  readonly test: GroupAccuracies;
}
