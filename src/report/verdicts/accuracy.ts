import { accuracyEstimate, differenceOf, type Estimate } from '../../metrics/intervals.js';
import type { GroupAccuracies } from '../../metrics/groups.js';
import type { TrainingResult } from '../../train/results.js';
import { percentText } from '../format.js';
import { countOf } from '../tables/accuracy.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { range, sideOf, signed, size } from './words.js';

/** Whether minority groups lose more from training to test than majority groups (article, Fig. 1), and the worst group. */
export function accuracyVerdict(result: TrainingResult, groups: readonly GroupLabel[]): string[] {
  const [minority, majority] = [true, false].map((kind) => groups.filter((group) => group.minority === kind));
  const sentences = [];
  if (minority?.length && majority?.length) {
    const more = differenceOf(lossOf(result, minority), lossOf(result, majority));
    const over = 'over the examples of this one model';
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

/** What became of the worst test group from the run before to this one (article, Fig. 6). */
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
function lossOf({ train, test }: TrainingResult, groups: readonly GroupLabel[]): Estimate {
  const pooled = ({ correct, total }: GroupAccuracies): Estimate => {
    const sum = (counts: readonly number[]): number =>
      groups.reduce((all, { index }) => all + (counts[index] ?? 0), 0);
    return accuracyEstimate(sum(correct), sum(total));
  };
  return differenceOf(pooled(train), pooled(test));
}
