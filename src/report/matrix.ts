import { axisTitle, type ColumnName, columnNamed, fixed, MARKED_P, scaled, written } from '../kit/columns.js';
import { distinct, groupedBy, numberOf, type Row, select } from '../kit/rows.js';
import {
  type Band,
  type Datum,
  draw,
  hasField,
  isMarked,
  type Layer,
  layer,
  LINE,
  type Look,
  MANY_LINES,
  namesWidth,
  ordinal,
  q,
  TIP,
  tipOf,
} from './chartLayout.js';
import { typographic } from './format.js';
import { settingsText } from './settingsText.js';
import type { NamedChart } from './vega/render.js';
import { GAIN, GRID, INK, LOSS } from './vega/theme.js';

interface Matrix extends Look {
  readonly down: readonly ColumnName[];
  readonly value: ColumnName;
  readonly band?: Band;
  /** Cells with a frame. */
  readonly isOwn?: (row: Row) => boolean;
}

/**
 * Coloured cells, a column per group: orange for losses, blue for gains, which people with colour-vision deficiencies can tell apart.
 * Opacity, not a pale colour, shows small changes: cells then suit a light and a dark page.
 */
export function matrix(rows: readonly Row[], look: Matrix): NamedChart[] {
  const { down, value, groups, facet = [] } = look;
  return draw(rows, value, [...down, 'group'], look, (shown) => {
    const max = Math.max(1, ...shown.map((row) => Math.abs(scaled(numberOf(row, value), value))));
    const columns = distinct(shown, 'group').length;
    const isNarrow = columns * groupedBy(shown, facet).length > MANY_LINES;
    const values = shown.map((row) => cellOf(row, look, max, isNarrow));
    const room = namesWidth(values);
    const isLow = new Set(values.map(({ row }) => row)).size > MANY_LINES;
    return {
      values,
      notes: [
        `cells: ${axisTitle(value)}; orange for losses, blue for gains, in full at ±${fixed(max, 1)}`,
        hasField(values, 'isOwn') ? 'frame: the group that the neurons were chosen for' : '',
        hasField(values, 'isMarked') ? `dot: p ≤ ${MARKED_P} against random neurons, before correction` : '',
      ],
      width: columns * (isNarrow ? 34 : 62),
      height: { step: isLow ? 17 : LINE },
      names: room,
      encoding: (isNamed) => ({
        x: {
          ...ordinal('column'),
          scale: {
            domain: groups
              .filter(({ index }) => select(shown, { group: index }).length > 0)
              .map(({ short }) => short),
            paddingInner: 0.03,
          },
          axis: { title: null, orient: 'top', labelAngle: 0 },
        },
        y: {
          ...ordinal('row'),
          scale: { paddingInner: 0.08 },
          axis: isNamed ? { title: null, labelFontSize: 12, minExtent: room } : null,
        },
      }),
      layers: cellLayers(max, isLow ? 11 : 12),
    };
  });
}

function cellOf(row: Row, look: Matrix, max: number, isNarrow: boolean): Datum {
  const { down, value, band, isOwn, groups, facet = [] } = look;
  const size = Math.abs(scaled(numberOf(row, value), value));
  return {
    row: settingsText(row, down, groups),
    column: settingsText(row, ['group'], groups),
    size,
    isDark: size > 0.85 * max,
    sign: numberOf(row, value) < 0 ? 'loss' : 'gain',
    text: isNarrow ? '' : typographic(written(numberOf(row, value), columnNamed(value))),
    isOwn: isOwn?.(row) === true,
    isMarked: isMarked(row, band),
    tip: tipOf(row, value, [...facet, ...down, 'group'], groups, band),
  };
}

/** The cells, their frames, numbers and dots; a change of size `max` has the full colour. */
function cellLayers(max: number, fontSize: number): Layer[] {
  const color = { condition: { test: 'datum.isDark', value: '#ffffff' }, value: INK };
  return [
    layer(
      'rect',
      { stroke: GRID },
      {
        description: TIP,
        color: { field: 'sign', scale: { domain: ['loss', 'gain'], range: [LOSS, GAIN] }, legend: null },
        fillOpacity: { ...q('size'), scale: { domain: [0, max], range: [0, 1] }, legend: null },
      },
    ),
    layer('rect', { filled: false, stroke: INK, strokeWidth: 2 }, {}, 'isOwn'),
    layer('text', { fontSize }, { text: { field: 'text' }, color }),
    layer(
      'point',
      { filled: true, size: 22, opacity: 1 },
      {
        x: { ...ordinal('column'), bandPosition: 0.92 },
        y: { ...ordinal('row'), bandPosition: 0.26 },
        color,
      },
      'isMarked',
    ),
  ];
}
