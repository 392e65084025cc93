import type { DatasetOptions } from '../../data/dataset.js';
import { type Split, SPLITS } from '../../data/split.js';
import { groupCell, type GroupLabel, type Table } from '../../kit/table.js';
import { accuracyEstimate, differenceOf, type Estimate, meanOf } from '../../metrics/intervals.js';
import { mean } from '../../metrics/statistics.js';
import type { TrainingResult } from '../../train/results.js';
import type { ReportDataset, Show } from '../figure.js';
import { fixed, percentText, range, size, SPLIT_NAME } from '../format.js';
import { groupLabels, type Groups } from '../groupLabels.js';
import { html, htmlTable } from '../html/html.js';

/** The difference in accuracy from which a network follows an attribute, and below which it hardly does. */
const MARGIN = 0.05;

/** How much better a network is where an attribute agrees with the class. */
interface Shortcut {
  readonly split: Split;
  /** The groups of the compared classes. */
  readonly agreeing: readonly number[];
  readonly others: readonly number[];
  /** Accuracy of agreeing groups minus that of the others, within a class, mean over classes. */
  readonly difference: Estimate;
  readonly verdict: 'follows' | 'leans' | 'hardly' | 'unclear' | 'against';
}

/**
 * Judges whether a network follows the attribute. An attribute value agrees with a class in which it is more frequent than in all training images.
 * Compared are the accuracies of agreeing and other groups within a class, in test, or in validation if test lacks one kind. With an
 * interval above 5 points the network follows it, above 0 it leans on it, within 5 points it hardly does, below 0 it does worse.
 *
 * @returns undefined if no class has both kinds, as without an attribute, and for ticks
 */
export function shortcutOf(
  result: Pick<TrainingResult, Split>,
  { counts: { train }, spuriousNames = [], ticks }: Pick<ReportDataset, 'counts' | 'spuriousNames' | 'ticks'>,
): Shortcut | undefined {
  const values = spuriousNames.length;
  // An image that is not ticked may have the attribute.
  if (values < 2 || ticks !== undefined) return undefined;
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  const agrees = train.map((count, group) => {
    const [y, a] = [Math.floor(group / values), group % values];
    const ofClass = sum(train.slice(y * values, (y + 1) * values));
    return count * sum(train) > ofClass * sum(train.filter((_, other) => other % values === a));
  });
  for (const split of ['test', 'val'] as const) {
    const { correct, total } = result[split];
    const classes = Array.from({ length: train.length / values }, (_, y) => {
      const measured = Array.from({ length: values }, (_value, a) => y * values + a).filter(
        (group) => (total[group] ?? 0) > 0,
      );
      return {
        agreeing: measured.filter((group) => agrees[group]),
        others: measured.filter((group) => agrees[group] === false),
      };
    }).filter(({ agreeing, others }) => agreeing.length > 0 && others.length > 0);
    if (classes.length === 0) continue;
    const accuracy = (groups: readonly number[]): Estimate =>
      meanOf(groups.map((group) => accuracyEstimate(correct[group] ?? 0, total[group] ?? 0)));
    const difference = meanOf(
      classes.map(({ agreeing, others }) => differenceOf(accuracy(agreeing), accuracy(others))),
    );
    const [low, high] = difference.interval;
    return {
      split,
      agreeing: classes.flatMap(({ agreeing }) => agreeing),
      others: classes.flatMap(({ others }) => others),
      difference,
      verdict:
        low > MARGIN
          ? 'follows'
          : low > 0
            ? 'leans'
            : high < 0
              ? 'against'
              : low > -MARGIN && high < MARGIN
                ? 'hardly'
                : 'unclear',
    };
  }
  return undefined;
}

/** Returns an attribute's name: the first word of all its values, a table's column, or CelebA's attribute. */
export function attributeName(values: readonly string[], options: DatasetOptions): string {
  const [first = ''] = values[0]?.split(' ') ?? [];
  if (values.every((value) => value.startsWith(`${first} `))) return first;
  const { format, spurious, columns } = options;
  if (format === 'waterbirds') return 'place';
  return spurious ?? (columns?.a !== undefined && columns.a.length > 1 ? columns.a : 'attribute');
}

/** Returns a run's data with what its options say of the attribute. */
export function withAttribute<Data extends { readonly spuriousNames: readonly string[] }>(
  data: Data,
  options: DatasetOptions,
) {
  return { ...data, attribute: attributeName(data.spuriousNames, options), ticks: options.ticks };
}

/** Returns the sentence on a shortcut: `Your network follows the digit: test accuracy is 100.0 and 99.6 % where ...`. */
export function shortcutVerdict(
  result: Pick<TrainingResult, Split>,
  dataset: Pick<ReportDataset, 'counts' | 'spuriousNames' | 'attribute' | 'ticks'>,
  groups: Groups,
): string[] {
  const found = shortcutOf(result, dataset);
  if (!found) return [];
  const { split, agreeing, others, difference, verdict } = found;
  const { attribute = 'attribute' } = dataset;
  const what = `the ${attribute}`;
  const { accuracy } = result[split];
  const list = (of: readonly number[]): string => {
    const shown = of.map((group) => fixed(100 * (accuracy[group] ?? Number.NaN), 1));
    const names = of.map((group) => groups[group]?.full ?? '');
    return of.length > 3
      ? `${fixed(100 * mean(of.map((group) => accuracy[group] ?? 0)), 1)} % on average over ${of.length} groups`
      : `${shown.join(' and ')} % {} (${names.join('; ')})`;
  };
  const [where, otherwise] = [list(agreeing), list(others)].map((text, at) => {
    const clause = at === 0 ? `where ${what} agrees with the class` : 'where it does not';
    return text.includes('{}') ? text.replace('{}', clause) : `${text} ${clause}`;
  });
  const numbers = `${SPLIT_NAME[split]} accuracy is ${where}, and ${otherwise}`;
  const distance = `within a class ${size(difference.value)} ${difference.value < 0 ? 'more' : 'less'} (${range(difference.interval)})`;
  const told = {
    follows: `Your network follows ${what}`,
    leans: `Your network leans on ${what}`,
    hardly: `Your network hardly follows ${what}`,
    against: `Your network does not follow ${what}, and is better where it disagrees with the class`,
    unclear: `It is not shown whether your network follows ${what}`,
  }[verdict];
  return [`${told}: ${numbers}, ${distance}.`];
}

/** Whether the network follows the attribute. */
export const showShortcut: Show = ({ result, dataset }, groups) => {
  const found = result && shortcutOf(result, dataset);
  return (
    found && {
      id: 'shortcut',
      title: 'Does it follow the attribute?',
      verdict: shortcutVerdict(result, dataset, groups),
      prose: () =>
        html`${htmlTable(shortcutTable(result, dataset, found))}
          <p class="note">
            An attribute value agrees with a class in which it is more frequent than in all training images.
            The network follows the attribute if the interval lies above 5 points, leans on it above 0, and
            hardly follows it within 5 points of 0. The interval is over the images of this one model.
          </p>`,
    }
  );
};

function shortcutTable(result: TrainingResult, dataset: ReportDataset, found: Shortcut): Table {
  const labels = groupLabels(dataset);
  const groups = [...found.agreeing, ...found.others].sort((a, b) => a - b);
  return {
    caption: 'Accuracy where the attribute agrees with the class, and where it does not.',
    columns: [
      { name: 'Group' },
      { name: 'attribute', text: true },
      ...SPLITS.map((split) => ({ name: SPLIT_NAME[split] })),
    ],
    rows: groups.map((group) => [
      groupCell(labels[group] as GroupLabel),
      found.agreeing.includes(group) ? 'agrees' : 'does not',
      ...SPLITS.map((split) => percentText(result[split].accuracy[group])),
    ]),
  };
}
