import type { Outcome } from '../../experiments/outcomes.js';
import type { NullDistribution, TraceUnstructuredResult } from '../../experiments/results.js';
import { nullNamed, type NullName } from '../../neurons/nulls.js';
import { fixed, MISSING, plural, points, pointsRange, probabilityPair } from '../format.js';
import { shortList, starNote, type GroupLabel } from '../views/groupLabels.js';
import { nullsOf, type Compared } from '../views/nulls.js';
import { adjustedIn, byCriterion, type AdjustedTests, type Selection } from '../views/selections.js';
import type { Table } from './table.js';

/**
 * The article's claim as a test, a table for each null: what each set of neurons did to all minority examples minus what it did
 * to all majority ones, beside random neurons, by accuracy, margin and loss; and what it did to the group that it was chosen for.
 */
export function nullTables(trace: TraceUnstructuredResult, groups: readonly GroupLabel[]): Table[] {
  const hasDifferences = trace.entries.some(({ difference }) => difference);
  if (!hasDifferences) return [];
  const adjusted = adjustedIn(trace);
  return nullsOf(trace.entries).map((null_) => nullTable(trace, null_, adjusted, groups));
}

function nullTable(
  trace: TraceUnstructuredResult,
  null_: NullName,
  adjusted: AdjustedTests,
  groups: readonly GroupLabel[],
): Table {
  const { words, asks } = nullNamed(null_);
  const hasSigmas = trace.entries.some(({ sigma }) => sigma !== null);
  return {
    caption: `Beside random neurons ${words} (${asks}), up to ${plural(trace.controls?.draws ?? 0, 'draw')}: minority minus majority change, and the change of the group that the neurons were chosen for. p is two-sided, p drop for a fall; in brackets after Holm’s correction over the figure.`,
    columns: [
      { name: 'criterion', text: true },
      { name: 'chosen for', text: true },
      { name: 'k' },
      ...(hasSigmas ? [{ name: 'sigma' }] : []),
      { name: 'minority − majority, points' },
      { name: 'random' },
      { name: 'p' },
      { name: 'p drop' },
      { name: 'margin' },
      { name: 'p, margin' },
      { name: 'p, loss' },
      { name: 'own group, points' },
      { name: 'p, own' },
      { name: 'p, own margin' },
    ],
    rows: byCriterion([trace]).flatMap(({ criterion, selections }) =>
      selections.map((selection) => {
        const { entry, groups: chosenFor } = selection;
        const [own] = chosenFor.length === 1 ? chosenFor : [];
        const test = (compared: Compared | undefined, outcome: Outcome): NullDistribution | undefined =>
          compared === undefined ? undefined : adjusted.testOf(entry, null_, compared, outcome);
        const difference = test('difference', 'accuracy');
        return [
          criterion,
          shortList(chosenFor, groups),
          String(entry.k),
          ...(hasSigmas ? [String(entry.sigma ?? MISSING)] : []),
          points(entry.difference?.accuracy ?? Number.NaN),
          difference ? `${points(difference.mean)} ${pointsRange(difference.interval)}` : MISSING,
          pText(difference, adjusted),
          dropText(difference, adjusted),
          fixed(entry.difference?.margin ?? Number.NaN, 3),
          pText(test('difference', 'margin'), adjusted),
          pText(test('difference', 'loss'), adjusted),
          own === undefined ? '' : points(ownChange(selection, own)),
          own === undefined ? '' : pText(test(own, 'accuracy'), adjusted),
          own === undefined ? '' : pText(test(own, 'margin'), adjusted),
        ];
      }),
    ),
    notes: starNote(groups),
  };
}

function ownChange({ entry }: Selection, group: number): number {
  return entry.change[group] ?? Number.NaN;
}

function pText(test: NullDistribution | undefined, { tests }: AdjustedTests): string {
  return probabilityPair(test?.pValue, test && (tests.get(test)?.pValue ?? Number.NaN));
}

function dropText(test: NullDistribution | undefined, { tests }: AdjustedTests): string {
  return probabilityPair(test?.pDrop, test && (tests.get(test)?.pDrop ?? Number.NaN));
}
