import type { Chart } from '../charts/render.js';
import {
  MISSING,
  percent,
  plural,
  points,
  pointsRange,
  probability,
  SPLIT_NAME,
  typographic,
} from '../format.js';
import type { MeasuredChange } from '../measuredChange.js';
import type { GroupLabel } from '../groups.js';
import { html, Markup } from '../markup.js';
import type { TraceHeader } from '../../experiments/results.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import type { TrainingResult } from '../../train/metrics.js';

/** How far a chart may shrink on a narrow screen before it scrolls; below, its text would be too small. */
const LEAST = 0.7;

/** A chart, inline; its own `role="img"` carries the description. */
export function chartFigure(chart: Chart): Markup {
  const svg = chart.svg.replace(
    '<svg ',
    () => `<svg style="min-width:${Math.round(LEAST * chart.width)}px" `,
  );
  return html`<div class="chart" tabindex="0" role="group" aria-label="scrollable chart">
    ${new Markup(svg)}
  </div> `;
}

/** A group's name with its star emphasised. */
export function groupName(group: GroupLabel): Markup {
  if (!group.minority) return html`${group.full}`;
  return html`G${group.index}<span class="star" title="minority group">*</span> ${group.name}`;
}

/** `17.86 % (50/280)` of one group. */
export function accuracyCell(accuracies: GroupAccuracies, group: number): Markup {
  return html`${percentText(accuracies.accuracy[group])} <small>(${countOf(accuracies, group)})</small>`;
}

/** `50/280`: correct examples and examples of one group. */
export function countOf(accuracies: GroupAccuracies, group: number): string {
  return `${accuracies.correct[group] ?? MISSING}/${accuracies.total[group] ?? MISSING}`;
}

/** A fraction as `17.86 %`, or a dash. */
export function percentText(fraction: number | undefined): string {
  const text = percent(fraction ?? Number.NaN);
  return text === MISSING ? text : `${text} %`;
}

/** A change as `−10.71`, or a dash. */
export function pointsText(change: number | undefined): string {
  return typographic(points(change ?? Number.NaN));
}

/** A mean change with its standard deviation where there is one: `−10.71 ± 1.20`. */
export function spreadText(change: number | undefined, std: number | undefined): string {
  const text = pointsText(change);
  return std === undefined || !Number.isFinite(std) ? text : `${text} ± ${percent(std)}`;
}

/** `; random neurons −0.52 [−2.17, +0.54], on the same samples −8.59: p = 0.010`; empty where none were tried. */
export function randomText({ random }: MeasuredChange): string {
  if (!random) return '';
  return typographic(
    `; random neurons ${points(random.mean)} ${pointsRange(random.interval)}, on the same samples ${points(random.change)}: ` +
      `p\u00a0=\u00a0${probability(random.pValue)}`,
  );
}

/** What one sample of a group of `size` is worth: `1.79`. */
export function granularity(size: number | undefined): string {
  return percent(1 / (size ?? Number.NaN));
}

/** The smallest group of a split in words, and the step in which its accuracy can change. */
export function smallestGroup(
  total: readonly number[],
  groups: readonly GroupLabel[],
  split: string,
): string {
  const size = Math.min(...total);
  if (total.length > 1 && total.every((other) => other === size)) {
    return `Each ${split} group has ${plural(size, 'sample')}: one of them is ${granularity(size)} points.`;
  }
  const group = groups[total.indexOf(size)];
  if (!group) return '';
  return `The smallest ${split} group is ${group.full} with ${plural(size, 'sample')}: one of them is ${granularity(size)} points.`;
}

/** Says so when a trace started from other accuracies than Fig. 1 shows: the two are then not comparable. */
export function sameBaseline(
  { split, baseline }: Pick<TraceHeader, 'split' | 'baseline'>,
  result: TrainingResult | undefined,
): string {
  if (!result) return '';
  const same = baseline.correct.every((correct, group) => correct === result[split].correct[group]);
  return same
    ? `The ${SPLIT_NAME[split]} accuracies of the unchanged model equal those of Fig. 1.`
    : `The ${SPLIT_NAME[split]} accuracies of the unchanged model differ from those of Fig. 1: another checkpoint may have been traced.`;
}
