import type { ModelSummary, RowOverModels } from '../../experiments/overModels.js';
import { fixed, plural, probability } from '../format.js';
import { MARKED_P } from '../views/measuredChange.js';
import { opposite, pText, range, signed, size } from './words.js';

/** Rows that compare all minority examples with all majority ones. */
const DIFFERENCE = 'minority minus majority';

/**
 * Whether minority groups lose more than majority groups with models as replicates, and whether that is beyond random neurons of the
 * same layers.
 */
export function modelsVerdict(rows: readonly RowOverModels[]): string[] {
  const differences = rows.filter(({ settings, models }) => settings.name === DIFFERENCE && models > 1);
  if (differences.length === 0) return [];
  return [changeSentence(differences), ...excessSentences(differences)];
}

function changeSentence(rows: readonly RowOverModels[]): string {
  const told = measured(rows, 'change');
  const [least] = told;
  if (!least) return 'No change was measured in all models.';
  const models = plural(least.row.models, 'model');
  const where = settingsText(least.row);
  const passed = told.filter(({ summary }) => (summary.pValueHolm ?? 1) <= MARKED_P);
  const interval = least.summary.interval;
  const words =
    least.summary.mean < 0
      ? `minority groups lose ${size(least.summary.mean)} more than majority groups${interval ? `, ${range(opposite(interval))}` : ''}`
      : `minority groups lose ${size(least.summary.mean)} less than majority groups${interval ? `, ${range(interval)}` : ''}`;
  const p = `${pText(probability(least.summary.pValue ?? Number.NaN))}, ${probability(least.summary.pValueHolm ?? Number.NaN)} after Holm’s correction over ${plural(told.length, 'setting')}`;
  return passed.length === 0
    ? `Minority groups are not shown to change otherwise than majority groups: at the least p, ${words}, ${models} (${where}; ${p}).`
    : `In ${passed.length} of ${plural(told.length, 'setting')} minority and majority groups differ after Holm’s correction; clearest, ${words}, ${models} (${where}; ${p}).`;
}

function excessSentences(rows: readonly RowOverModels[]): string[] {
  return [
    { measure: 'sameLayersAccuracyExcess', name: 'accuracy', text: signed },
    {
      measure: 'sameLayersMarginExcess',
      name: 'margin',
      text: (value: number) => `${fixed(value, 3)} logits`,
    },
  ].flatMap(({ measure, name, text }) => {
    const told = measured(rows, measure);
    const [least] = told;
    if (!least) return [];
    const passed = told.filter(({ summary }) => (summary.pValueHolm ?? 1) <= MARKED_P && summary.mean < 0);
    const p = `${pText(probability(least.summary.pValue ?? Number.NaN))}, ${probability(least.summary.pValueHolm ?? Number.NaN)} after Holm’s correction`;
    return [
      passed.length === 0
        ? `Random neurons of the same layers do as much by ${name}: at the least p, ${text(least.summary.mean)} beyond them (${settingsText(least.row)}; ${p}).`
        : `By ${name}, that is more than random neurons of the same layers do in ${passed.length} of ${plural(told.length, 'setting')} after Holm’s correction.`,
    ];
  });
}

/** Those of the rows that have a measure with a p, the least first. */
function measured(
  rows: readonly RowOverModels[],
  measure: string,
): { readonly row: RowOverModels; readonly summary: ModelSummary }[] {
  return rows
    .flatMap((row) => {
      const summary = row.measures[measure];
      return typeof summary?.pValue === 'number' ? [{ row, summary }] : [];
    })
    .sort(
      (a, b) =>
        (a.summary.pValue ?? 1) - (b.summary.pValue ?? 1) ||
        Math.abs(b.summary.mean) - Math.abs(a.summary.mean),
    );
}

function settingsText({ settings: { criterion, chosenFor, k, sigma, split } }: RowOverModels): string {
  return [
    `by ${criterion ?? '?'} for G${chosenFor ?? '?'}`,
    `k = ${k ?? '?'}`,
    ...(typeof sigma === 'number' ? [`σ = ${sigma}`] : []),
    ...(split === undefined || split === null ? [] : [`${split} split`]),
  ].join(', ');
}
