import { layer, NAMED_ROWS, quantitative } from './axes.js';
import type { ChartSpec } from './render.js';
import { INK, MUTED, TEST } from './theme.js';

/** Pixels of a row. */
const ROW = 30;

/** A row: a dot a value, their mean, and its interval. */
export interface DotRow {
  readonly name: string;
  readonly dots: readonly { readonly value: number; readonly tip: string }[];
  readonly mean: number;
  readonly interval: readonly [number, number] | null;
  readonly tip: string;
}

interface DotRows {
  readonly title: string;
  readonly subtitle: string;
  readonly axis: string;
  readonly rows: readonly DotRow[];
  /** Where a dashed line stands. */
  readonly reference: number | undefined;
}

/** Rows of dots, with the mean of each, its interval, and a line that they are compared with. */
export function dotRows({ title, subtitle, axis, rows, reference }: DotRows): ChartSpec['spec'] {
  const means = rows.map(({ name, mean, interval, tip }) => ({
    name,
    mean,
    tip,
    ...(interval ? { low: interval[0], high: interval[1] } : {}),
  }));
  const dots = rows.flatMap(({ name, dots: values }) => values.map((dot) => ({ name, ...dot })));
  const intervals = means.filter(({ low }) => low !== undefined);
  const y = { ...NAMED_ROWS, field: 'name' };
  const description = { field: 'tip' };
  const x = (field: string) => ({
    ...quantitative(field),
    scale: { zero: false, nice: true },
    axis: { title: axis, tickCount: 6 },
  });
  return {
    title: { text: title, subtitle: [subtitle] },
    width: 420,
    height: rows.length * ROW,
    layer: [
      // A layer without values has no scale.
      ...(reference === undefined
        ? []
        : [
            {
              data: { values: [{ mean: reference }] },
              ...layer('rule', { color: MUTED, strokeDash: [4, 3] }, { x: x('mean') }),
            },
          ]),
      ...(intervals.length === 0
        ? []
        : [
            {
              data: { values: intervals },
              ...layer(
                'rule',
                { color: INK, strokeWidth: 2 },
                { y, x: x('low'), x2: { field: 'high' }, description },
              ),
            },
          ]),
      {
        data: { values: dots },
        ...layer('circle', { color: TEST, size: 50, opacity: 0.8 }, { y, x: x('value'), description }),
      },
      {
        data: { values: means },
        ...layer('tick', { color: INK, thickness: 3, size: 18 }, { y, x: x('mean'), description }),
      },
    ],
  };
}
