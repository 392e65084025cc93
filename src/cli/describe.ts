import type { EpochMetrics } from '../train/metrics.js';

/** One line about a finished epoch. */
export function describeEpoch(metrics: EpochMetrics, groupNames: readonly string[]): string {
  const { val } = metrics;
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  return [
    `epoch ${metrics.epoch}: training loss ${metrics.trainLoss.toFixed(4)}`,
    `validation loss ${metrics.valLoss.toFixed(4)}`,
    `worst group ${percent(val.worstGroupAccuracy)} (${groupNames[val.worstGroup] ?? val.worstGroup})`,
    `average ${percent(val.average)}`,
    `lr ${metrics.lr}`,
    `${metrics.seconds.toFixed(1)} s${metrics.best ? ', best so far' : ''}`,
  ].join(', ');
}
