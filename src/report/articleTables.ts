import type { Split } from '../data/split.js';
import type { TraceEntry, TraceUnstructuredResult } from '../experiments/results.js';
import { percent, points, SPLIT_NAME } from './format.js';
import type { GroupLabel } from './groups.js';
import { changeOfGroup, MARK, MARKED_P } from './measuredChange.js';
import { ARTICLE_SIGMA } from './perturbation.js';

/** The article's tables of Part I. */
export const ARTICLE_TABLES = ['table3', 'table11', 'table13', 'table14'] as const;
export type ArticleTableName = (typeof ARTICLE_TABLES)[number];

/** A table as text: its columns, and its rows from the first column on. */
export interface ArticleTable {
  readonly name: ArticleTableName;
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const SPLITS_OF: Readonly<Record<ArticleTableName, readonly Split[]>> = {
  table3: ['train'],
  table11: ['train'],
  table13: ['train', 'test'],
  table14: ['train', 'test'],
};

/**
 * One of the article's Tables 3, 11, 13 and 14: each group's accuracy, or its change in points, when the neurons chosen for
 * that group are perturbed.
 *
 * @param traces unstructured traces of one run
 * @returns undefined where the traces do not hold what it shows
 */
export function articleTable(
  name: ArticleTableName,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): ArticleTable | undefined {
  const splits = SPLITS_OF[name];
  const rows = rowsOf(name, traces, splits, groups);
  const isTable3 = name === 'table3';
  const most = Math.max(...traces.flatMap(({ entries }) => entries.map(({ k }) => k)));
  if (rows.length === 0 || (isTable3 && most <= 3)) return undefined;
  return {
    name,
    caption: captionOf(name, rows),
    columns: [
      ...(isTable3 ? [] : ['perturbation']),
      'criterion',
      'k',
      ...groups.flatMap(({ short }) =>
        splits.map((split) => (splits.length === 1 ? short : `${short} ${SPLIT_NAME[split]}`)),
      ),
    ],
    rows: name === 'table14' ? [baselineRow(traces, splits, groups), ...rows] : rows,
  };
}

function captionOf(name: ArticleTableName, rows: readonly (readonly string[])[]): string {
  const isMarked = rows.some((row) => row.some((cell) => cell.endsWith(MARK)));
  return [
    `Table ${name.slice(5)}: ${name === 'table14' ? 'accuracy of each group in percent' : 'change of each group’s accuracy in points'}, `,
    'its own neurons perturbed',
    rows.some(([kind]) => kind === 'reinit' || kind === 'noise') ? ` (σ = ${ARTICLE_SIGMA})` : '',
    isMarked ? `; ${MARK} p ≤ ${MARKED_P} against random neurons` : '',
  ].join('');
}

function rowsOf(
  name: ArticleTableName,
  traces: readonly TraceUnstructuredResult[],
  splits: readonly Split[],
  groups: readonly GroupLabel[],
): string[][] {
  const isTable3 = name === 'table3';
  const complete = [...new Set(traces.map(({ perturbation }) => perturbation))].filter(
    (perturbation) =>
      (!isTable3 || perturbation === 'zero') &&
      splits.every((split) =>
        traces.some((trace) => trace.perturbation === perturbation && trace.split === split),
      ),
  );
  return complete.flatMap((perturbation) => {
    const ofSplits = splits.map((split) =>
      traces.find((trace) => trace.perturbation === perturbation && trace.split === split),
    ) as TraceUnstructuredResult[];
    return settings(ofSplits[0]?.entries ?? [])
      .filter(({ k }) => isTable3 || k <= 3)
      .map(({ criterion, k, sigma }) => [
        ...(isTable3 ? [] : [perturbation]),
        criterion,
        String(k),
        ...groups.flatMap(({ index }) =>
          ofSplits.map((trace) => {
            const entry = trace.entries.find(
              (other) =>
                other.criterion === criterion &&
                other.k === k &&
                other.sigma === sigma &&
                other.group === index,
            );
            if (name === 'table14') return percent(entry?.accuracy[index] ?? Number.NaN);
            if (!entry) return points(Number.NaN);
            const { change, marked } = changeOfGroup(entry, index);
            return `${points(change)}${marked ? ` ${MARK}` : ''}`;
          }),
        ),
      ]);
  });
}

/** Criteria, then k: each once. */
function settings(entries: readonly TraceEntry[]): Pick<TraceEntry, 'criterion' | 'k' | 'sigma'>[] {
  const kept = entries.filter(({ sigma }) => sigma === null || sigma === ARTICLE_SIGMA);
  const seen = new Map(kept.map((entry) => [`${entry.criterion} ${entry.k}`, entry]));
  return [...seen.values()].sort((a, b) =>
    a.criterion < b.criterion ? -1 : a.criterion > b.criterion ? 1 : a.k - b.k,
  );
}

function baselineRow(
  traces: readonly TraceUnstructuredResult[],
  splits: readonly Split[],
  groups: readonly GroupLabel[],
): string[] {
  return [
    'none',
    '',
    '',
    ...groups.flatMap(({ index }) =>
      splits.map((split) => {
        const trace = traces.find((other) => other.split === split);
        return percent(trace?.baseline.accuracy[index] ?? Number.NaN);
      }),
    ),
  ];
}
