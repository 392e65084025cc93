import type { Table } from '../../report/table.js';
import { columns, meanText } from './cells.js';
import { marginColumns, marginRows, type Models, own, starred } from './modelTests.js';
import { distinct, numbers, type RecordRow, select } from './records.js';

/** Random values in place of neurons, and noise added to them, beside zeroing (Figs 4 and 5). */
export function perturbationTables(of: Models, perturbations: readonly RecordRow[]): Table[] {
  const { k, sigma } = of.tests;
  if (perturbations.length === 0 || sigma === undefined) return [];
  const criterion = of.tests.criteria[0] ?? '';
  // Zeroing has no standard deviation.
  const rowsOf = (perturbation: string, chosenFor: number): RecordRow[] =>
    select(perturbations, {
      perturbation,
      sigma: perturbation === 'zero' ? null : sigma,
      criterion,
      chosenFor,
    });
  const beyondZeroing =
    (perturbation: string) =>
    (chosenFor: number): number[] => {
      const zeroed = rowsOf('zero', chosenFor).map(own);
      return rowsOf(perturbation, chosenFor).map((row, i) => own(row) - (zeroed[i] ?? Number.NaN));
    };
  const claims: Readonly<Record<string, (chosenFor: number) => number[]>> = {
    'random values minus zeroing, own change': beyondZeroing('reinit'),
    'noise minus zeroing, own change': beyondZeroing('noise'),
    'noise, minority minus majority': (chosenFor) => numbers(rowsOf('noise', chosenFor), 'marginInteraction'),
  };
  const primary = Object.entries(claims).flatMap(([name, valuesOf]) =>
    marginRows(
      of,
      of.minorities.map((chosenFor) => ({ name, chosenFor, values: valuesOf(chosenFor) })),
    ),
  );
  return [
    {
      caption: `Primary: margin in logits, k = ${k}, ${criterion}, training split, standard deviation ${sigma}`,
      columns: columns(['', ...marginColumns(of)]),
      rows: primary,
    },
    secondaryPerturbations(of, perturbations),
  ];
}

function secondaryPerturbations(of: Models, perturbations: readonly RecordRow[]): Table {
  const kinds = distinct(perturbations, 'perturbation').flatMap((perturbation) => {
    const sigmas = distinct(select(perturbations, { perturbation }), 'sigma');
    return sigmas.map((sigma) => ({ perturbation, sigma }));
  });
  const rows = kinds.flatMap((kind) =>
    distinct(perturbations, 'criterion').flatMap((criterion) =>
      of.groups.map((chosenFor) => {
        const found = select(perturbations, { ...kind, criterion, chosenFor });
        const text = (column: string, decimals: number, scale = 1): string =>
          meanText(numbers(found, column), decimals, scale);
        return [
          ...[kind.perturbation, kind.sigma ?? '', criterion].map(String),
          `G${chosenFor}`,
          ...of.groups.map((group) => text(`accuracy${group}`, 1, 100)),
          text('accuracyInteraction', 1, 100),
          text(`margin${chosenFor}`, 2),
          text('marginInteraction', 2),
        ];
      }),
    ),
  );
  return {
    caption:
      'Secondary: change of accuracy in points by group, minority minus majority, and margins in logits: mean over models, 95 % interval',
    columns: columns([
      'perturbation',
      'standard deviation',
      'criterion',
      'chosen for',
      ...starred(of),
      'accuracy interaction',
      'own margin',
      'margin interaction',
    ]),
    rows,
  };
}
