// Rules of a gate: a number of a run with its 95 % interval, and on which side of a bound the whole interval lies.
import { SpurmemError } from '../errors.js';
import {
  accuracyEstimate,
  changeInterval,
  differenceOf,
  type Estimate,
  type Interval,
  pooledEstimate,
} from '../metrics/intervals.js';
import type { RunEvaluation } from './evaluateRun.js';

const METRICS = ['worst-group', 'average', 'gap'] as const;
const NO_GROUP_BELOW = 'no-group-below';
const EXPECTED = `${METRICS.join(', ')} with >= or <= and a fraction, such as worst-group>=0.6; or ${NO_GROUP_BELOW} RUN, or ${NO_GROUP_BELOW} RUN by 0.05`;

/** A rule as it was read. */
export type Rule = { readonly text: string; readonly bound: number } & (
  | { readonly metric: (typeof METRICS)[number]; readonly isMin: boolean }
  | { readonly metric: typeof NO_GROUP_BELOW; readonly run: string; readonly isMin: true }
);

/** A rule's outcome: `pass` or `fail` if the whole interval lies on one side of the bound; `fail` for a number that is missing. */
export interface Requirement {
  readonly rule: string;
  /** Fractions; null: a group has no image. */
  readonly value: number | null;
  readonly interval: Interval | null;
  readonly verdict: 'pass' | 'fail' | 'undecided';
}

/** Reads a rule. Throws `USAGE`. */
export function readRule(text: string): Rule {
  const [, metric = '', sign = '', bound = ''] = /^\s*([a-z-]+)\s*(>=|<=)\s*(\S+)\s*$/.exec(text) ?? [];
  const known = METRICS.find((name) => name === metric);
  const value = Number(bound);
  if (known && bound !== '' && value >= 0 && value <= 1)
    return { text, metric: known, isMin: sign === '>=', bound: value };
  const [, run = '', by = '0'] = /^\s*no-group-below\s+(.+?)(?:\s+by\s+(\S+))?\s*$/.exec(text) ?? [];
  if (run !== '' && Number(by) >= 0 && Number(by) < 1)
    return { text, metric: NO_GROUP_BELOW, run, isMin: true, bound: -Number(by) };
  throw new SpurmemError('USAGE', `\`require\` is ${JSON.stringify(text)}: it takes ${EXPECTED}.`, {
    parameter: 'require',
    value: text,
    expected: EXPECTED,
  });
}

/**
 * Judges a rule by an evaluation. The interval of the worst group is that of the minimum over groups; `gap` is the best group's accuracy
 * minus the worst one's; `no-group-below` takes the lowest change of a group, by Tango's interval of the same images.
 *
 * @param before the evaluation of the rule's run, whose `rows` and the other's are compared
 */
export function judgeRule(rule: Rule, after: RunEvaluation, before?: RunEvaluation): Requirement {
  const found =
    after.accuracies.total.includes(0) && rule.metric !== 'average'
      ? undefined
      : measured(rule, after, before);
  if (found === undefined || Number.isNaN(found.value))
    return { rule: rule.text, value: null, interval: null, verdict: 'fail' };
  const { value, interval } = found;
  const [low, high] = rule.isMin ? interval : [-interval[1], -interval[0]];
  const bound = rule.isMin ? rule.bound : -rule.bound;
  const verdict = low >= bound ? 'pass' : high < bound ? 'fail' : 'undecided';
  return { rule: rule.text, value, interval, verdict };
}

function measured(rule: Rule, after: RunEvaluation, before?: RunEvaluation): Estimate | undefined {
  const { accuracies } = after;
  const groups = accuracies.total.map((total, group) =>
    accuracyEstimate(accuracies.correct[group] ?? 0, total),
  );
  switch (rule.metric) {
    case 'worst-group':
      return lowest(groups);
    case 'average':
      return pooledEstimate(accuracies);
    case 'gap': {
      const sorted = groups.toSorted((a, b) => a.value - b.value);
      const [worst, best] = [sorted[0], sorted.at(-1)];
      return worst && best && differenceOf(best, worst);
    }
    case NO_GROUP_BELOW:
      return before && lowest(changesOf(after, before));
  }
}

/** The smallest number, and the interval of the smallest one: the smallest ends. */
function lowest(estimates: readonly Estimate[]): Estimate {
  const min = (of: (one: Estimate) => number): number => Math.min(...estimates.map(of));
  return {
    value: min(({ value }) => value),
    interval: [min(({ interval }) => interval[0]), min(({ interval }) => interval[1])],
  };
}

/** The change of each group from one run to the other, on the same images. */
function changesOf(after: RunEvaluation, before: RunEvaluation): Estimate[] {
  const wasRight = new Map((before.rows ?? []).map((row) => [row.file, row.prediction === row.class]));
  return after.accuracies.total.map((_, group) => {
    const own = (after.rows ?? []).filter((row) => row.group === group && wasRight.has(row.file));
    const count = (right: boolean): number =>
      own.filter((row) => (row.prediction === row.class) === right && wasRight.get(row.file) !== right)
        .length;
    const counts = { total: own.length, gained: count(true), lost: count(false) };
    return { value: (counts.gained - counts.lost) / counts.total, interval: changeInterval(counts) };
  });
}
