import type { Outcome } from '../../../experiments/outcomes.js';
import { type NullName, nullNamed } from '../../../neurons/nulls.js';
import { plural, SPLIT_NAME } from '../../format.js';
import { type Groups, shortList, starNote } from '../../groupLabels.js';
import { wrap } from '../../text.js';
import { MARK, MARKED_P } from '../../traces/tests.js';
import { layer, NAMED_ROWS, quantitative } from '../../vega/axes.js';
import type { ChartSpec } from '../../vega/render.js';
import { BAND, INK, MINORITY, MUTED } from '../../vega/theme.js';
import { PERTURBED, selectionsOf, type TraceView } from './view.js';

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
 * The article's claim beside each null: minority minus majority change under each set of neurons, by accuracy and by margin, on the
 * middle 95 % of those under random neurons; a column for each null. Undefined where nothing was compared.
 */
export function nullDots(view: TraceView, groups: Groups): ChartSpec | undefined {
  const { trace, nulls, shownSigma } = view;
  const rows = (null_: NullName, outcome: Outcome, scale: number) =>
    selectionsOf(view)
      .filter(({ entry }) => entry.sigma === shownSigma)
      .flatMap(({ entry, groups: chosenFor, difference }) => {
        const test = difference[null_]?.[outcome];
        if (!test) return [];
        const [low, high] = test.interval;
        const row = `${entry.criterion}, ${shortList(chosenFor, groups, 'all')}, k = ${entry.k}`;
        return [
          {
            row: test.pValue <= MARKED_P ? `${row} ${MARK}` : row,
            change: scale * test.change,
            low: scale * low,
            high: scale * high,
            mean: scale * test.mean,
          },
        ];
      });
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
      layer('bar', { color: BAND, height: 12 }, { y, x: x('low'), x2: { field: 'high' } }),
      layer('tick', { color: MUTED, thickness: 2, size: 14 }, { y, x: x('mean') }),
      layer('rule', { color: INK, strokeWidth: 1 }, { x: { datum: 0 } }),
      layer('circle', { color: MINORITY[0], size: 55, opacity: 1 }, { y, x: x('change') }),
    ],
  };
}
