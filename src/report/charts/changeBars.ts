import { count, fixed, SPLIT_NAME, typographic } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { changeInWords, changeOfGroup, MARK, type MeasuredChange } from '../views/measuredChange.js';
import { randomName } from '../views/perturbation.js';
import type { CriterionTrace } from '../views/selections.js';
import { groupTick, MULTILINE } from './axis.js';
import { errorBars } from './errorBars.js';
import { randomBands, randomMeans, type RandomFields } from './randomBands.js';
import {
  GRID,
  INK,
  LONG_MAJORITY_RAMP,
  LONG_MINORITY_RAMP,
  MAJORITY_RAMP,
  MINORITY_RAMP,
  MUTED,
  steps,
} from './theme.js';

/** Pixels of a bar with a number above it, and of one in a small panel or among many. */
const NUMBERED = 32;
const BARE = 18;
/** Numbers of neurons above which bars carry no numbers. */
const MANY = 4;
/** Pixels between groups. */
const GAP = 14;

/** Where legends stand side by side. The em spaces keep the next one away where the font is wider than estimated. */
const SHORT_RANDOM_NAME = 'random neurons\u2003\u2003';

/** How the bars of some views are drawn. */
interface BarOptions {
  /** Percentage points: lowest and highest of all charts that a reader may compare. */
  readonly own: readonly [number, number];
  /** Whether the panel is one of many: lower, without numbers and names of groups. */
  readonly small: boolean;
}

interface Bar extends RandomFields {
  readonly group: string;
  readonly k: number;
  readonly series: string;
  /** Points, as are all lengths. */
  readonly change: number;
  readonly low?: number;
  readonly high?: number;
  /** Where the bar's label stands: beyond its end, its error bar, and the band of random neurons. */
  readonly end: number;
  readonly text: readonly string[];
  readonly tip: string;
}

/**
 * A panel of Figs 2, 4, 5, 11 and 12: for each group, a bar for every k with the change in percentage points of that
 * group's accuracy when the k neurons chosen for that group are perturbed, its 95 % score interval, and behind it what
 * random neurons of the same layers change. Hues darken with k. Signed, unlike the article's |change|: intervals and random
 * changes go both ways.
 */
export function changeBars(view: CriterionTrace, groups: readonly GroupLabel[], options: BarOptions) {
  const ks = ksOf(view);
  const { band, numbered } = layout(view, options.small);
  const isLong = ks.length > MANY;
  const kinds = [
    {
      kind: 'majority',
      ramp: isLong ? LONG_MAJORITY_RAMP : MAJORITY_RAMP,
      present: groups.some((group) => !group.minority),
    },
    {
      kind: 'minority*',
      ramp: isLong ? LONG_MINORITY_RAMP : MINORITY_RAMP,
      present: groups.some((group) => group.minority),
    },
  ].filter(({ present }) => present);
  const series = kinds.flatMap(({ kind, ramp }) =>
    steps(ramp, ks.length).map((color, at) => ({ name: `${kind}, k = ${ks[at]}`, color })),
  );
  const tick = (group: GroupLabel): string =>
    options.small ? group.short : groupTick(group, `n = ${count(view.trace.baseline.total[group.index])}`);
  const values = view.entries.flatMap((entry): Bar[] => {
    const group = groups[entry.group];
    const measured = changeOfGroup(entry, entry.group);
    if (!group || !Number.isFinite(measured.change)) return [];
    return [
      {
        group: tick(group),
        k: entry.k,
        series: `${group.minority ? 'minority*' : 'majority'}, k = ${entry.k}`,
        ...lengths(measured),
        text: labelOf(measured, numbered),
        tip: typographic(`${group.full}, k = ${entry.k}: ${changeInWords(measured)}`),
      },
    ];
  });
  const { controls } = view.trace;
  const hasRandom = values.some(({ randomLow }) => randomLow !== undefined);
  return {
    width: panelWidth(view, groups, options.small),
    height: options.small ? 150 : 250,
    data: { values },
    encoding: {
      x: {
        field: 'group',
        type: 'ordinal' as const,
        scale: { domain: groups.map(tick), paddingInner: GAP / (band * ks.length + GAP), paddingOuter: 0.05 },
        axis: { title: null, labelAngle: 0, labelExpr: MULTILINE, labelLineHeight: 16 },
      },
      xOffset: { field: 'k', type: 'ordinal' as const, scale: { domain: ks } },
      y: {
        field: 'change',
        type: 'quantitative' as const,
        scale: { domain: withRoom(options.own, numbered), nice: false },
        axis: {
          title: options.small
            ? 'change (points)'
            : `change of ${SPLIT_NAME[view.trace.split]} accuracy (points)`,
          tickCount: 5,
          gridColor: { condition: { test: 'datum.value === 0', value: MUTED }, value: GRID },
        },
      },
      description: { field: 'tip' },
    },
    layer: [
      ...(hasRandom && controls
        ? [randomBands(numbered ? randomName(controls) : SHORT_RANDOM_NAME, band - 1)]
        : []),
      {
        // The outline keeps the darkest steps in sight on a dark page.
        mark: {
          type: 'bar' as const,
          width: Math.round(0.6 * band),
          ...(isLong ? { stroke: MUTED, strokeWidth: 0.75 } : {}),
        },
        encoding: {
          color: {
            field: 'series',
            scale: { domain: series.map(({ name }) => name), range: series.map(({ color }) => color) },
            legend: {
              title: null,
              orient: 'top' as const,
              symbolType: 'square',
              columns: Math.min(ks.length, numbered ? 3 : 5),
            },
          },
        },
      },
      ...(hasRandom ? [randomMeans(band - 1)] : []),
      ...errorBars(),
      ...[-1, 1].map((sign) => ({
        transform: [{ filter: `${sign < 0 ? '' : '!'}(datum.change < 0)` }],
        mark: {
          type: 'text' as const,
          baseline: sign < 0 ? ('top' as const) : ('bottom' as const),
          dy: sign < 0 ? 5 : -5,
          fontSize: 12,
          lineHeight: 13,
          color: INK,
        },
        encoding: { text: { field: 'text' }, y: { field: 'end', type: 'quantitative' as const } },
      })),
    ],
  };
}

/** Pixels of the panel, axis not counted. */
function panelWidth(view: CriterionTrace, groups: readonly GroupLabel[], small: boolean): number {
  const { band, numbered } = layout(view, small);
  return groups.length * Math.max(numbered ? 74 : 0, band * ksOf(view).length + GAP);
}

function ksOf({ entries }: CriterionTrace): number[] {
  return [...new Set(entries.map(({ k }) => k))].sort((a, b) => a - b);
}

/** Pixels of a bar, and whether it carries its number. */
function layout(view: CriterionTrace, small: boolean): { readonly band: number; readonly numbered: boolean } {
  const numbered = !small && ksOf(view).length <= MANY;
  return { band: numbered ? NUMBERED : BARE, numbered };
}

function lengths({ change, interval, random }: MeasuredChange) {
  const ends = [change, ...(interval ?? []), ...(random?.interval ?? [])];
  return {
    change: 100 * change,
    ...(interval ? { low: 100 * interval[0], high: 100 * interval[1] } : {}),
    ...(random
      ? {
          randomLow: 100 * random.interval[0],
          randomHigh: 100 * random.interval[1],
          randomMean: 100 * random.mean,
        }
      : {}),
    end: 100 * (change < 0 ? Math.min(...ends) : Math.max(...ends)),
  };
}

/** The number and the mark, in the order from the bar outwards. */
function labelOf({ change, marked }: MeasuredChange, numbered: boolean): string[] {
  const size = 100 * Math.abs(change);
  const lines = [
    ...(numbered ? [typographic(fixed(100 * change, size >= 99.95 ? 0 : 1))] : []),
    ...(marked ? [MARK] : []),
  ];
  return change < 0 ? lines : lines.reverse();
}

/** A domain with room for labels, of at least a point: noise should not fill the panel. */
function withRoom([low, high]: readonly [number, number], numbered: boolean): [number, number] {
  const room = (numbered ? 0.13 : 0.08) * (high - low);
  return [Math.min(low - room, -0.5), Math.max(high + room, 0.5)];
}
