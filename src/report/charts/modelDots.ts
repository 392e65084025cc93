import { comparisonName } from '../../experiments/outcomes.js';
import type { ModelSummary, RowOverModels } from '../../experiments/overModels.js';
import { summarizeSeeds } from '../../metrics/seeds.js';
import { criterionNamed, type CriterionName } from '../../neurons/criteria.js';
import type { PerturbationName } from '../../neurons/perturbations.js';
import type { Split } from '../../data/split.js';
import { fixed, percentRange, plural, points, pointsRange, SPLIT_NAME, typographic } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { PERTURBED } from '../views/perturbation.js';
import { BARS_OF_GROUPS, groupTick } from './axis.js';
import { errorBars } from './errorBars.js';
import type { ChartSpec } from './render.js';
import { BAND, INK, LOSS, TEST, TRAIN } from './theme.js';

/** Pixels of a bar. */
const BAR = 44;
/** Share of the axis that a number beyond a bar takes. */
const NUMBER_SHARE = 0.1;

/** A bar: of a group and a series, the models' values in percent or points. */
interface Bar {
  readonly group: GroupLabel;
  readonly series: string;
  readonly summary: Pick<ModelSummary, 'mean' | 'interval' | 'values'>;
}

/**
 * The charts of a figure over models: training and test accuracies (Fig. 1), and what perturbing neurons changes for the group that
 * they were chosen for, beside random neurons of the same layers. None of tables, nor of several standard deviations.
 *
 * @param kind the figure's name
 */
export function modelsCharts(
  kind: string,
  rows: readonly RowOverModels[],
  groups: readonly GroupLabel[],
): ChartSpec[] {
  if (!kind.startsWith('fig')) return [];
  const sigmas = new Set(rows.map(({ settings }) => settings.sigma ?? null));
  if (sigmas.size > 1) return [];
  const criteria = [...new Set(rows.map(({ settings }) => settings.criterion))];
  return criteria.flatMap((criterion) =>
    criterion === undefined
      ? accuracyChart(rows, groups)
      : changeChart(
          rows.filter(({ settings }) => settings.criterion === criterion),
          groups,
        ),
  );
}

/** Training and test accuracy of each group. */
function accuracyChart(rows: readonly RowOverModels[], groups: readonly GroupLabel[]): ChartSpec[] {
  const bars = groups.flatMap((group) =>
    (['train', 'test'] as const).flatMap((split) => {
      const row = rows.find(({ settings }) => settings.group === group.index && settings.split === split);
      const summary = row?.measures.accuracy;
      return summary ? [{ group, series: split === 'train' ? 'training' : 'test', summary }] : [];
    }),
  );
  if (bars.length === 0) return [];
  const text = ({ mean, interval }: Bar['summary']) =>
    `${fixed(100 * mean, 1)} %${interval ? `, 95 % interval ${percentRange(interval)}` : ''}`;
  return [
    barsOverModels(bars, groups, {
      title: 'Accuracy of each group',
      axis: 'accuracy (%)',
      domain: [0, 100],
      colors: { training: TRAIN, test: TEST },
      number: (mean) => fixed(100 * mean, 0),
      text,
    }),
  ];
}

/** What perturbing the neurons of one criterion changes for their own group: the most neurons that stand beside random ones. */
function changeChart(rows: readonly RowOverModels[], groups: readonly GroupLabel[]): ChartSpec[] {
  const excess = `${comparisonName('same-layers', 'accuracy')}Excess`;
  const own = rows.filter(
    ({ settings, measures }) =>
      settings.group !== null && settings.group === settings.chosenFor && measures.change,
  );
  const compared = own.filter(({ measures }) => measures[excess]);
  const chosen = compared.length > 0 ? compared : own;
  const k = Math.max(...chosen.map(({ settings }) => Number(settings.k)));
  const first = chosen.find(({ settings }) => settings.k === k);
  if (!first) return [];
  const { criterion, perturbation, split } = first.settings;
  const bars = groups.flatMap((group) => {
    const measures = chosen.find(
      ({ settings }) => settings.k === k && settings.group === group.index,
    )?.measures;
    const change = measures?.change;
    if (!change) return [];
    const beyond = measures[excess];
    return [
      { group, series: CHOSEN, summary: change },
      ...(beyond ? [{ group, series: RANDOM, summary: randomOf(change, beyond) }] : []),
    ];
  });
  const neurons = k === 1 ? 'the neuron' : `the ${k} neurons`;
  return [
    barsOverModels(bars, groups, {
      title: `${capitalized(PERTURBED[perturbation as PerturbationName].deed)} ${neurons} with the ${criterionNamed(criterion as CriterionName).largest}`,
      axis: `change of ${SPLIT_NAME[split as Split]} accuracy (points)`,
      colors: { [CHOSEN]: LOSS, [RANDOM]: BAND },
      number: (mean) => typographic(fixed(100 * mean, 1)),
      text: ({ mean, interval }) =>
        `${points(mean)} points${interval ? `, 95 % interval ${pointsRange(interval)}` : ''}`,
    }),
  ];
}

const CHOSEN = 'chosen for the group';
const RANDOM = 'random, of the same layers';

/** Mean changes by random neurons: what the chosen ones change less what that is beyond random ones. */
function randomOf(change: ModelSummary, beyond: ModelSummary): Bar['summary'] {
  const values = change.values.map((value, model) => value - (beyond.values[model] ?? Number.NaN));
  return { ...summarizeSeeds(values), values };
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

interface Look {
  readonly title: string;
  readonly axis: string;
  readonly domain?: readonly [number, number];
  /** By series, in the order of the bars. */
  readonly colors: Readonly<Record<string, string>>;
  /** What stands beyond a bar. */
  readonly number: (mean: number) => string;
  readonly text: (summary: Bar['summary']) => string;
}

/** Bars side by side for each group: means, 95 % intervals and a dot a model. */
function barsOverModels(bars: readonly Bar[], groups: readonly GroupLabel[], look: Look): ChartSpec {
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
      ...{ least: Math.min(...reach), most: Math.max(...reach) },
      end: mean < 0 ? Math.min(...reach) : Math.max(...reach),
      tip: `${bar.group.full}, ${bar.series}: ${look.text(bar.summary)}`,
    };
  });
  const dots = bars.flatMap((bar) =>
    bar.summary.values.map((value, model) => ({
      ...{ ...place(bar), value: 100 * value },
      tip: `${bar.group.full}, ${bar.series}, model ${model + 1} of ${models}: ${look.number(value)}`,
    })),
  );
  const least = Math.min(0, ...values.map((value) => value.least));
  const most = Math.max(0, ...values.map((value) => value.most));
  const room = (isBelow: boolean): number =>
    values.some((value) => value.isBelow === isBelow) ? NUMBER_SHARE * (most - least) : 0;
  const domain = look.domain ?? [least - room(true), most + room(false)];
  const series = Object.keys(look.colors).filter((name) => values.some((value) => value.series === name));
  const number = (isBelow: boolean) => ({
    transform: [{ filter: `datum.isBelow === ${isBelow}` }],
    mark: { type: 'text' as const, dy: isBelow ? 10 : -10, fontSize: 12, color: INK },
    encoding: { text: { field: 'number' }, y: { field: 'end', type: 'quantitative' as const } },
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
      width: groups.length * (series.length * BAR + 26),
      height: 260,
      data: { values },
      encoding: {
        x: { ...BARS_OF_GROUPS, axis: { ...BARS_OF_GROUPS.axis, orient: 'bottom' } },
        xOffset: { field: 'series', sort: series },
        y: {
          field: 'value',
          type: 'quantitative',
          scale: { domain: [...domain] },
          axis: { title: look.axis, tickCount: 5 },
        },
        description: { field: 'tip' },
      },
      layer: [
        {
          mark: { type: 'bar' },
          encoding: {
            color: {
              field: 'series',
              scale: { domain: series, range: series.map((name) => look.colors[name] ?? INK) },
              legend: { title: null, orient: 'top', symbolType: 'square' },
            },
          },
        },
        ...errorBars(),
        {
          data: { values: dots },
          mark: { type: 'circle', color: INK, opacity: 0.45, size: 26 },
        },
        ...[false, true].filter((below) => values.some(({ isBelow }) => isBelow === below)).map(number),
      ],
    },
  };
}
