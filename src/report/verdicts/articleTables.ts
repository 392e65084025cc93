import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { mean } from '../../metrics/statistics.js';
import { SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { PERTURBED } from '../views/perturbation.js';
import { signed } from './words.js';

/** What groups lose under their own neurons, by kind of group: on the mean over criteria and numbers of neurons. */
export function articleTablesVerdict(
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): string[] {
  return traces.flatMap(({ entries, split, perturbation }) => {
    const changes = (minority: boolean): number[] =>
      entries
        .filter(({ group }) => groups[group]?.minority === minority)
        .map(({ change, group }) => change[group] ?? Number.NaN)
        .filter(Number.isFinite);
    const [minority, majority] = [changes(true), changes(false)];
    if (minority.length === 0 || majority.length === 0) return [];
    return [
      `With neurons ${PERTURBED[perturbation].participle}, minority groups change by ${signed(mean(minority))} of ${SPLIT_NAME[split]} accuracy under their own, majority groups by ${signed(mean(majority))}, on the mean over all rows.`,
    ];
  });
}
