import { fixed, SPLIT_NAME, typographic } from '../../format.js';
import { type GroupLabel, type Groups, starNote } from '../../groupLabels.js';
import { plain } from '../../text.js';
import { cellFill, cellMatrix, changeCell } from '../../traces/cells.js';
import { changeOfLayer, MARKED_P } from '../../traces/tests.js';
import { MULTILINE, quantitative } from '../../vega/axes.js';
import type { ChartSpec } from '../../vega/render.js';
import type { LayerView } from './view.js';

/** Pixels of a column with numbers, and of one without; beyond so many columns a chart shows colours alone. */
const NUMBERED = 64;
const BARE = 34;
const NUMBERED_COLUMNS = 24;
/** Above so many layers, rows are lower. */
const MANY_LAYERS = 30;
/** Pixels of a line of the columns' labels. */
const LINE = 15;
/** Halves of the colour scale's legend, in steps. */
const STEPS = 10;

/**
 * A structured trace (article, Fig. 7): layers as rows, groups as columns, a panel for each k, and a legend of the colours. Their
 * scale, which the charts of all criteria share, ends at `max` points.
 */
export function layerHeatmap(view: LayerView, groups: Groups, max: number): ChartSpec {
  const data = SPLIT_NAME[view.trace.split];
  const ks = view.ks.join(', ');
  return {
    label:
      `Heatmap of the change of each group’s ${data} accuracy after zeroing the neurons of one layer with the ` +
      `largest ${view.criterion}: layers as rows, groups as columns, k = ${ks}. ` +
      'The table of layers holds the same numbers.',
    spec: {
      title: {
        text: `Layers, by ${view.criterion}`,
        subtitle: [
          'top-k neurons of each layer zeroed',
          'cells: change of the group, in points',
          ...(view.entries.some((entry) => changeOfLayer(entry).marked)
            ? [`dot: p ≤ ${MARKED_P} against random neurons`]
            : []),
          [...starNote(groups), `n = ${data} samples`].join('; '),
        ],
      },
      spacing: 16,
      vconcat: [
        { spacing: 16, hconcat: view.ks.map((k, at) => panel(view, k, groups, max, at === 0)) },
        legend(max),
      ],
    },
  };
}

/** The cells of one k; only the first panel names the layers. */
function panel(view: LayerView, k: number, groups: Groups, max: number, named: boolean) {
  const { layers, baseline } = view.trace;
  const isNumbered = groups.length * view.ks.length <= NUMBERED_COLUMNS;
  const isTall = layers.length > MANY_LAYERS;
  const column = (group: GroupLabel): string =>
    isNumbered ? `${group.short}\nn = ${fixed(baseline.total[group.index], 0)}` : group.short;
  const values = view.entries.flatMap((entry) => {
    const group = groups[entry.group];
    if (!group || entry.k !== k || !Number.isFinite(entry.change)) return [];
    const row = plain(entry.layer);
    const place = `${row}, ${group.full}, k = ${k}`;
    return [{ row, column: column(group), ...changeCell(changeOfLayer(entry), place, max) }];
  });
  return {
    title: { text: `k = ${k}`, fontSize: 14, offset: 8, anchor: 'middle' as const },
    width: groups.length * (isNumbered ? NUMBERED : BARE),
    height: layers.length * (isTall ? 17 : 22),
    ...cellMatrix(values, {
      columns: groups.map(column),
      rows: layers.map(plain),
      max,
      fontSize: isNumbered ? (isTall ? 11 : 12) : 0,
      gap: isTall ? 0.04 : 0.08,
      columnAxis: {
        labelFontSize: 12,
        labelExpr: MULTILINE,
        labelLineHeight: LINE,
        // Vega places the first line: the second one goes below it.
        labelPadding: isNumbered ? LINE + 6 : 6,
      },
      rowAxis: named ? { labelFontSize: 12 } : null,
    }),
  };
}

/** The colour scale from the largest loss to the largest gain. */
function legend(max: number) {
  const step = max / STEPS;
  const values = Array.from({ length: 2 * STEPS }, (_, at) => {
    const from = (at - STEPS) * step;
    return {
      from,
      to: from + step,
      sign: from < 0 ? ('loss' as const) : ('gain' as const),
      size: Math.abs(from + step / 2),
    };
  });
  const { mark, encoding } = cellFill(max);
  const ends = [-max, -max / 2, 0, max / 2, max];
  return {
    width: 240,
    height: 12,
    data: { values },
    mark: { ...mark, stroke: null },
    encoding: {
      ...encoding,
      x: {
        ...quantitative('from'),
        scale: { domain: [-max, max], nice: false },
        axis: {
          title: 'loss | change in points | gain',
          values: ends,
          labelExpr: `{${ends
            .map((end, at) => `"${at}": "${(end > 0 ? '+' : '') + typographic(fixed(end, 1))}"`)
            .join(', ')}}[round(4 * (datum.value + ${max}) / ${2 * max})]`,
          labelFontSize: 12,
          grid: false,
          titlePadding: 4,
        },
      },
      x2: { field: 'to' },
    },
  };
}
