import type { Split } from '../data/split.js';
import { fixed, MISSING, probability } from '../kit/columns.js';
import { type Estimate, type Interval, LEVEL } from '../metrics/intervals.js';

export { fixed, MISSING, probability } from '../kit/columns.js';

/** A number, or none where nothing was measured. */
type Measured = number | null | undefined;

/** A fraction as a percentage with two decimals and no sign: 0.17857 -> `17.86`. */
export function percent(fraction: Measured): string {
  return fixed(100 * (fraction ?? Number.NaN), 2);
}

/** A fraction as `17.86 %`, or a dash. */
export function percentText(fraction: Measured): string {
  const text = percent(fraction);
  return text === MISSING ? text : `${text} %`;
}

/** A change of a fraction as signed percentage points: -0.10714 -> `-10.71`. */
export function points(measured: Measured, decimals = 2): string {
  const change = measured ?? Number.NaN;
  const text = fixed(100 * change, decimals);
  return change > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A neuron's score (an l2 norm) with four significant digits. */
export function score(value: number): string {
  return Number.isFinite(value) ? value.toPrecision(4) : MISSING;
}

/** A measured fraction minus a known one, in points; a dash where one is missing. */
export function pointsBeyond(measured: number | undefined, known: number | undefined): string {
  return points((measured ?? Number.NaN) - (known ?? Number.NaN));
}

/** Returns a change in points with its standard deviation if known: `-10.71 ± 1.20`. */
export function pointsSpread(change: Measured, std: Measured): string {
  return Number.isFinite(std) ? `${points(change)} ± ${percent(std)}` : points(change);
}

/** The worth of one sample of a group of `size` in points: `1.79`. */
export function granularity(size: number | undefined): string {
  return percent(1 / (size ?? Number.NaN));
}

/** A time as `40 s`, `12 min` or `3.5 h`. */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Two changes of a fraction in points as `[-19.64, +3.57]`, or a dash. */
export function pointsRange(interval: Interval | null | undefined): string {
  return interval ? `[${points(interval[0])}, ${points(interval[1])}]` : MISSING;
}

/** Two fractions in percent with one decimal as `[58.9, 83.9]`, or a dash. */
export function percentRange(interval: Interval | null | undefined): string {
  return interval ? `[${fixed(100 * interval[0], 1)}, ${fixed(100 * interval[1], 1)}]` : MISSING;
}

/** `, 95 % interval [58.9, 83.9]`, or nothing. */
export function intervalText(interval: Interval | null | undefined, write = percentRange): string {
  return interval ? `, 95 % interval ${write(interval)}` : '';
}

/** A mean and its 95 % interval, times `scale`, as `-0.27 [-0.55, 0.00]`, or the mean alone. */
export function meanWithInterval(
  value: Measured,
  interval: Interval | null | undefined,
  decimals: number,
  scale = 1,
): string {
  const text = (one: Measured): string => fixed(scale * (one ?? Number.NaN), decimals);
  return `${text(value)}${interval ? ` [${interval.map(text).join(', ')}]` : ''}`;
}

/** `p = 0.146`, with a space that does not break. */
export function pText(value: Measured): string {
  return `p\u00a0=\u00a0${probability(value)}`;
}

/** With real minus signs, for pages and charts; terminals keep the hyphen, which can be searched for. Names such as `erm-2` keep theirs. */
export function typographic(text: string): string {
  return text.replace(/(?<![\p{L}\p{N}_])-(?=\d)/gu, '−');
}

export function plural(value: number, unit: string): string {
  return `${value} ${unit}${value === 1 ? '' : 's'}`;
}

export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const SPLIT_NAME: Readonly<Record<Split, string>> = {
  train: 'training',
  val: 'validation',
  test: 'test',
};

/** `fig6` -> `Fig. 6`, `table3` -> `Table 3`; other names as they are. */
export function articleName(name: string): string {
  return name.replace(/^fig(?=\d)/, 'Fig. ').replace(/^table(?=\d)/, 'Table ');
}

/** Compares names as the article orders them: figures before tables, by number. */
export function inArticleOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** `8.1 points`, without a sign. */
export function size(change: number): string {
  return `${fixed(100 * Math.abs(change), 1)} points`;
}

/** `+8.1 points`. */
export function signed(change: number): string {
  return `${points(change, 1)} points`;
}

/** `95 % 3.2 to 12.9`, of fractions in points or percent. */
export function range([low, high]: Interval): string {
  return `${100 * LEVEL}\u00a0% ${fixed(100 * low, 1)} to ${fixed(100 * high, 1)}`;
}

/** Where an interval lies: all above 0, all below, or on both sides. */
export function sideOf({ interval: [low, high] }: Pick<Estimate, 'interval'>): 'above' | 'below' | 'both' {
  if (low > 0) return 'above';
  return high < 0 ? 'below' : 'both';
}
