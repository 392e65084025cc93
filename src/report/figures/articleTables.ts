import type { Split } from '../../data/split.js';
import type { TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';
import { mean } from '../../metrics/statistics.js';
import { placeText } from '../../neurons/neuron.js';
import { isDrawn, PERTURBATION_NAMES } from '../../neurons/perturbations.js';
import type { Figure, FigureSource, Section } from '../figure.js';
import { articleName, fixed, MISSING, percent, plural, points, signed, SPLIT_NAME } from '../format.js';
import type { Groups } from '../groupLabels.js';
import { chartFigure, folded, html, htmlTable, type Markup } from '../html/html.js';
import { numbers, type Table, texts } from '../table.js';
import { perturbed, zeroed } from '../traces/needs.js';
import { changeOfGroup, MARK, MARKED_P } from '../traces/tests.js';
import { manyNeuronsCharts, type ViewChart } from './changes/charts.js';
import { selectionTable, traceRows } from './changes/tables.js';
import { hasManyKs, ownChange, PERTURBED, seedsNote, type TraceView, traceView } from './changes/view.js';

/** The article's numbers of neurons but in Table 3. */
const FEW = 3;
const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** One of the article's Tables 3, 11, 13 and 14. */
interface ArticleTable {
  readonly name: string;
  readonly title: string;
  /** A column for each group and split. */
  readonly splits: readonly Split[];
  /** Accuracies in percent under those of the unchanged model, instead of changes in points. */
  readonly hasAccuracies?: boolean;
  /** Zeroing alone up to any number of neurons, instead of every perturbation of few. */
  readonly isMany?: boolean;
}

const BOTH = ['train', 'test'] as const;
const TABLE3: ArticleTable = {
  name: 'table3',
  title: 'Zeroing up to ten neurons',
  splits: ['train'],
  isMany: true,
};
/** Figs 2, 4 and 5 in numbers: in the article on CelebA, here on the dataset of the run. */
const TABLE11: ArticleTable = { name: 'table11', title: 'Changes of training accuracy', splits: ['train'] };
const TABLE13: ArticleTable = {
  name: 'table13',
  title: 'Changes of training and test accuracy',
  splits: BOTH,
};
const TABLE14: ArticleTable = {
  name: 'table14',
  title: 'Training and test accuracy',
  splits: BOTH,
  hasAccuracies: true,
};

function tableFigure(table: ArticleTable): Figure {
  return {
    name: table.name,
    title: table.title,
    needs: { traces: table.isMany === true ? [zeroed('train', TEN, [])] : table.splits.flatMap(perturbed) },
    show: ({ traces, dataset }, groups) => {
      const filled = articleTable(table, traces, groups);
      return {
        id: table.name,
        title: table.title,
        charts: table === TABLE3 ? table3Charts(traces.map(traceView), groups) : [],
        tables: filled ? [filled] : [],
        data: {
          name: table.name,
          rows: traces.flatMap((trace) => traceRows(traceView(trace), dataset.groupNames)),
        },
      };
    },
    sections: [showTables, showNeurons],
  };
}

export const table3 = tableFigure(TABLE3);
export const table11 = tableFigure(TABLE11);
export const table13 = tableFigure(TABLE13);
export const table14 = tableFigure(TABLE14);

/** The article's tables, as far as the traces hold them, with Table 3 drawn as well. */
function showTables({ traces }: FigureSource, groups: Groups): Section | undefined {
  const charts = table3Charts(traces.map(traceView), groups);
  // With one perturbation, Table 11 would repeat its figure.
  const isRepeated = new Set(traces.map(({ perturbation }) => perturbation)).size < 2;
  const shown = [TABLE3, ...(isRepeated ? [] : [TABLE11]), TABLE13, TABLE14].flatMap((table) => {
    const filled = articleTable(table, traces, groups);
    return filled ? [{ number: table.name.replace('table', ''), filled }] : [];
  });
  const section = { id: 'tables', title: shown.length === 1 ? 'Table' : 'Tables', charts };
  if (shown.length === 0) return section;
  return {
    ...section,
    title: `${section.title} ${shown.map(({ number }) => number).join(', ')}`,
    verdict: tablesVerdict(traces, groups),
    prose: (drawn) =>
      html`<p>
          As in the article, each group beside the neurons that were chosen for it. Signed, where the article
          gives sizes.
        </p>
        ${shown.flatMap(({ filled }) => filled.notes ?? []).map((note) => html`<p>${note}</p>`)}
        ${charts
          .filter(({ view }) => view.trace.perturbation === 'zero')
          .map((chart) => chartFigure(drawn(chart)))}
        ${shown.map(({ filled }) => folded(filled.caption, htmlTable(filled)))}`,
  };
}

/** Table 3 as charts. The article zeroes many neurons; another perturbation of many is drawn likewise. */
function table3Charts(views: readonly TraceView[], groups: Groups): ViewChart[] {
  return PERTURBATION_NAMES.flatMap((perturbation) =>
    manyNeuronsCharts(
      perturbation === 'zero' ? 'table3' : `table3-${perturbation}`,
      views.filter(({ trace }) => trace.perturbation === perturbation),
      groups,
    ),
  );
}

/** The changes of groups under their own neurons, by kind of group: on the mean over criteria and numbers of neurons. */
function tablesVerdict(traces: readonly TraceUnstructuredResult[], groups: Groups): string[] {
  return traces.flatMap(({ entries, split, perturbation }) => {
    const changes = (minority: boolean): number[] =>
      entries
        .filter((entry) => isInTables(entry) && groups[entry.group]?.minority === minority)
        .map(ownChange)
        .filter(Number.isFinite);
    const [minority, majority] = [changes(true), changes(false)];
    if (minority.length === 0 || majority.length === 0) return [];
    return [
      `With neurons ${PERTURBED[perturbation].participle}, minority groups change by ${signed(mean(minority))} of ${SPLIT_NAME[split]} accuracy under their own, majority groups by ${signed(mean(majority))}, on the mean over all rows.`,
    ];
  });
}

/** Each group's accuracy, or its change in points, under its own neurons; undefined where the traces do not hold it. */
function articleTable(
  table: ArticleTable,
  traces: readonly TraceUnstructuredResult[],
  groups: Groups,
): Table | undefined {
  const { splits, isMany = false, hasAccuracies = false } = table;
  const rows = rowsOf(table, traces, groups);
  const most = Math.max(...traces.flatMap(({ entries }) => entries.map(({ k }) => k)));
  if (rows.length === 0 || (isMany && most <= FEW)) return undefined;
  const unchanged = groups.flatMap(({ index }) =>
    splits.map((split) => percent(traces.find((trace) => trace.split === split)?.baseline.accuracy[index])),
  );
  return {
    caption: captionWith(table, rows),
    columns: [
      ...numbers(...(isMany ? [] : ['perturbation'])),
      ...texts('criterion'),
      ...numbers(
        'k',
        ...groups.flatMap(({ short }) =>
          splits.map((split) => (splits.length === 1 ? short : `${short} ${SPLIT_NAME[split]}`)),
        ),
      ),
    ],
    rows: hasAccuracies ? [['none', '', '', ...unchanged], ...rows] : rows,
    ...(table === TABLE13 ? { notes: marginsBefore(traces, groups) } : {}),
  };
}

/** Where margins start in training and test, without which Table 13 cannot be read as memory. */
function marginsBefore(traces: readonly TraceUnstructuredResult[], groups: Groups): string[] {
  const starts = BOTH.map((split) => traces.find((trace) => trace.split === split)?.baselineMargin);
  if (!starts.every((start) => start)) return [];
  const ofGroups = groups.map(
    ({ short, index }) => `${short} ${starts.map((start) => fixed(start?.[index], 2)).join(' and ')}`,
  );
  return [
    `Mean margins before, in logits, in training and in test: ${ofGroups.join(', ')}. Where a group starts higher in training, it has more to lose there, whatever is perturbed.`,
  ];
}

function captionWith(
  { name, hasAccuracies = false }: ArticleTable,
  rows: readonly (readonly string[])[],
): string {
  const isMarked = rows.some((row) => row.some((cell) => cell.endsWith(MARK)));
  return [
    `${articleName(name)}: ${hasAccuracies ? 'accuracy of each group in percent' : 'change of each group’s accuracy in points'}, `,
    'its own neurons perturbed',
    rows.some(([kind]) => kind === 'reinit' || kind === 'noise') ? ` (σ = ${ARTICLE_SIGMA})` : '',
    isMarked ? `; ${MARK} p ≤ ${MARKED_P} against random neurons` : '',
  ].join('');
}

function rowsOf(
  { splits, hasAccuracies = false, isMany = false }: ArticleTable,
  traces: readonly TraceUnstructuredResult[],
  groups: Groups,
): string[][] {
  const perturbations = new Set(traces.map(({ perturbation }) => perturbation));
  return [...perturbations].flatMap((perturbation) => {
    const ofSplits = splits.flatMap(
      (split) => traces.find((trace) => trace.perturbation === perturbation && trace.split === split) ?? [],
    );
    const isComplete = ofSplits.length === splits.length && (!isMany || perturbation === 'zero');
    return settings(isComplete ? (ofSplits[0]?.entries ?? []) : [])
      .filter(({ k }) => isMany || k <= FEW)
      .map(({ criterion, k, sigma }) => [
        ...(isMany ? [] : [perturbation]),
        criterion,
        String(k),
        ...groups.flatMap(({ index }) =>
          ofSplits.map(({ entries }) => {
            const entry = entries.find(
              (one) =>
                one.criterion === criterion && one.k === k && one.sigma === sigma && one.group === index,
            );
            if (!entry) return MISSING;
            if (hasAccuracies) return percent(entry.accuracy[index]);
            const { change, marked } = changeOfGroup(entry);
            return `${points(change)}${marked ? ` ${MARK}` : ''}`;
          }),
        ),
      ]);
  });
}

/** Whether the article's tables have a trace's entry: of several standard deviations, that of the article. */
function isInTables({ sigma }: TraceEntry): boolean {
  return sigma === null || sigma === ARTICLE_SIGMA;
}

/** Criteria, then k: each once. */
function settings(entries: readonly TraceEntry[]): Pick<TraceEntry, 'criterion' | 'k' | 'sigma'>[] {
  const kept = entries.filter(isInTables);
  const seen = new Map(kept.map((entry) => [`${entry.criterion} ${entry.k}`, entry]));
  return [...seen.values()].sort((a, b) => a.criterion.localeCompare(b.criterion) || a.k - b.k);
}

/** The chosen neurons with their scores, and the numbers behind Figs 2, 4 and 5. */
function showNeurons({ traces }: FigureSource, groups: Groups): Section | undefined {
  const shown = traces.map(traceView).filter(({ views }) => views.length > 0);
  const [first] = shown;
  if (!first) return undefined;
  const isLong = shown.some(({ views }) => views.some(hasManyKs));
  return {
    id: 'neurons',
    title: 'Chosen neurons',
    verdict: neuronsVerdict(first.trace),
    prose: () =>
      html`<p>
          ${
            first.trace.unit === 'weight'
              ? 'A single weight is written layer[number], its place in the layer’s flattened weights. Its score is the size of its gradient or of itself.'
              : 'A neuron is written layer[number]: an output channel of a convolution, or a row of a linear layer. Its score is the l2 norm of its weights’ gradient or of its weights.'
          }
          A row with more neurons adds the last ones to those above. Changes are in points; the group that the
          neurons were chosen for is bold.
        </p>
        ${shown.map(({ trace, views }, at) => {
          const tables = views.map((view) => htmlTable(selectionTable(view, groups)));
          return at === 0 && !isLong ? tables : foldedTrace(trace, tables);
        })}`,
  };
}

/** The tables of a trace, folded away: long ones, and the same neurons under another perturbation or on another split. */
function foldedTrace(trace: TraceUnstructuredResult, tables: readonly Markup[]): Markup {
  const note = isDrawn(trace.perturbation) ? ` (${seedsNote(trace)})` : '';
  return folded(
    `Neurons ${PERTURBED[trace.perturbation].participle}${note}, ${SPLIT_NAME[trace.split]} accuracy`,
    tables,
  );
}

/** How many neurons were chosen in all, and where most of them are. */
function neuronsVerdict({ entries, numNeurons, unit }: TraceUnstructuredResult): string[] {
  const layerOf = new Map(
    entries.flatMap(({ neurons }) => neurons.map((neuron) => [placeText(neuron), neuron.layer] as const)),
  );
  if (layerOf.size === 0) return [];
  const counts = new Map<string, number>();
  for (const layer of layerOf.values()) counts.set(layer, (counts.get(layer) ?? 0) + 1);
  const [layer, most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  const units = unit === 'weight' ? 'single weight' : 'neuron';
  return [
    `All groups and criteria together chose ${plural(layerOf.size, `distinct ${units}`)} of ${numNeurons}, in ${plural(counts.size, 'layer')}; ${layer} has the most, ${most}.`,
  ];
}
