// The tables of Figs 4 and 5 in docs/studies/photographs.md: node scripts/studies/photographs/part1PerturbationTables.mjs birds
import { MARGIN_COLUMNS, marginRows } from './part1Tests.mjs';
import { meanText, MINORITIES, printTable, readArguments, readResults, select } from './results.mjs';

const SIGMA = 0.005;

const { benchmark } = readArguments();
const all = readResults(benchmark, 'perturbations');
primaryTable();
secondaryTable();

function primaryTable() {
  const own = (perturbation, chosenFor) =>
    marginsOf({ perturbation, chosenFor }).map((row) => row[`margin${chosenFor}`]);
  const beyondZeroing = (perturbation) => (chosenFor) => {
    const zeroed = own('zero', chosenFor);
    return own(perturbation, chosenFor).map((change, at) => change - zeroed[at]);
  };
  const claims = {
    'random values minus zeroing, own change': beyondZeroing('reinit'),
    'noise minus zeroing, own change': beyondZeroing('noise'),
    'noise, minority minus majority': (chosenFor) =>
      marginsOf({ perturbation: 'noise', chosenFor }).map(({ marginInteraction }) => marginInteraction),
  };
  const rows = Object.entries(claims).flatMap(([name, valuesOf]) =>
    marginRows(MINORITIES.map((chosenFor) => ({ name, chosenFor, values: valuesOf(chosenFor) }))),
  );
  printTable(
    `Primary: margin in logits, k = 3, gradient, training split, standard deviation ${SIGMA}`,
    ['', ...MARGIN_COLUMNS],
    rows,
  );
}

/** Of the gradient's neurons, a row a model; zeroing has no standard deviation. */
function marginsOf({ perturbation, chosenFor }) {
  const sigma = perturbation === 'zero' ? null : SIGMA;
  return select(all, { perturbation, sigma, criterion: 'gradient', chosenFor });
}

function secondaryTable() {
  const kinds = [
    ['zero', null],
    ...['reinit', 'noise'].flatMap((perturbation) => [0.005, 0.05].map((sigma) => [perturbation, sigma])),
  ];
  const rows = kinds.flatMap(([perturbation, sigma]) =>
    ['gradient', 'magnitude'].flatMap((criterion) =>
      [0, 1, 2, 3].map((chosenFor) => {
        const found = select(all, { perturbation, sigma, criterion, chosenFor });
        const text = (column, decimals, scale) =>
          meanText(
            found.map((row) => row[column]),
            decimals,
            scale,
          );
        return [
          ...[perturbation, sigma ?? '', criterion, `G${chosenFor}`],
          ...[0, 1, 2, 3].map((group) => text(`accuracy${group}`, 1, 100)),
          ...[
            text('accuracyInteraction', 1, 100),
            text(`margin${chosenFor}`, 2),
            text('marginInteraction', 2),
          ],
        ];
      }),
    ),
  );
  printTable(
    'Secondary: change of accuracy in points by group, minority minus majority, and margins in logits: mean over models, 95 % interval',
    [
      ...['perturbation', 'standard deviation', 'criterion', 'chosen for', 'G0', 'G1*', 'G2*', 'G3'],
      ...['accuracy interaction', 'own margin', 'margin interaction'],
    ],
    rows,
  );
}
