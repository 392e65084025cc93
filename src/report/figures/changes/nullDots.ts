import type { Outcome } from '../../../experiments/outcomes.js';
import { type NullName, nullNamed } from '../../../neurons/nulls.js';
import { plural, SPLIT_NAME } from '../../format.js';
import { type GroupLabel, shortList, starNote } from '../../groupLabels.js';
import { wrap } from '../../text.js';
import { MARK, MARKED_P } from '../../traces/tests.js';
import { NAMED_ROWS, quantitative } from '../../vega/axes.js';
import type { ChartSpec } from '../../vega/render.js';
import { BAND, INK, MINORITY, MUTED } from '../../vega/theme.js';
import { PERTURBED, type TraceView } from './view.js';

const WIDTH = 250;
/** Pixels of a row. */
const ROW = 22;
/** Characters of a panel's title that stand side by side. */
const TITLE = 34;
/** The outcomes that are drawn: the name of the axis, and its units for one of the outcome. */
const DRAWN: readonly { readonly outcome: Outcome; readonly axis: string; readonly scale: number }[] = [
  { outcome: 'accuracy', axis: 'accuracy, points', scale: 100 },
  { outcome: 'margin', axis: 'margin, logits', scale: 1 },
];

/**
 * The article's claim beside each null: the change of all minority examples minus that of all majority ones under each set of
 * neurons, by accuracy and by margin, on the middle 95 % of those under random neurons; a column for each null. With one standard
 * deviation of the perturbation.
 *
 * @returns undefined where nothing was compared
 */
export function nullDots(
  { trace, views, nulls, shownSigma }: TraceView,
  groups: readonly GroupLabel[],
): ChartSpec | undefined {
  const rows = (null_: NullName, outcome: Outcome, scale: number) =>
    views
      .filter(({ sigma }) => sigma === shownSigma)
      .flatMap(({ criterion, selections }) =>
        selections.flatMap(({ entry, groups: chosenFor, difference }) => {
          const test = difference[null_]?.[outcome];
          if (!test) return [];
          const [low, high] = test.interval;
          const row = `${criterion}, ${shortList(chosenFor, groups, 'all')}, k = ${entry.k}`;
          return [
            {
              row: test.pValue <= MARKED_P ? `${row} ${MARK}` : row,
              change: scale * test.change,
              low: scale * low,
              high: scale * high,
              mean: scale * test.mean,
            },
          ];
        }),
      );
  const shown = nulls.filter((null_) => rows(null_, 'accuracy', 100).length > 0);
  if (shown.length === 0) return undefined;
  return {
    label:
      `Minority minus majority change of accuracy and margin on the ${SPLIT_NAME[trace.split]} samples under each set of neurons, ` +
      `beside random neurons ${shown.map((null_) => nullNamed(null_).words).join('; ')}. The tables of nulls hold the numbers.`,
    spec: {
      title: {
        text: `Minority minus majority, neurons ${PERTURBED[trace.perturbation].participle}`,
        subtitle: [
          `dot: the chosen neurons; grey: random ones, middle 95 % and mean, up to ${plural(trace.nullDraws, 'draw')}; ${MARK} p ≤ ${MARKED_P}`,
          ...starNote(groups),
        ],
      },
      spacing: 26,
      vconcat: DRAWN.map(({ outcome, axis, scale }) => ({
        spacing: 26,
        hconcat: shown.map((null_) => panel(null_, axis, rows(null_, outcome, scale))),
      })),
    },
  };
}

function panel(null_: NullName, axis: string, values: readonly { readonly row: string }[]) {
  const y = { ...NAMED_ROWS, field: 'row', axis: { ...NAMED_ROWS.axis, labelFontSize: 11 } };
  const x = (field: string) => ({
    ...quantitative(field),
    scale: { nice: true, zero: true },
    axis: { title: axis, tickCount: 5 },
  });
  return {
    title: { text: wrap(`random ${nullNamed(null_).words}`, TITLE), fontSize: 13, offset: 8 },
    width: WIDTH,
    height: values.length * ROW,
    data: { values },
    layer: [
      {
        mark: { type: 'bar' as const, color: BAND, height: 12 },
        encoding: { y, x: x('low'), x2: { field: 'high' } },
      },
      {
        mark: { type: 'tick' as const, color: MUTED, thickness: 2, size: 14 },
        encoding: { y, x: x('mean') },
      },
      {
        mark: { type: 'rule' as const, color: INK, strokeWidth: 1 },
        encoding: { x: { datum: 0 } },
      },
      {
        mark: { type: 'circle' as const, color: MINORITY[0], size: 55, opacity: 1 },
        encoding: { y, x: x('change') },
      },
    ],
  };
}
