import { fixed, plural, SPLIT_NAME, typographic } from '../../format.js';
import type { GroupLabel, Groups } from '../../groupLabels.js';
import { changeInWords, changeOfGroup, MARK, type MeasuredChange } from '../../traces/tests.js';
import { errorBars, GROUP_AXIS, groupTick, quantitative, TOP_LEGEND } from '../../vega/axes.js';
import {
  BAND,
  GRID,
  INK,
  LONG_MAJORITY_RAMP,
  LONG_MINORITY_RAMP,
  MAJORITY_RAMP,
  MINORITY_RAMP,
  MUTED,
  steps,
} from '../../vega/theme.js';
import { type CriterionView, ksOf } from './view.js';

/** Pixels of a bar with a number above it, and of one in a small panel or among many. */
const NUMBERED = 32;
const BARE = 18;
/** Numbers of neurons above which bars carry no numbers. */
const MANY = 4;
/** Pixels between groups. */
const GAP = 14;

/** Where legends stand side by side. The em spaces keep the next one away where the font is wider than estimated. */
const SHORT_RANDOM_NAME = 'random neurons\u2003\u2003';

interface BarOptions {
  /** Percentage points: lowest and highest of all charts that a reader may compare. */
  readonly own: readonly [number, number];
  /** Whether the panel is one of many: lower, without numbers and names of groups. */
  readonly small: boolean;
}

/**
 * A panel of Figs 2, 4, 5, 11 and 12: for each group and k, a bar with the change in points under its own neurons, its 95 % score
 * interval, and behind it the changes of random neurons. Signed, unlike the article's |change|: intervals go both ways.
 */
export function changeBars(view: CriterionView, groups: Groups, { own, small }: BarOptions) {
  const ks = ksOf(view);
  const numbered = !small && ks.length <= MANY;
  const band = numbered ? NUMBERED : BARE;
  const isLong = ks.length > MANY;
  const ramps = {
    majority: isLong ? LONG_MAJORITY_RAMP : MAJORITY_RAMP,
    'minority*': isLong ? LONG_MINORITY_RAMP : MINORITY_RAMP,
  };
  const kindOf = ({ minority }: GroupLabel) => (minority ? 'minority*' : 'majority');
  const series = (['majority', 'minority*'] as const)
    .filter((kind) => groups.some((group) => kindOf(group) === kind))
    .flatMap((kind) =>
      steps(ramps[kind], ks.length).map((color, at) => ({ name: `${kind}, k = ${ks[at]}`, color })),
    );
  const tick = (group: GroupLabel): string =>
    small ? group.short : groupTick(group, `n = ${fixed(view.trace.baseline.total[group.index], 0)}`);
  const values = view.entries.flatMap((entry) => {
    const group = groups[entry.group];
    const measured = changeOfGroup(entry);
    if (!group || !Number.isFinite(measured.change)) return [];
    return [
      {
        group: tick(group),
        k: entry.k,
        series: `${kindOf(group)}, k = ${entry.k}`,
        ...lengths(measured),
        text: labelOf(measured, numbered),
        tip: typographic(`${group.full}, k = ${entry.k}: ${changeInWords(measured)}`),
      },
    ];
  });
  const { nullDraws } = view.trace;
  const random =
    nullDraws > 0 && values.some(({ randomLow }) => randomLow !== undefined)
      ? randomLayers(
          numbered ? `random neurons, same layers (up to ${plural(nullDraws, 'draw')})` : SHORT_RANDOM_NAME,
          band - 1,
        )
      : undefined;
  return {
    width: groups.length * Math.max(numbered ? 74 : 0, band * ks.length + GAP),
    height: small ? 150 : 250,
    data: { values },
    encoding: {
      x: {
        field: 'group',
        type: 'ordinal' as const,
        scale: { domain: groups.map(tick), paddingInner: GAP / (band * ks.length + GAP), paddingOuter: 0.05 },
        axis: GROUP_AXIS,
      },
      xOffset: { field: 'k', type: 'ordinal' as const, scale: { domain: ks } },
      y: {
        ...quantitative('change'),
        scale: { domain: withRoom(own, numbered), nice: false },
        axis: {
          title: small ? 'change (points)' : `change of ${SPLIT_NAME[view.trace.split]} accuracy (points)`,
          tickCount: 5,
          gridColor: { condition: { test: 'datum.value === 0', value: MUTED }, value: GRID },
        },
      },
      description: { field: 'tip' },
    },
    layer: [
      ...(random ? [random.band] : []),
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
            legend: { ...TOP_LEGEND, symbolType: 'square', columns: Math.min(ks.length, numbered ? 3 : 5) },
          },
        },
      },
      ...(random ? [random.mean] : []),
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
        encoding: { text: { field: 'text' }, y: quantitative('end') },
      })),
    ],
  };
}

/** Random neurons: the middle 95 % of their changes, and their mean. In pixels: Vega-Lite misplaces shares of an offset's band. */
function randomLayers(name: string, width: number) {
  const transform = [{ filter: 'isValid(datum.randomLow)' }];
  return {
    band: {
      transform,
      mark: { type: 'rect' as const, width },
      encoding: {
        y: quantitative('randomLow'),
        y2: { field: 'randomHigh' },
        // A scale of its own gives it a legend of its own: it is longer than the bars' entries.
        fill: {
          datum: name,
          type: 'nominal' as const,
          scale: { domain: [name], range: [BAND] },
          legend: { ...TOP_LEGEND, symbolType: 'square', symbolStrokeWidth: 0 },
        },
      },
    },
    mean: {
      transform,
      mark: { type: 'tick' as const, orient: 'horizontal' as const, color: MUTED, size: width, thickness: 2 },
      encoding: { y: quantitative('randomMean') },
    },
  };
}

/** A bar's lengths in points; its label stands beyond its end, its error bar, and the band of random neurons. */
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
