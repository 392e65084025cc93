import type { Split } from '../../data/split.js';
import { comparisonName } from '../../experiments/outcomes.js';
import { distinct, numberOf, type Row } from '../../kit/rows.js';
import { valuesOf } from '../../kit/summarize.js';
import type { Interval } from '../../metrics/intervals.js';
import { summarizeSeeds } from '../../metrics/seeds.js';
import { type CriterionName, criterionNamed } from '../../neurons/criteria.js';
import type { PerturbationName } from '../../neurons/perturbations.js';
import { PERTURBED } from '../figures/changes/view.js';
import {
  capitalized,
  fixed,
  intervalText,
  plural,
  points,
  pointsRange,
  SPLIT_NAME,
  typographic,
} from '../format.js';
import { type GroupLabel, type Groups, starNote } from '../groupLabels.js';
import { groupedBars, groupTick, quantitative } from '../vega/axes.js';
import type { ChartSpec, NamedChart } from '../vega/render.js';
import { BAND, INK, LOSS, TEST, TRAIN } from '../vega/theme.js';

/** Pixels of a bar. */
const BAR = 44;
/** Share of the axis that a number beyond a bar takes. */
const NUMBER_SHARE = 0.1;

/** A bar: of a group and a series, the models' values in percent or points. */
interface Bar {
  readonly group: GroupLabel;
  readonly series: string;
  readonly summary: {
    readonly mean: number;
    readonly interval: Interval | null;
    readonly values: readonly number[];
  };
}

/**
 * The charts of a figure (`kind`) over models: training and test accuracies (Fig. 1), and each group's change under its own neurons,
 * beside random neurons of the same layers. None of tables, nor of several standard deviations.
 */
export function modelsCharts(kind: string, rows: readonly Row[], groups: Groups): NamedChart[] {
  if (!kind.startsWith('fig')) return [];
  if (distinct(rows, 'sigma').length > 1) return [];
  return distinct(rows, 'criterion').flatMap((criterion) => {
    const ofCriterion = rows.filter((row) => (row.criterion ?? null) === criterion);
    const chart = criterion === null ? accuracyChart(rows, groups) : changeChart(ofCriterion, groups);
    return chart ? [{ name: criterion === null ? kind : `${kind}-${String(criterion)}`, ...chart }] : [];
  });
}

/** A row's measure over models; undefined if it was not measured. */
function summaryOf(row: Row | undefined, measure: string): Bar['summary'] | undefined {
  const [mean, low, high] = ['', 'Low', 'High'].map((end) => numberOf(row, `${measure}${end}`)) as [
    number,
    number,
    number,
  ];
  if (row === undefined || Number.isNaN(mean)) return undefined;
  return { mean, interval: Number.isNaN(low) ? null : [low, high], values: valuesOf(row, measure) };
}

function accuracyChart(rows: readonly Row[], groups: Groups): ChartSpec | undefined {
  const bars = groups.flatMap((group) =>
    (['train', 'test'] as const).flatMap((split) => {
      const row = rows.find((one) => one.group === group.index && one.split === split);
      const summary = summaryOf(row, 'accuracy');
      return summary ? [{ group, series: split === 'train' ? 'training' : 'test', summary }] : [];
    }),
  );
  if (bars.length === 0) return undefined;
  return barsOverModels(bars, groups, {
    title: 'Accuracy of each group',
    axis: 'accuracy (%)',
    domain: [0, 100],
    colors: { training: TRAIN, test: TEST },
    number: (mean) => fixed(100 * mean, 0),
    text: ({ mean, interval }) => `${fixed(100 * mean, 1)} %${intervalText(interval)}`,
  });
}

/** The changes of groups under their own neurons by one criterion: the most neurons that stand beside random ones. */
function changeChart(rows: readonly Row[], groups: Groups): ChartSpec | undefined {
  const excess = `${comparisonName('same-layers', 'accuracy')}Excess`;
  const own = rows.filter(
    (row) => row.group !== null && row.group === row.chosenFor && summaryOf(row, 'change'),
  );
  const compared = own.filter((row) => summaryOf(row, excess));
  const chosen = compared.length > 0 ? compared : own;
  const k = Math.max(...chosen.map((row) => numberOf(row, 'k')));
  const first = chosen.find((row) => row.k === k);
  if (!first) return undefined;
  const { criterion, perturbation, split } = first;
  const bars = groups.flatMap((group) => {
    const row = chosen.find((one) => one.k === k && one.group === group.index);
    const change = summaryOf(row, 'change');
    if (!change) return [];
    const beyond = summaryOf(row, excess);
    return [
      { group, series: CHOSEN, summary: change },
      ...(beyond ? [{ group, series: RANDOM, summary: randomOf(change, beyond) }] : []),
    ];
  });
  const neurons = k === 1 ? 'the neuron' : `the ${k} neurons`;
  return barsOverModels(bars, groups, {
    title: `${capitalized(PERTURBED[perturbation as PerturbationName].gerund)} ${neurons} with the ${criterionNamed(criterion as CriterionName).largest}`,
    axis: `change of ${SPLIT_NAME[split as Split]} accuracy (points)`,
    colors: { [CHOSEN]: LOSS, [RANDOM]: BAND },
    number: (mean) => typographic(fixed(100 * mean, 1)),
    text: ({ mean, interval }) => `${points(mean)} points${intervalText(interval, pointsRange)}`,
  });
}

const CHOSEN = 'chosen for the group';
const RANDOM = 'random, of the same layers';

/** Mean changes by random neurons: what the chosen ones change less what that is beyond random ones. */
function randomOf(change: Bar['summary'], beyond: Bar['summary']): Bar['summary'] {
  const values = change.values.map((value, model) => value - (beyond.values[model] ?? Number.NaN));
  return { ...summarizeSeeds(values), values };
}

interface Look {
  readonly title: string;
  readonly axis: string;
  readonly domain?: readonly [number, number];
  /** By series, in the order of the bars. */
  readonly colors: Readonly<Record<string, string>>;
  /** The number beyond a bar. */
  readonly number: (mean: number) => string;
  readonly text: (summary: Bar['summary']) => string;
}

/** Bars side by side for each group: means, 95 % intervals and a dot a model. */
function barsOverModels(bars: readonly Bar[], groups: Groups, look: Look): ChartSpec {
  const models = bars[0]?.summary.values.length ?? 0;
  const hasIntervals = bars.some(({ summary }) => summary.interval !== null);
  const place = ({ group, series }: Bar) => ({ group: groupTick(group), series });
  const values = bars.map((bar) => {
    const { mean, interval, values: ofModels } = bar.summary;
    const reach = [mean, ...ofModels, ...(interval ?? [])].map((value) => 100 * value);
    return {
      ...place(bar),
      value: 100 * mean,
      ...(interval ? { low: 100 * interval[0], high: 100 * interval[1] } : {}),
      number: look.number(mean),
      isBelow: mean < 0,
      least: Math.min(...reach),
      most: Math.max(...reach),
      end: mean < 0 ? Math.min(...reach) : Math.max(...reach),
      tip: `${bar.group.full}, ${bar.series}: ${look.text(bar.summary)}`,
    };
  });
  const dots = bars.flatMap((bar) =>
    bar.summary.values.map((value, model) => ({
      ...place(bar),
      value: 100 * value,
      tip: `${bar.group.full}, ${bar.series}, model ${model + 1} of ${models}: ${look.number(value)}`,
    })),
  );
  const least = Math.min(0, ...values.map((value) => value.least));
  const most = Math.max(0, ...values.map((value) => value.most));
  const room = (isBelow: boolean): number =>
    values.some((value) => value.isBelow === isBelow) ? NUMBER_SHARE * (most - least) : 0;
  const domain = look.domain ?? ([least - room(true), most + room(false)] as const);
  const colors = Object.fromEntries(
    Object.entries(look.colors).filter(([name]) => values.some(({ series }) => series === name)),
  );
  const number = (isBelow: boolean) => ({
    transform: [{ filter: `datum.isBelow === ${isBelow}` }],
    mark: { type: 'text' as const, dy: isBelow ? 10 : -10, fontSize: 12, color: INK },
    encoding: { text: { field: 'number' }, y: quantitative('end') },
  });
  return {
    label: `Bar chart, ${look.title}: ${values.map(({ tip }) => tip).join('; ')}`,
    spec: {
      title: {
        text: look.title,
        subtitle: [
          [`${plural(models, 'model')}: bars are means, dots models`, ...starNote(groups)].join('; '),
          ...(hasIntervals ? ['error bars: 95 % interval over models'] : []),
        ],
      },
      ...groupedBars(
        {
          width: groups.length * (Object.keys(colors).length * BAR + 26),
          values,
          colors,
          axis: look.axis,
          domain,
        },
        [
          { data: { values: dots }, mark: { type: 'circle' as const, color: INK, opacity: 0.45, size: 26 } },
          ...[false, true].filter((below) => values.some(({ isBelow }) => isBelow === below)).map(number),
        ],
      ),
    },
  };
}
