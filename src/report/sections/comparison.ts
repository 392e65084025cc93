import type { ComparedRun, ComparisonResult } from '../../experiments/comparison.js';
import { numbers, type Table, withDetail } from '../../kit/table.js';
import type { RunReport, Show } from '../figure.js';
import { costsOf, countOf, worstGroupDifference } from '../figures/accuracy.js';
import { percentText, points, range, sideOf, signed } from '../format.js';
import { type Groups, starNote } from '../groupLabels.js';
import { html, htmlTable } from '../html/html.js';
import { plain } from '../text.js';

/** Retrainings of the run, side by side, and what each shows. */
export const showComparison: Show<RunReport> = ({ comparison }, groups) =>
  comparison && {
    id: 'comparison',
    title: 'Retraining after ERM',
    verdict: comparisonVerdict(comparison.runs, groups),
    prose: () =>
      html`${htmlTable(comparisonTable(comparison, groups))}
      ${comparison.runs.map(
        ({ title, shows }) => html`<p class="note"><strong>${plain(title)}</strong>: ${plain(shows)}</p>`,
      )}`,
  };

/** Returns one row per run: its worst group on validation and test, and every group's test accuracy. */
function comparisonTable({ runs }: ComparisonResult, groups: Groups): Table {
  const [reference] = runs;
  return {
    caption: `Test accuracy after retraining one run, on equal epochs: the worst group, its points above that of ${reference?.title ?? 'the first'}, the average, and each group.`,
    columns: [
      ...numbers('run', 'epochs', 'validation worst group', 'test worst group', 'difference', 'test average'),
      ...numbers(...groups.map(({ short }) => short)),
    ],
    rows: runs.map(({ title, epochs, val, test }, at) => [
      title,
      String(epochs),
      percentText(val.worstGroupAccuracy),
      withDetail(percentText(test.worstGroupAccuracy), `(${countOf(test, test.worstGroup)})`),
      at === 0 || !reference ? '' : points(test.worstGroupAccuracy - reference.test.worstGroupAccuracy),
      percentText(test.average),
      ...groups.map(({ index }) => percentText(test.accuracy[index])),
    ]),
    notes: [...runs.map(({ title, shows }) => `${title}: ${shows}`), ...starNote(groups)],
  };
}

/** Which runs' worst test group differs from the first run's by more than the interval of the difference. */
export function comparisonVerdict(
  [reference, ...others]: readonly Pick<ComparedRun, 'title' | 'test'>[],
  groups: Groups,
): string[] {
  if (!reference || others.length === 0) return [];
  const told = others.map(({ title, test }) => {
    const difference = worstGroupDifference(test, reference.test);
    return {
      text: `${title} (${signed(difference.value)}, ${range(difference.interval)})`,
      side: sideOf(difference),
    };
  });
  const list = (side: 'above' | 'below' | 'both', what: string): string[] => {
    const texts = told.filter((one) => one.side === side).map(({ text }) => text);
    return texts.length === 0 ? [] : [`${what} ${texts.join(', ')}`];
  };
  const parts = [
    ...list('above', 'raised by'),
    ...list('below', 'lowered by'),
    ...list('both', 'not shown to change by'),
  ];
  const costs = others.flatMap(({ title, test }, at) => {
    const fallen = told[at]?.side === 'above' ? costsOf(reference.test, test, groups) : [];
    return fallen.length === 0 ? [] : [`under ${title} ${fallen.join(', ')}`];
  });
  return [
    `Compared with ${reference.title}, the accuracy of the worst test group is ${parts.join('; ')}.${costs.length === 0 ? '' : ` Other groups pay: ${costs.join('; ')}.`}`,
    'Worst test groups of one run each: the intervals are over test examples, and runs with other seeds differ by more.',
  ];
}
