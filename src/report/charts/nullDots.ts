import type { Outcome } from '../../experiments/outcomes.js';
import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { nullNamed, type NullName } from '../../neurons/nulls.js';
import { plural, SPLIT_NAME } from '../format.js';
import { shortList, starNote, type GroupLabel } from '../views/groupLabels.js';
import { MARK, MARKED_P } from '../views/measuredChange.js';
import { comparedWith, nullsOf } from '../views/nulls.js';
import { wrap } from '../text.js';
import { PERTURBED } from '../views/perturbation.js';
import { byCriterion } from '../views/selections.js';
import type { ChartSpec } from './render.js';
import { BAND, INK, MINORITY, MUTED } from './theme.js';

const WIDTH = 250;
/** Pixels of a row. */
const ROW = 22;
/** Characters of a panel's title that stand side by side. */
const TITLE = 34;
/** What is drawn of an outcome: how its axis is called, and what a unit of it is on it. */
const DRAWN: readonly { readonly outcome: Outcome; readonly axis: string; readonly scale: number }[] = [
  { outcome: 'accuracy', axis: 'accuracy, points', scale: 100 },
  { outcome: 'margin', axis: 'margin, logits', scale: 1 },
];

/**
 * The article's claim beside each null: what each set of neurons did to all minority examples minus what it did to all majority
 * ones, by accuracy and by margin, on the middle 95 % of what random neurons did; a column for each null. With one standard
 * deviation of the perturbation.
 *
 * @returns undefined where nothing was compared
 */
export function nullDots(
  trace: TraceUnstructuredResult,
  sigma: number | null,
  groups: readonly GroupLabel[],
): ChartSpec | undefined {
  const selections = byCriterion([trace])
    .filter((view) => view.sigma === sigma)
    .flatMap(({ criterion, selections: ofView }) =>
      ofView.map(({ entry, groups: chosenFor }) => ({
        entry,
        row: `${criterion}, ${shortList(chosenFor, groups, 'all')}, k = ${entry.k}`,
      })),
    );
  const points = (null_: NullName, outcome: Outcome, scale: number) =>
    selections.flatMap(({ entry, row }) => {
      const test = comparedWith(entry, null_, 'difference', outcome);
      if (!test) return [];
      const [low, high] = test.interval;
      return [
        {
          row: test.pValue <= MARKED_P ? `${row} ${MARK}` : row,
          change: scale * test.change,
          ...{ low: scale * low, high: scale * high, mean: scale * test.mean },
        },
      ];
    });
  const nulls = nullsOf(trace.entries).filter((null_) => points(null_, 'accuracy', 100).length > 0);
  if (nulls.length === 0) return undefined;
  return {
    label:
      `Minority minus majority change of accuracy and margin on the ${SPLIT_NAME[trace.split]} samples under each set of neurons, ` +
      `beside random neurons ${nulls.map((null_) => nullNamed(null_).words).join('; ')}. The tables of nulls hold the numbers.`,
    spec: {
      title: {
        text: `Minority minus majority, neurons ${PERTURBED[trace.perturbation].state}`,
        subtitle: [
          `dot: the chosen neurons; grey: random ones, middle 95 % and mean, up to ${plural(trace.controls?.draws ?? 0, 'draw')}; ${MARK} p ≤ ${MARKED_P}`,
          ...starNote(groups),
        ],
      },
      spacing: 26,
      vconcat: DRAWN.map(({ outcome, axis, scale }) => ({
        spacing: 26,
        hconcat: nulls.map((null_) => panel(null_, axis, points(null_, outcome, scale))),
      })),
    },
  };
}

function panel(null_: NullName, axis: string, values: readonly { readonly row: string }[]) {
  const y = {
    field: 'row',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, labelLimit: 0, grid: false, labelFontSize: 11 },
  };
  const x = {
    type: 'quantitative' as const,
    scale: { nice: true, zero: true },
    axis: { title: axis, tickCount: 5 },
  };
  return {
    title: { text: wrap(`random ${nullNamed(null_).words}`, TITLE), fontSize: 13, offset: 8 },
    width: WIDTH,
    height: values.length * ROW,
    data: { values },
    layer: [
      {
        mark: { type: 'bar' as const, color: BAND, height: 12 },
        encoding: { y, x: { field: 'low', ...x }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'tick' as const, color: MUTED, thickness: 2, size: 14 },
        encoding: { y, x: { field: 'mean', ...x } },
      },
      {
        mark: { type: 'rule' as const, color: INK, strokeWidth: 1 },
        encoding: { x: { datum: 0 } },
      },
      {
        mark: { type: 'circle' as const, color: MINORITY[0], size: 55, opacity: 1 },
        encoding: { y, x: { field: 'change', ...x } },
      },
    ],
  };
}
