import { selectedEpoch, type EpochMetrics, type TrainingResult } from '../../train/results.js';
import { percentText, plural } from '../format.js';
import { size } from './words.js';

/** Whether the selected epoch is better than the last one, and whether training had ended. */
export function trainingVerdict(run: {
  readonly epochs: readonly EpochMetrics[];
  readonly result?: TrainingResult | undefined;
}): string[] {
  const selected = selectedEpoch(run);
  const last = run.epochs.at(-1);
  const best = run.epochs.find(({ epoch }) => epoch === selected);
  if (!last || !best) return [];
  const accuracy = `the worst validation group is right in ${percentText(best.val.worstGroupAccuracy)}`;
  if (run.result?.select === 'last')
    return [`After the last of ${plural(last.epoch, 'epoch')}, ${accuracy}.`];
  if (best.epoch === last.epoch) {
    return [
      `The best epoch is the last of ${last.epoch}: ${accuracy}, and more epochs might have given more.`,
    ];
  }
  const lost = best.val.worstGroupAccuracy - last.val.worstGroupAccuracy;
  return [
    `The best epoch is ${best.epoch} of ${last.epoch}: ${accuracy}, ${size(lost)} more than after the last one.`,
  ];
}
