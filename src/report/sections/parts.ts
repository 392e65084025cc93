import type { Chart } from '../charts/render.js';
import {
  granularity,
  plural,
  points,
  pointsRange,
  pointsSpread,
  probability,
  SPLIT_NAME,
  typographic,
} from '../format.js';
import type { MeasuredChange } from '../views/measuredChange.js';
import type { GroupLabel } from '../views/groupLabels.js';
import type { DataFile } from '../html/dataFiles.js';
import { html, Markup } from '../html/markup.js';
import type { Figure } from '../figure.js';
import type { FigureSource } from '../reportData.js';
import type { TraceHeader } from '../../experiments/results.js';
import type { TrainingResult } from '../../train/results.js';

/** How far a chart may shrink on a narrow screen before it scrolls; below, its text would be too small. */
const LEAST = 0.7;

/** A chart, inline; its own `role="img"` carries the description. */
export function chartFigure(chart: Chart | undefined): Markup | undefined {
  if (!chart) return undefined;
  const svg = chart.svg.replace(
    '<svg ',
    () => `<svg style="min-width:${Math.round(LEAST * chart.width)}px" `,
  );
  return html`<div class="chart" tabindex="0" role="group" aria-label="chart: arrow keys tell its values">
    ${new Markup(svg)}
  </div> `;
}

/** What a section folds away of how its numbers came about. */
export const HOW = 'How it was measured';

/** What is folded away until it is asked for, or printed. */
export function folded(summary: string, body: Markup | readonly Markup[]): Markup {
  return html`<details>
    <summary>${summary}</summary>
    ${body}
  </details> `;
}

/** The numbers of a section's figures, as files. */
export function figureData(figures: readonly Figure[], source: FigureSource): DataFile[] {
  return figures.map(({ name, rows }) => ({ name, rows: rows(source) }));
}

/** A change as `−10.71`, or a dash. */
export function pointsText(change: number | undefined): string {
  return typographic(points(change ?? Number.NaN));
}

/** A mean change with its standard deviation where there is one: `−10.71 ± 1.20`. */
export function spreadText(change: number | undefined, std: number | undefined): string {
  return typographic(pointsSpread(change, std));
}

/** `; random neurons of the same layers −0.52 [−2.17, +0.54]: p = 0.010`; empty where none were tried. */
export function randomText({ random }: MeasuredChange): string {
  if (!random) return '';
  return typographic(
    `; random neurons of the same layers ${points(random.mean)} ${pointsRange(random.interval)}: ` +
      `p\u00a0=\u00a0${probability(random.pValue)}`,
  );
}

/** The smallest group of a split in words, and the step in which its accuracy can change. */
export function smallestGroup(
  total: readonly number[],
  groups: readonly GroupLabel[],
  split: string,
): string {
  const size = Math.min(...total.filter((count) => count > 0));
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
  // Of the others a sample was measured.
  const whole = baseline.total.flatMap((total, group) =>
    total === result[split].total[group] ? [group] : [],
  );
  if (whole.length === 0) return '';
  const same = whole.every((group) => baseline.correct[group] === result[split].correct[group]);
  const which = whole.length < baseline.total.length ? ', of the groups that were measured whole,' : '';
  return same
    ? `The ${SPLIT_NAME[split]} accuracies of the unchanged model${which} equal those of Fig. 1.`
    : `The ${SPLIT_NAME[split]} accuracies of the unchanged model differ from those of Fig. 1: another checkpoint may have been traced.`;
}
