import type { NullDistribution } from '../../experiments/results.js';
import type { LayerEntry, TraceEntry } from '../../experiments/results.js';
import type { Interval } from '../../metrics/intervals.js';
import { comparedLayer, comparedWith, FIRST_NULL } from './nulls.js';
import { percent, points, pointsRange, probability } from '../format.js';

/** A change is marked as unlike that of random neurons where its p-value is at most this. */
export const MARKED_P = 0.05;
/** The mark; a star would say "minority group". */
export const MARK = '†';

/** A change of one group's accuracy, with what is known of its uncertainty. All numbers are fractions. */
export interface MeasuredChange {
  readonly change: number;
  /** Standard deviation over seeds. */
  readonly std: number | undefined;
  /** 95 % score interval over the examples. */
  readonly interval: Interval | undefined;
  /** The change of random neurons of the same layers. */
  readonly random: NullDistribution | undefined;
  /** Whether it is unlike that of random neurons. */
  readonly marked: boolean;
}

/** What perturbing the chosen neurons changed for one group. */
export function changeOfGroup(entry: TraceEntry, group: number): MeasuredChange {
  return measured(
    entry.change[group],
    intervalAt(entry.changeInterval, group),
    comparedWith(entry, FIRST_NULL, group, 'accuracy'),
    entry.changeStd?.[group],
  );
}

/** What zeroing one layer's neurons changed for the group that they were chosen for. */
export function changeOfLayer(entry: LayerEntry): MeasuredChange {
  return measured(
    entry.change,
    intervalAt([entry.changeInterval], 0),
    comparedLayer(entry, FIRST_NULL, 'accuracy'),
  );
}

/** One group's interval; undefined where there is none, such as that of an empty group. */
export function intervalAt(intervals: readonly Interval[], group: number): Interval | undefined {
  const interval = intervals[group];
  return interval?.every(Number.isFinite) === true ? interval : undefined;
}

/** How many changes were compared with random neurons, and how many of them are marked. */
export function countMarked(changes: readonly MeasuredChange[]): {
  readonly marked: number;
  readonly compared: number;
} {
  const compared = changes.filter(({ random }) => random !== undefined);
  return { marked: compared.filter(({ marked }) => marked).length, compared: compared.length };
}

/** How many of so many changes would be marked if chosen neurons were like random ones: at most, since equal changes tie. */
export function expectedMarked(compared: number, draws: number): number {
  // Twice the smaller p of both sides, which is at least 1 / (1 + draws).
  return 2 > MARKED_P * (1 + draws) ? 0 : compared * MARKED_P;
}

/** All of a change in one line: `-10.71 points, 95 % interval [-19.64, -3.57]; random neurons ...; p = 0.010`. */
export function changeInWords({ change, std, interval, random }: MeasuredChange): string {
  return [
    `${points(change)}${std === undefined ? '' : ` ± ${percent(std)}`} points`,
    interval && `, 95 % interval ${pointsRange(interval)}`,
    random &&
      `; random neurons of the same layers ${points(random.mean)} ${pointsRange(random.interval)}: ` +
        `p = ${probability(random.pValue)}`,
  ]
    .filter((part) => part !== undefined)
    .join('');
}

function measured(
  change: number | undefined,
  interval: Interval | undefined,
  random: NullDistribution | null | undefined,
  std?: number,
): MeasuredChange {
  return {
    change: change ?? Number.NaN,
    std: Number.isFinite(std) ? std : undefined,
    interval,
    random: random ?? undefined,
    marked: Number.isFinite(change) && random !== null && random !== undefined && random.pValue <= MARKED_P,
  };
}
