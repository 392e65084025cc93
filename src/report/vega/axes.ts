import type { GroupLabel } from '../groupLabels.js';
import { wrap } from '../text.js';
import { INK } from './theme.js';

/** Draws a label that holds line breaks on several lines. */
export const MULTILINE = "split(datum.label, '\\n')";

// The room below a group's bars, in characters and lines.
const WIDTH = 15;
const LINES = 4;

/** A group's label below its bars: notation, wrapped name, and further lines. */
export function groupTick(group: GroupLabel, ...extra: readonly string[]): string {
  const lines = balanced(group.name);
  const name = lines.length <= LINES ? lines : [...lines.slice(0, LINES - 1), '…'];
  return [group.short, ...name, ...extra].join('\n');
}

/** As few lines as the width allows, and these of like lengths: no digit alone on the last one. */
function balanced(name: string): string[] {
  const fewest = wrap(name, WIDTH);
  const longestWord = Math.max(...name.split(/\s+/).map((word) => word.length));
  for (let width = longestWord; width < WIDTH; width += 1) {
    const lines = wrap(name, width);
    if (lines.length === fewest.length) return lines;
  }
  return fewest;
}

export const GROUP_AXIS = { title: null, labelAngle: 0, labelExpr: MULTILINE, labelLineHeight: 16 };

/** The encoding of names as rows, in the order of the data. */
export const NAMED_ROWS = {
  type: 'nominal' as const,
  sort: null,
  axis: { title: null, labelLimit: 0, grid: false },
};

export const TOP_LEGEND = { title: null, orient: 'top' as const };

export function quantitative(field: string) {
  return { field, type: 'quantitative' as const };
}

/** A layer of marks of one type, by their look and encoding. */
export function layer<Type extends string, Look extends object, Encoding>(
  type: Type,
  look: Look,
  encoding: Encoding,
) {
  return { mark: { type, ...look }, encoding };
}

/** A rule from the field `low` to the field `high`, with a cap at both ends; none where they are missing. */
export function errorBars() {
  const transform = [{ filter: 'isValid(datum.low)' }];
  const look = { orient: 'horizontal' as const, color: INK, size: 8, thickness: 1.5 };
  return [
    {
      transform,
      ...layer('rule', { color: INK, strokeWidth: 1.5 }, { y: quantitative('low'), y2: { field: 'high' } }),
    },
    { transform, ...layer('tick', look, { y: quantitative('low') }) },
    { transform, ...layer('tick', look, { y: quantitative('high') }) },
  ];
}

interface GroupedBars {
  /** Pixels of the panel, axis not counted. */
  readonly width: number;
  /** The bars: a tick, a name of the series, and a length with the ends of its error bar. */
  readonly values: readonly { readonly group: string; readonly series: string; readonly value: number }[];
  /** By series, in the order of the bars. */
  readonly colors: Readonly<Record<string, string>>;
  readonly axis: string;
  readonly domain: readonly [number, number];
}

/** Bars side by side for each group, a colour a series, with error bars, and layers above them. */
export function groupedBars<Layer>(
  { width, values, colors, axis, domain }: GroupedBars,
  above: readonly Layer[],
) {
  const series = Object.keys(colors);
  return {
    width,
    height: 260,
    data: { values: [...values] },
    encoding: {
      x: {
        field: 'group',
        type: 'ordinal' as const,
        sort: null,
        scale: { paddingInner: 0.24, paddingOuter: 0.12 },
        axis: { ...GROUP_AXIS, orient: 'bottom' as const },
      },
      xOffset: { field: 'series', sort: series },
      y: {
        ...quantitative('value'),
        scale: { domain: [...domain] },
        axis: { title: axis, tickCount: 5 },
      },
      description: { field: 'tip' },
    },
    layer: [
      {
        mark: { type: 'bar' as const },
        encoding: {
          color: {
            field: 'series',
            scale: { domain: series, range: Object.values(colors) },
            legend: { ...TOP_LEGEND, symbolType: 'square' },
          },
        },
      },
      ...errorBars(),
      ...above,
    ],
  };
}
