import { LEVEL, type Estimate, type Interval } from '../../metrics/intervals.js';
import { fixed } from '../format.js';

/** `8.1 points`, without a sign. */
export function size(change: number): string {
  return `${fixed(100 * Math.abs(change), 1)} points`;
}

/** `+8.1 points`. */
export function signed(change: number): string {
  const text = fixed(100 * change, 1);
  return `${change > 0 && Number(text) !== 0 ? '+' : ''}${text} points`;
}

/** `95 % 3.2 to 12.9`, of fractions in points or percent. */
export function range([low, high]: Interval): string {
  return `${100 * LEVEL}\u00a0% ${fixed(100 * low, 1)} to ${fixed(100 * high, 1)}`;
}

/** The same of the opposite: what is lost where the interval is of a change. */
export function opposite([low, high]: Interval): Interval {
  return [-high, -low];
}

/** Where an interval lies: all above 0, all below, or on both sides. */
export function sideOf({ interval: [low, high] }: Pick<Estimate, 'interval'>): 'above' | 'below' | 'both' {
  if (low > 0) return 'above';
  return high < 0 ? 'below' : 'both';
}

/** `p = 0.146`, with a space that does not break. */
export function pText(text: string): string {
  return `p\u00a0=\u00a0${text}`;
}
