import { plural } from '../report/format.js';
import { plain } from '../report/text.js';
import type { EpochOptions } from '../train/trainRun.js';
import { durationText, LONG_S, type Output } from './output.js';

/** Prints one line about each finished epoch. */
export function describeEpoch(output: Output): NonNullable<EpochOptions['onEpoch']> {
  const told = new Set<string | undefined>();
  return (metrics, { groupNames, stage, epochs }) => {
    const { val } = metrics;
    const parts = [
      ...(stage === undefined ? [] : [stage]),
      `epoch ${metrics.epoch}: training loss ${metrics.trainLoss.toFixed(4)}`,
      `validation loss ${metrics.valLoss.toFixed(4)}`,
      `worst group ${percent(val.worstGroupAccuracy)} (${plain(groupNames[val.worstGroup] ?? String(val.worstGroup))})`,
      `average ${percent(val.average)}`,
      `lr ${metrics.lr}`,
      `${metrics.seconds.toFixed(1)} s${metrics.best ? ', best so far' : ''}`,
    ];
    output.info(parts.join(', '));
    const left = (epochs - metrics.epoch) * metrics.seconds;
    if (told.has(stage) || left < LONG_S) return;
    told.add(stage);
    output.info(`${plural(epochs - metrics.epoch, 'more epoch')}: about ${durationText(left)}`);
  };
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}
