import { SPLITS } from '../../../data/split.js';
import type { GroupAccuracies } from '../../../metrics/groups.js';
import { accuracyEstimate, differenceOf, type Estimate } from '../../../metrics/intervals.js';
import type { TrainingResult } from '../../../train/results.js';
import { selectionWords } from '../../../train/selection.js';
import type { Figure, FigureRow, FigureSource, RunReport, Section } from '../../figure.js';
import { percentText, plural, range, sideOf, signed, size } from '../../format.js';
import { type Groups, groupsOfKind, smallestGroup } from '../../groupLabels.js';
import { chartFigure, html, htmlTable } from '../../html/html.js';
import { estimateColumns } from '../../rows.js';
import { groupBars } from './groupBars.js';
import {
  accuracyTable,
  beforeAfterTable,
  countOf,
  publishedAccuracyTable,
  publishedGainTable,
} from './tables.js';

/** Group accuracies of the selected checkpoint (article, Fig. 1). */
export const fig1: Figure = {
  name: 'fig1',
  title: 'Training and test accuracy of each group',
  needs: { results: ['result'] },
  show: showAccuracies,
  sections: [showAccuracies, showBeforeAfter],
};

function showAccuracies({ result, dataset }: FigureSource, groups: Groups): Section | undefined {
  if (!result) return undefined;
  const chart = { name: 'fig1', ...groupBars(result, groups) };
  const table = accuracyTable(result, groups);
  const beside = publishedAccuracyTable(dataset, result, groups);
  return {
    id: 'accuracy',
    title: 'Group accuracies (Fig. 1)',
    verdict: accuracyVerdict(result, groups),
    charts: [chart],
    tables: [table],
    data: { name: 'fig1', rows: accuracyRows(result, dataset.groupNames) },
    prose: (drawn) =>
      html`<div class="charts">
          ${chartFigure(drawn(chart))}
          <div class="beside">
            <p>
              ${
                result.epochs === 0
                  ? 'The checkpoint,'
                  : `The checkpoint of epoch ${result.bestEpoch}, ${result.select === 'last' ? 'the last' : `which has the best ${selectionWords(result.select)}`} of ${plural(result.epochs, 'epoch')},`
              }
              evaluated once on every split in evaluation mode.
            </p>
            <p>${smallestGroup(result.train.total, groups, 'training')}</p>
            <p>${smallestGroup(result.test.total, groups, 'test')}</p>
            <p>This is one run: its numbers do not show the spread over seeds.</p>
          </div>
        </div>
        ${htmlTable(table)} ${beside && htmlTable(beside)}`,
  };
}

/** Test accuracies of the run that this one started from, and of this one (article, Fig. 6). */
function showBeforeAfter(
  { before, result: after, dataset, arch }: RunReport,
  groups: Groups,
): Section | undefined {
  if (!before || !after) return undefined;
  const beside = publishedGainTable(dataset, arch, before, after);
  return {
    id: 'before-after',
    title: 'Before and after (Fig. 6)',
    verdict: beforeAfterVerdict(before, after),
    prose: () =>
      html`${htmlTable(beforeAfterTable(before, after, groups))} ${beside && htmlTable(beside)}
        <p class="note">
          ${smallestGroup(after.test.total, groups, 'test')} This is one run: a claim needs several seeds, and
          controls that lack a part of the method.
        </p>`,
  };
}

function accuracyRows(result: TrainingResult, groupNames: readonly string[]): FigureRow[] {
  return SPLITS.flatMap((split) =>
    groupNames.map((name, group) => {
      const { correct, total, accuracy, interval } = result[split];
      return {
        split,
        group,
        name,
        correct: correct[group] ?? null,
        total: total[group] ?? null,
        ...estimateColumns('accuracy', accuracy[group], interval[group]),
      };
    }),
  );
}

/** Whether minority groups lose more from training to test than majority groups (article, Fig. 1), and the worst group. */
export function accuracyVerdict(result: TrainingResult, groups: Groups): string[] {
  const [minority, majority] = [groupsOfKind(groups, true), groupsOfKind(groups, false)];
  const sentences = [];
  if (minority.length > 0 && majority.length > 0) {
    const more = differenceOf(lossOf(result, minority), lossOf(result, majority));
    const over = 'over the examples of this one model';
    // None where training has no example of them.
    const isKnown = Number.isFinite(more.value);
    if (isKnown)
      sentences.push(
        {
          above: `From training to test, minority groups lose ${size(more.value)} more than majority groups (${range(more.interval)} ${over}).`,
          below: `From training to test, minority groups lose ${size(more.value)} less than majority groups (${signed(more.value)}, ${range(more.interval)} ${over}).`,
          both: `From training to test, minority groups are not shown to lose more than majority groups: ${signed(more.value)}, ${range(more.interval)} ${over}.`,
        }[sideOf(more)],
      );
  }
  const { test } = result;
  const worst = groups[test.worstGroup];
  const interval = worst && test.interval[worst.index];
  if (worst && interval) {
    sentences.push(
      `The worst test group is ${worst.full}: ${percentText(test.worstGroupAccuracy)} (${countOf(test, worst.index)}, ${range(interval)}); the test-set average is ${percentText(test.average)}.`,
    );
  }
  return sentences;
}

/** The change of the worst test group from the run before to this one (article, Fig. 6). */
export function beforeAfterVerdict(before: TrainingResult, after: TrainingResult): string[] {
  const change = worstGroupDifference(after.test, before.test);
  const from = `from ${percentText(before.test.worstGroupAccuracy)} (${before.kind}) to ${percentText(after.test.worstGroupAccuracy)} (${after.kind})`;
  const over = `${range(change.interval)} over the test examples of one run each`;
  return [
    {
      above: `The worst group’s test accuracy rises by ${size(change.value)}, ${from}: ${over}.`,
      below: `The worst group’s test accuracy falls by ${size(change.value)}, ${from}: ${signed(change.value)}, ${over}.`,
      both: `The worst group’s test accuracy is not shown to change, ${from}: ${signed(change.value)}, ${over}.`,
    }[sideOf(change)],
  ];
}

/** One split's worst-group accuracy minus another's, as if the two had been measured on different examples: wider than need be. */
export function worstGroupDifference(a: GroupAccuracies, b: GroupAccuracies): Estimate {
  const of = ({ correct, total, worstGroup }: GroupAccuracies): Estimate =>
    accuracyEstimate(correct[worstGroup] ?? Number.NaN, total[worstGroup] ?? Number.NaN);
  return differenceOf(of(a), of(b));
}

/** Training minus test accuracy of all examples of some groups. */
function lossOf({ train, test }: TrainingResult, groups: readonly number[]): Estimate {
  const sum = (counts: readonly number[]): number =>
    groups.reduce((all, group) => all + (counts[group] ?? 0), 0);
  const pooled = ({ correct, total }: GroupAccuracies) => accuracyEstimate(sum(correct), sum(total));
  return differenceOf(pooled(train), pooled(test));
}
