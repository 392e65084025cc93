import { axisTitle, type ColumnName, columnNamed, MARK, MARKED_P, scaled, written } from '../kit/columns.js';
import { groupedBy, numberOf, type Row } from '../kit/rows.js';
import { valuesOf } from '../kit/summarize.js';
import { typographic } from './format.js';
import { type Groups, starNote } from './groupLabels.js';
import { estimateText, settingsText } from './settingsText.js';
import { wrap } from './text.js';
import type { ChartSpec, NamedChart } from './vega/render.js';
import { textWidth } from './vega/textWidth.js';
import {
  INK,
  LONG_MAJORITY_RAMP,
  LONG_MINORITY_RAMP,
  MAJORITY,
  MAJORITY_RAMP,
  MINORITY,
  MINORITY_RAMP,
  steps,
} from './vega/theme.js';

export interface Look {
  /** The name of the chart's file, without ending. */
  readonly name: string;
  readonly title: string;
  readonly groups: Groups;
  /** A panel per combination of these settings; panels share their scales. */
  readonly facet?: readonly ColumnName[];
  readonly notes?: readonly string[];
}

export type Datum = Readonly<Record<string, unknown>>;
/** A layer of marks; it is left out if no datum has the field that it needs, as it would have no scale. */
export interface Layer {
  readonly needs?: string;
  readonly spec: object;
}

/** What a template makes of its rows. */
interface Panel {
  /** A datum per row. */
  readonly values: readonly Datum[];
  readonly notes?: readonly string[];
  readonly width: number;
  readonly height: number | { readonly step: number };
  /** `isNamed`: whether the panel names its rows, as its neighbour does not. */
  readonly encoding: (isNamed: boolean) => object;
  /** Pixels of the rows' names. */
  readonly names?: number;
  readonly layers: readonly Layer[];
}

/** Pixels of a page's width, between panels, and of a row of a matrix or of dots. */
export const PAGE = 860;
const GAP = 24;
export const LINE = 22;
/** A matrix with more rows than this has lower ones. */
export const MANY_LINES = 24;

export const q = (field: string) => ({ field, type: 'quantitative' });
export const TIP = { field: 'tip' };
export const ordinal = (field: string) => ({ field, type: 'ordinal', sort: null });

/** A layer of marks; only those whose encoding has a description speak to screen readers and have a tip. */
export function layer(type: string, look: object, encoding: object, needs?: string): Layer {
  const spec = { mark: { type, aria: 'description' in encoding, ...look }, encoding };
  if (needs === undefined) return { spec };
  return {
    needs,
    spec: { transform: [{ filter: `isValid(datum.${needs}) && datum.${needs} !== false` }], ...spec },
  };
}

export function hasField(values: readonly Datum[], field: string): boolean {
  return values.some((value) => {
    const found = value[field] ?? false;
    return Array.isArray(found) ? found.length > 0 : found !== false;
  });
}

/** Draws the rows that have a measure. */
export function draw(
  rows: readonly Row[],
  measure: ColumnName,
  settings: readonly ColumnName[],
  look: Look,
  panelOf: (shown: readonly Row[]) => Panel,
): NamedChart[] {
  const { name, title, groups, facet = [] } = look;
  const shown = rows.filter((row) => Number.isFinite(numberOf(row, measure)));
  if (shown.length === 0) return [];
  const { values, notes = [], width, height, encoding, layers, names: room = 50 } = panelOf(shown);
  const drawn = layers
    .filter(({ needs }) => needs === undefined || hasField(values, needs))
    .map(({ spec }) => spec);
  const panels = shown.map((row) => settingsText(row, facet, groups));
  const names = [...new Set(panels)];
  const columns = Math.max(1, Math.min(3, names.length, Math.floor((PAGE - room) / (width + GAP))));
  // Up to the page's width, and to twice its own.
  const full = Math.max(width, Math.min(2 * width, Math.floor((PAGE - room) / columns) - GAP));
  const rowsOf = (panel: string | undefined): string =>
    values.flatMap(({ row }, i) => (panels[i] === panel ? [String(row)] : [])).join();
  const body = (panel: string | undefined, at: number): object => ({
    width: full,
    height,
    data: { values: values.filter((_, i) => panels[i] === panel) },
    encoding: encoding(at % columns === 0 || rowsOf(panel) !== rowsOf(names[at - 1])),
    layer: drawn,
  });
  const lines = [...(names.length === 1 ? names : []), ...notes, ...(look.notes ?? []), ...starNote(groups)];
  // Not Vega-Lite's facets, which warn of the scales of layers that are filtered.
  const concat = names.map((panel, at) => ({
    title: {
      text: wrap(typographic(panel), Math.floor((full + 20) / 7.3)),
      fontSize: 13,
      offset: 8,
      anchor: 'middle',
    },
    ...body(panel, at),
  }));
  const spec = {
    title: { text: wrap(typographic(title), Math.floor(PAGE / 9)), subtitle: wrapped(lines) },
    ...(names.length === 1 ? body(names[0], 0) : { columns, spacing: GAP, concat }),
  };
  return [
    { name, label: altText(shown, measure, [...facet, ...settings], look), spec: spec as ChartSpec['spec'] },
  ];
}

/** Pixels of the longest name of a row. */
export function namesWidth(values: readonly Datum[]): number {
  return Math.ceil(Math.max(...values.map(({ row }) => textWidth(String(row), 12))));
}

/** Returns a subtitle's parts in lines of the page's width. */
function wrapped(parts: readonly string[]): string[] {
  return wrap(typographic(parts.filter((part) => part !== '').join('; ')), Math.floor(PAGE / 6.6));
}

/** Returns the places of an axis's labels: about `count` round numbers between its ends, 0 among them if it is there. */
export function axisValues([low, high]: readonly [number, number], count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** For readers who do not see the chart: its measure, the number of values, and the lowest and highest with their settings. */
function altText(
  rows: readonly Row[],
  measure: ColumnName,
  settings: readonly ColumnName[],
  { title, groups }: Look,
): string {
  const sorted = [...rows].sort((a, b) => numberOf(a, measure) - numberOf(b, measure));
  const ends = [sorted[0], sorted.at(-1)].map((row) =>
    row ? `${estimateText(row, measure)} (${settingsText(row, settings, groups)})` : '',
  );
  return typographic(
    `${title}. ${axisTitle(measure)}: ${rows.length} values from ${ends.join(' to ')}. The tables hold the numbers.`,
  );
}

/** A number and its interval as `x`, `xLow` and `xHigh`, in the unit that readers see. */
export function drawn(
  row: Row,
  measure: ColumnName,
  field: string,
  [center, start]: readonly [string, string] = [measure, measure],
): Datum {
  const numbers = { [field]: center, [`${field}Low`]: `${start}Low`, [`${field}High`]: `${start}High` };
  return Object.fromEntries(
    Object.entries(numbers)
      .map(([end, column]) => [end, scaled(numberOf(row, column), measure)] as const)
      .filter(([, value]) => Number.isFinite(value)),
  );
}

export function replicates(row: Row, measure: ColumnName): number[] {
  return valuesOf(row, measure).map((value) => scaled(value, measure));
}

/** Random neurons: their mean and middle 95 % in columns such as `sameLayersAccuracyMean` and `…Low`. */
export type Band = 'sameLayersAccuracy' | 'randomAccuracy' | 'randomMargin';

export function bandOf(row: Row, band: Band | undefined): Datum {
  return band ? drawn(row, band, 'band', [`${band}Mean`, band]) : {};
}

/** The p-values by which effects are marked; null: none. */
export type Mark = 'P' | 'PHolm' | null;

export function isMarked(row: Row, band: Band | undefined, mark: Mark = 'P'): boolean {
  return band !== undefined && mark !== null && numberOf(row, `${band}${mark}`) <= MARKED_P;
}

export function tipOf(
  row: Row,
  measure: ColumnName,
  settings: readonly ColumnName[],
  groups: Groups,
  band?: Band,
): string {
  const mean = band ? numberOf(row, `${band}Mean`) : Number.NaN;
  const random = Number.isFinite(mean) && band ? `; random neurons ${written(mean, columnNamed(band))}` : '';
  return typographic(`${settingsText(row, settings, groups)}: ${estimateText(row, measure)}${random}`);
}

export function bandNote(values: readonly Datum[], by: Mark = 'P'): string {
  if (!hasField(values, 'bandLow')) return '';
  const ends = hasField(values, 'dots') ? '95 % interval over models' : 'middle 95 %';
  const mark = values.some(({ text }) => [text].flat().includes(MARK))
    ? `; ${MARK} p ≤ ${MARKED_P}${by === 'PHolm' ? ' after Holm’s' : ' before'} correction`
    : '';
  return `grey: random neurons, mean and ${ends}${mark}`;
}

export function dotLayer(encoding: object): Layer {
  const { spec } = layer('circle', { color: INK, opacity: 0.45, size: 26 }, encoding);
  return { needs: 'dots', spec: { transform: [{ flatten: ['dots'] }], ...spec } };
}

export function errorBars(): Layer[] {
  const cap = { orient: 'horizontal', color: INK, size: 8, thickness: 1.5 };
  return [
    layer('rule', { color: INK, strokeWidth: 1.5 }, { y: q('yLow'), y2: { field: 'yHigh' } }, 'yLow'),
    ...['yLow', 'yHigh'].map((end) => layer('tick', cap, { y: q(end) }, end)),
  ];
}

export function intervalNote(values: readonly Datum[]): string {
  if (!hasField(values, 'yLow')) return '';
  return `error bars: 95 % interval over ${hasField(values, 'dots') ? 'models; dots: models' : 'samples'}`;
}

export function hueColors(bys: readonly unknown[], hues: readonly string[]): Map<string, string> {
  return new Map(bys.map((value, at) => [String(value), hues[at % hues.length] ?? INK]));
}

/** Shades of a cool hue for majority groups, and of a warm one for minority groups. */
export function kindColors(bys: readonly Row[string][], by: ColumnName, groups: Groups): Map<string, string> {
  const isLong = bys.length > 4;
  const ramps = {
    majority: isLong ? LONG_MAJORITY_RAMP : MAJORITY_RAMP,
    'minority*': isLong ? LONG_MINORITY_RAMP : MINORITY_RAMP,
  };
  return new Map(
    Object.entries(ramps).flatMap(([kind, ramp]) =>
      steps(ramp, bys.length).map(
        (shade, at) => [`${kind}, ${settingsText({ [by]: bys[at] ?? null }, [by], groups)}`, shade] as const,
      ),
    ),
  );
}

/** Hues by kind of group; where they repeat, the dashes tell lines apart. Other series have hues in turn. */
export function lineColors(rows: readonly Row[], by: ColumnName, groups: Groups) {
  const used = new Map<readonly string[], number>();
  const other = [...MAJORITY.slice(0, 1), MINORITY[2], ...MAJORITY.slice(1)];
  return new Map(
    groupedBy(rows, [by]).map(([row]) => {
      const group = by === 'group' ? groups[Number(row?.group)] : undefined;
      const hues = group === undefined ? other : group.minority ? MINORITY : MAJORITY;
      const at = used.get(hues) ?? 0;
      used.set(hues, at + 1);
      const dash = [
        [1, 0],
        [7, 3],
        [2, 3],
      ][Math.floor(at / hues.length) % 3];
      return [settingsText(row ?? {}, [by], groups), { hue: hues[at % hues.length] ?? INK, dash }] as const;
    }),
  );
}
