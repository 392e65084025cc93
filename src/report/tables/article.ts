import type { Split } from '../../data/split.js';
import type { TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import { articleName, percent, points, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { changeOfGroup, MARK, MARKED_P } from '../views/measuredChange.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import type { Table } from './table.js';

/** The article's numbers of neurons but in Table 3. */
const FEW = 3;

/** What one of the article's Tables 3, 11, 13 and 14 sets beside each other. */
export interface ArticleTable {
  /** Such as `table3`. */
  readonly name: string;
  /** A column for each group and split. */
  readonly splits: readonly Split[];
  /** Changes in points, or accuracies in percent under those of the unchanged model. */
  readonly shows: 'change' | 'accuracy';
  /** Every perturbation up to three neurons, or zeroing alone up to any number. */
  readonly perturbed: 'few' | 'many zeroed';
}

/**
 * A table of the article: each group's accuracy, or its change in points, when the neurons chosen for that group are
 * perturbed.
 *
 * @param traces unstructured traces of one run
 * @returns undefined where the traces do not hold what it shows
 */
export function articleTable(
  table: ArticleTable,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): Table | undefined {
  const { splits } = table;
  const rows = rowsOf(table, traces, groups);
  const isMany = table.perturbed === 'many zeroed';
  const most = Math.max(...traces.flatMap(({ entries }) => entries.map(({ k }) => k)));
  if (rows.length === 0 || (isMany && most <= FEW)) return undefined;
  return {
    caption: captionWith(table, rows),
    columns: [
      ...(isMany ? [] : [{ name: 'perturbation' }]),
      { name: 'criterion', text: true },
      { name: 'k' },
      ...groups.flatMap(({ short }) =>
        splits.map((split) => ({ name: splits.length === 1 ? short : `${short} ${SPLIT_NAME[split]}` })),
      ),
    ],
    rows: table.shows === 'accuracy' ? [baselineRow(traces, splits, groups), ...rows] : rows,
  };
}

function captionWith({ name, shows }: ArticleTable, rows: readonly (readonly string[])[]): string {
  const isMarked = rows.some((row) => row.some((cell) => cell.endsWith(MARK)));
  return [
    `${articleName(name)}: ${shows === 'accuracy' ? 'accuracy of each group in percent' : 'change of each group’s accuracy in points'}, `,
    'its own neurons perturbed',
    rows.some(([kind]) => kind === 'reinit' || kind === 'noise') ? ` (σ = ${ARTICLE_SIGMA})` : '',
    isMarked ? `; ${MARK} p ≤ ${MARKED_P} against random neurons` : '',
  ].join('');
}

function rowsOf(
  { splits, shows, perturbed }: ArticleTable,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): string[][] {
  const isMany = perturbed === 'many zeroed';
  const complete = [...new Set(traces.map(({ perturbation }) => perturbation))].filter(
    (perturbation) =>
      (!isMany || perturbation === 'zero') &&
      splits.every((split) =>
        traces.some((trace) => trace.perturbation === perturbation && trace.split === split),
      ),
  );
  return complete.flatMap((perturbation) => {
    const ofSplits = splits.map((split) =>
      traces.find((trace) => trace.perturbation === perturbation && trace.split === split),
    ) as TraceUnstructuredResult[];
    return settings(ofSplits[0]?.entries ?? [])
      .filter(({ k }) => isMany || k <= FEW)
      .map(({ criterion, k, sigma }) => [
        ...(isMany ? [] : [perturbation]),
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
            if (shows === 'accuracy') return percent(entry?.accuracy[index] ?? Number.NaN);
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
