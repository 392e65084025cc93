import { axisTitle, type ColumnName, columnNamed, MARK, written } from '../kit/columns.js';
import { distinct, groupedBy, numberOf, type Row } from '../kit/rows.js';
import {
  axisValues,
  type Band,
  bandNote,
  bandOf,
  type Datum,
  dotLayer,
  draw,
  drawn,
  errorBars,
  hasField,
  hueColors,
  intervalNote,
  isMarked,
  kindColors,
  type Layer,
  layer,
  LINE,
  lineColors,
  type Look,
  type Mark,
  namesWidth,
  ordinal,
  PAGE,
  q,
  replicates,
  TIP,
  tipOf,
} from './chartLayout.js';
import { typographic } from './format.js';
import { settingsText } from './settingsText.js';
import { wrap } from './text.js';
import type { NamedChart } from './vega/render.js';
import { BAND, GRID, INK, MINORITY, MUTED } from './vega/theme.js';

// Charts of rows. Text and units come from the dictionary of columns, scales and alternative text from the rows; a chart of rows that
// lack its measure is left out.

/** Pixels of a bar with its number, and between groups; a chart with numbers may be a little wider than the page, which shrinks it. */
const [NUMBERED_BAR, GROUP_GAP, MOST_PAGE_WIDTHS] = [34, 14, 1.1];

interface Bars extends Look {
  readonly y: ColumnName;
  /** Bars side by side for each group. */
  readonly by: ColumnName;
  readonly band?: Band;
  /** Hues tell the bars of a group apart; by default, shades of the hue of its kind do. */
  readonly hues?: readonly string[];
  readonly domain?: readonly [number, number];
}

/** Bars for each group, with 95 % intervals, a dot per replicate, and the band of random neurons behind them. */
export function bars(rows: readonly Row[], look: Bars): NamedChart[] {
  const { y, by, hues, groups, facet = [] } = look;
  return draw(rows, y, ['group', by], look, (shown) => {
    const bys = distinct(shown, by);
    const panels = groupedBy(shown, facet).length;
    const isNamed = panels <= 2 && bys.length <= 4;
    const widthOf = (bar: number): number =>
      distinct(shown, 'group').length * ((bar + 1) * bys.length + GROUP_GAP);
    const isNumbered = isNamed && widthOf(NUMBERED_BAR) < MOST_PAGE_WIDTHS * PAGE;
    const bar = isNumbered ? NUMBERED_BAR : 16;
    const values = shown.map((row) => barOf(row, look, isNamed, isNumbered));
    const ticks = [...new Set(values.map(({ group }) => group))];
    const domain = look.domain ?? domainOf(values);
    const colors = hues ? hueColors(bys, hues) : kindColors(bys, by, groups);
    const series = [...colors].filter(([name]) => values.some((value) => value.series === name));
    const color = {
      field: 'series',
      scale: { domain: series.map(([name]) => name), range: series.map(([, shade]) => shade) },
      legend: { title: null, orient: 'top', symbolType: 'square', columns: Math.min(5, bys.length) },
    };
    return {
      values,
      notes: [intervalNote(values), bandNote(values)],
      width: Math.max(isNamed ? 96 * ticks.length : 0, widthOf(bar)),
      height: panels > 2 ? 150 : 250,
      encoding: (isFirst) => ({
        x: {
          ...ordinal('group'),
          scale: { domain: ticks, paddingInner: 0.2, paddingOuter: 0.08 },
          axis: { title: null, labelAngle: 0, labelExpr: "split(datum.label, '\\n')", labelLineHeight: 16 },
        },
        xOffset: { field: 'by', type: 'ordinal', sort: bys },
        y: {
          ...q('y'),
          scale: { domain, nice: false },
          axis: {
            title: isFirst ? axisTitle(y) : null,
            values: axisValues(domain, 5),
            gridColor: { condition: { test: 'datum.value === 0', value: MUTED }, value: GRID },
          },
        },
      }),
      layers: barLayers(bar, color),
    };
  });
}

/** A bar, with the text beyond its marks. */
function barOf(row: Row, look: Bars, isNamed: boolean, isNumbered: boolean): Datum {
  const { y, by, band, hues, groups, facet = [] } = look;
  const numbers = { ...drawn(row, y, 'y'), ...bandOf(row, band) };
  const dots = replicates(row, y);
  const reach = [0, ...(Object.values(numbers) as number[]), ...dots];
  const isLoss = numberOf(row, y) < 0;
  const { signed: _sign, ...column } = columnNamed(y);
  const text = [
    ...(isNumbered ? [typographic(written(numberOf(row, y), { ...column, decimals: 1 }))] : []),
    ...(isMarked(row, band) ? [MARK] : []),
  ];
  const group = groups[Number(row.group)];
  return {
    ...numbers,
    dots,
    group: [group?.short ?? '', ...(isNamed ? wrap(group?.name ?? '', 13).slice(0, 3) : [])].join('\n'),
    by: row[by],
    series: hues
      ? String(row[by])
      : `${group?.minority === true ? 'minority*' : 'majority'}, ${settingsText(row, [by], groups)}`,
    end: (isLoss ? Math.min : Math.max)(...reach),
    reach,
    text: isLoss ? text : text.reverse(),
    tip: tipOf(row, y, [...facet, 'group', by], groups, band),
  };
}

/** The ends of the axis of all bars, at least a point apart: noise should not fill the panel. */
function domainOf(values: readonly Datum[]): [number, number] {
  const ends = values.flatMap(({ reach }) => reach as number[]);
  const [low, high] = [Math.min(...ends, 0), Math.max(...ends, 0)];
  const room = 0.13 * (high - low);
  return [Math.min(low - room, -0.5), Math.max(high + room, 0.5)];
}

/** The band, the bars of this width in pixels, their intervals, dots and texts. */
function barLayers(width: number, color: object): Layer[] {
  const bar = { width: Math.round(0.6 * width), stroke: MUTED, strokeWidth: 0.5 };
  return [
    layer('rect', { width, color: BAND }, { y: q('bandLow'), y2: { field: 'bandHigh' } }, 'bandLow'),
    layer('bar', bar, { color, description: TIP }),
    layer('tick', { color: MUTED, size: width, thickness: 2 }, { y: q('band') }, 'band'),
    ...errorBars(),
    dotLayer({ y: q('dots') }),
    layer(
      'text',
      {
        fontSize: 12,
        lineHeight: 13,
        color: INK,
        baseline: { expr: "datum.y < 0 ? 'top' : 'bottom'" },
        dy: { expr: 'datum.y < 0 ? 5 : -5' },
      },
      { text: { field: 'text' }, y: q('end') },
    ),
  ];
}

interface Dots extends Look {
  readonly down: readonly ColumnName[];
  readonly x: ColumnName;
  readonly band?: Band;
  /** By default, by p-values before correction. */
  readonly mark?: Mark;
  /** The place of a dashed line; undefined: none. By default it is at 0. */
  readonly reference?: number | undefined;
}

/** A line per row: a dot with its 95 % interval, a small dot per replicate, and the band of random neurons behind them. */
export function dots(rows: readonly Row[], look: Dots): NamedChart[] {
  const { down, x, band, mark = 'P', groups, facet = [] } = look;
  const reference = 'reference' in look ? look.reference : 0;
  return draw(rows, x, down, look, (shown) => {
    const values = shown.map((row): Datum => ({
      ...drawn(row, x, 'x'),
      ...bandOf(row, band),
      row: settingsText(row, down, groups),
      text: isMarked(row, band, mark) ? MARK : '',
      dots: replicates(row, x),
      tip: tipOf(row, x, [...facet, ...down], groups, band),
    }));
    const numbers = values
      .flatMap((value) => Object.values(value).flat())
      .filter((one): one is number => typeof one === 'number')
      .concat(reference ?? []);
    const room = namesWidth(values);
    const ends = [Math.min(...numbers), Math.max(...numbers)] as const;
    // For dots at the ends, and their marks.
    const margin = 0.04 * (ends[1] - ends[0]) || 0.5;
    const domain = [ends[0] - margin, ends[1] + margin] as const;
    const at = (field: string) => ({
      ...q(field),
      scale: { domain, zero: false, nice: false },
      axis: { title: axisTitle(x), values: axisValues(domain, facet.length > 0 ? 4 : 6) },
    });
    return {
      values,
      notes: [
        bandNote(values, mark),
        hasField(values, 'xLow') && hasField(values, 'dots') ? 'line: 95 % interval; small dots: models' : '',
      ],
      width: facet.length > 0 ? 200 : 420,
      height: { step: LINE },
      names: room,
      encoding: (isNamed) => ({
        y: {
          ...ordinal('row'),
          axis: isNamed ? { title: null, grid: false, labelFontSize: 12, minExtent: room } : null,
        },
      }),
      layers: [
        layer('bar', { color: BAND, height: 12 }, { x: at('bandLow'), x2: { field: 'bandHigh' } }, 'bandLow'),
        layer('tick', { color: MUTED, thickness: 2, size: 14 }, { x: at('band') }, 'band'),
        ...(reference === undefined
          ? []
          : [layer('rule', { color: INK, strokeDash: [4, 3] }, { x: { datum: reference }, y: null })]),
        layer('rule', { color: INK, strokeWidth: 2 }, { x: at('xLow'), x2: { field: 'xHigh' } }, 'xLow'),
        dotLayer({ x: at('dots') }),
        layer('circle', { color: MINORITY[0], size: 55, opacity: 1 }, { x: at('x'), description: TIP }),
        layer('text', { dx: 9, fontSize: 12, color: INK }, { x: at('x'), text: { field: 'text' } }),
      ],
    };
  });
}

interface Lines extends Look {
  readonly x: ColumnName;
  readonly y: ColumnName;
  readonly by: ColumnName;
  /** A value of `x` with a dashed line, and its label. */
  readonly selected?: { readonly at: number; readonly text: string } | undefined;
}

/** A line per value of a setting over another one, such as epochs; groups have the hue of their kind. */
export function lines(rows: readonly Row[], look: Lines): NamedChart[] {
  const { x, y, by, selected, groups } = look;
  return draw(rows, y, [by, x], look, (shown) => {
    const values = shown.map((row): Datum => ({
      ...drawn(row, y, 'y'),
      x: row[x],
      series: settingsText(row, [by], groups),
      tip: tipOf(row, y, [by, x], groups),
    }));
    const colors = lineColors(shown, by, groups);
    const count = distinct(shown, x).length;
    const places = shown.map((row) => numberOf(row, x));
    const [first, last] = [Math.min(...places), Math.max(...places)];
    const domain = first === last ? [first - 0.5, last + 0.5] : [first, last];
    const names = [...colors.keys()];
    const styles = [...colors.values()];
    const color = { field: 'series', scale: { domain: names, range: styles.map(({ hue }) => hue) } };
    const dash = { field: 'series', scale: { domain: names, range: styles.map((style) => style.dash) } };
    const legend = { title: null, orient: 'top', columns: 4, symbolType: 'stroke', symbolStrokeWidth: 3 };
    const at = { x: { datum: selected?.at }, y: null, color: null };
    return {
      values,
      notes: selected ? [`dashed: ${selected.text}`] : [],
      width: 620,
      height: 220,
      encoding: () => ({
        x: {
          ...q('x'),
          scale: { domain, nice: false, padding: 10 },
          axis: {
            title: axisTitle(x),
            format: 'd',
            grid: false,
            tickCount: Math.min(10, count),
            tickMinStep: 1,
          },
        },
        y: {
          ...q('y'),
          scale: { zero: columnNamed(y).unit !== 'percent' },
          axis: { title: axisTitle(y), tickCount: 5 },
        },
        color: { ...color, legend },
      }),
      layers: [
        ...(selected ? [layer('rule', { color: MUTED, strokeDash: [4, 4] }, at)] : []),
        layer('line', { strokeWidth: 2 }, { strokeDash: dash }),
        layer('circle', { size: 36, opacity: 1 }, { description: TIP }),
      ],
    };
  });
}

interface Histogram extends Look {
  readonly x: ColumnName;
  /** The width of a bin, and the ends of the axis. */
  readonly step: number;
  readonly domain: readonly [number, number];
}

/** How many rows have a number in each bin, stacked by group, with a line where they would all be equally many. */
export function histogram(rows: readonly Row[], look: Histogram): NamedChart[] {
  const { x, step, domain, groups, facet = [] } = look;
  return draw(rows, x, ['group'], look, (shown) => {
    const bins = (domain[1] - domain[0]) / step;
    const placed = shown.map((row): Row & { readonly bin: number } => {
      const bin = Math.min(bins - 1, Math.floor((numberOf(row, x) - domain[0]) / step));
      return { ...row, bin };
    });
    const counts = new Map(groupedBy(placed, [...facet, 'bin', 'group']).map((own) => [own[0], own.length]));
    const values = placed.map((row): Datum => {
      const [from, count] = [domain[0] + row.bin * step, counts.get(row)];
      const series = settingsText(row, ['group'], groups);
      return { from, to: from + step, series, count, tip: `${series}, ${from} to ${from + step}: ${count}` };
    });
    const equal = shown.length / groupedBy(shown, facet).length / bins;
    const colors = lineColors(shown, 'group', groups);
    return {
      values,
      notes: [`bins of ${step} %; dashed: as many in each bin`],
      width: 380,
      height: 170,
      encoding: () => ({}),
      layers: [
        layer(
          'bar',
          { binSpacing: 1 },
          {
            x: {
              ...q('from'),
              bin: { binned: true, step },
              scale: { domain, nice: false },
              axis: { title: axisTitle(x), values: [0, 20, 40, 60, 80, 100], grid: false },
            },
            x2: { field: 'to' },
            y: { ...q('count'), stack: true, axis: { title: 'neurons', tickCount: 4 } },
            description: TIP,
            color: {
              field: 'series',
              scale: { domain: [...colors.keys()], range: [...colors.values()].map(({ hue }) => hue) },
              legend: { title: null, orient: 'top', columns: 4, symbolType: 'square' },
            },
          },
          'count',
        ),
        {
          spec: {
            data: { values: [{}] },
            mark: { type: 'rule', strokeDash: [5, 3], color: INK },
            encoding: { y: { datum: equal } },
          },
        },
      ],
    };
  });
}
