// The tables of Part I of docs/studies/photographs.md, from docs/studies/photographs/: node scripts/studies/photographs/part1Tables.mjs birds
import { MARGIN_COLUMNS, marginRows, signFlipTexts } from './part1Tests.mjs';
import {
  CRITERIA,
  meanText,
  MINORITIES,
  NULLS,
  printTable,
  readArguments,
  readResults,
  select,
} from './results.mjs';

/** By minority group: the majority group of its class. */
const PAIRS = { 1: 0, 2: 3 };

/** The effect that each question tests, of one row. */
const QUESTIONS = {
  interaction: (row) => row.marginInteraction,
  'beyond same layers': (row) => row[`margin${row.chosenFor}`] - row['same-layers margin'],
  'beyond whole model': (row) => row[`margin${row.chosenFor}`] - row['whole-model margin'],
};

const { benchmark } = readArguments();
modelTables();
marginTable();
primaryTables();
withinClassTables();
secondaryTables();

function modelTables() {
  const all = readResults(benchmark, 'models');
  const seedsOf = [...new Set(all.map(({ seed }) => seed))];
  const took = seedsOf.map((seed) => all.find((row) => row.seed === seed));
  const hours = (key) => (took.reduce((sum, row) => sum + row[key], 0) / 3600).toFixed(2);
  console.log(`${benchmark}: ${seedsOf.length} models (seeds ${seedsOf.join(', ')}); `);
  console.log(`${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`);
  const rows = ['early', 'late'].flatMap((stage) =>
    ['train', 'val', 'test'].map((split) => [
      ...[stage, split],
      ...[0, 1, 2, 3].map((group) =>
        meanText(
          all
            .filter((row) => row.stage === stage && row.split === split && row.group === group)
            .map(({ accuracy }) => accuracy),
          1,
          100,
        ),
      ),
    ]),
  );
  printTable(
    'Accuracy in percent: mean over models, 95 % interval',
    ['models', 'split', 'G0', 'G1*', 'G2*', 'G3'],
    rows,
  );
}

function marginTable() {
  const all = readResults(benchmark, 'margins');
  if (all.length === 0) return;
  printTable(
    'Margins of training examples before anything is zeroed, late models, in logits',
    ['', 'G0', 'G1*', 'G2*', 'G3'],
    [
      ['mean', 'mean'],
      ['a tenth has less than', 'tenth'],
    ].map(([name, column]) => [
      name,
      ...[0, 1, 2, 3].map((group) =>
        meanText(
          select(all, { group }).map((row) => row[column]),
          2,
        ),
      ),
    ]),
  );
}

function primaryTables() {
  const effects = readResults(benchmark, 'effects');
  for (const [question, effectOf] of Object.entries(QUESTIONS)) {
    const tests = CRITERIA.flatMap((criterion) =>
      MINORITIES.map((chosenFor) => {
        const values = select(effects, { stage: 'late', split: 'train', k: 3, criterion, chosenFor }).map(
          effectOf,
        );
        return { name: criterion, chosenFor, values };
      }),
    );
    printTable(
      `Primary: ${question}, margin in logits, k = 3, training split, late models`,
      ['criterion', ...MARGIN_COLUMNS],
      marginRows(tests),
    );
  }
}

/**
 * Not in the plan, added when its results were known: a group's change minus that of the majority group of its own class. The planned
 * interaction pools all minority and all majority examples, whose classes have other shares, so that neurons which hold a class move it.
 */
function withinClassTables() {
  const effects = readResults(benchmark, 'effects');
  for (const [outcome, scale, decimals] of [
    ['margin', 1, 3],
    ['accuracy', 100, 1],
    ['loss', 1, 3],
  ]) {
    const tests = CRITERIA.flatMap((criterion) =>
      MINORITIES.map((chosenFor) => {
        const found = select(effects, { stage: 'late', split: 'train', k: 3, criterion, chosenFor });
        const values = found.map(
          (row) => row[`${outcome}${chosenFor}`] - row[`${outcome}${PAIRS[chosenFor]}`],
        );
        return { criterion, chosenFor, found, values };
      }),
    );
    const pTexts = signFlipTexts(tests.map(({ values }) => values));
    printTable(
      `Post hoc: minority minus majority of the same class, and the planned pooled interaction, ${outcome}, k = 3, training split, late models`,
      ['criterion', 'chosen for', 'n', 'within class, mean [95 %]', 'p', 'p, Holm', 'pooled, mean [95 %]'],
      tests.map(({ criterion, chosenFor, found, values }, at) => [
        ...[criterion, `G${chosenFor}*`, values.length, meanText(values, decimals, scale), ...pTexts[at]],
        meanText(
          found.map((row) => row[`${outcome}Interaction`]),
          decimals,
          scale,
        ),
      ]),
    );
  }
}

function secondaryTables() {
  const effects = readResults(benchmark, 'effects');
  const rows = [];
  for (const [stage, split, k] of [
    ...[1, 2, 3, 5, 10].flatMap((k) => [
      ['late', 'train', k],
      ['late', 'test', k],
    ]),
    ['early', 'train', 3],
  ]) {
    for (const criterion of CRITERIA) {
      for (const chosenFor of [0, 1, 2, 3]) {
        const found = select(effects, { stage, split, k, criterion, chosenFor });
        if (found.length === 0) continue;
        rows.push([
          ...[stage, split, k, criterion, `G${chosenFor}`],
          ...[0, 1, 2, 3].map((group) =>
            meanText(
              found.map((row) => row[`accuracy${group}`]),
              1,
              100,
            ),
          ),
          meanText(
            found.map((row) => row.accuracyInteraction),
            1,
            100,
          ),
          ...['marginInteraction', 'lossInteraction'].map((column) =>
            meanText(
              found.map((row) => row[column]),
              2,
            ),
          ),
          ...NULLS.map((name) =>
            found.some((row) => row[`${name} margin`] === null)
              ? ''
              : meanText(
                  found.map((row) => row[`margin${chosenFor}`] - row[`${name} margin`]),
                  2,
                ),
          ),
        ]);
      }
    }
  }
  printTable(
    'Secondary: change of accuracy in points by group, interactions of accuracy, margin and loss, and own margin beyond random sets',
    [
      ...[
        'models',
        'split',
        'k',
        'criterion',
        'chosen for',
        'G0',
        'G1*',
        'G2*',
        'G3',
        'accuracy interaction',
        'margin interaction',
        'loss interaction',
      ],
      ...NULLS.map((name) => `beyond ${name}`),
    ],
    rows,
  );
  layerTable();
  overlapTable();
}

function layerTable() {
  const all = readResults(benchmark, 'layers');
  if (all.length === 0) return;
  const layers = [...new Set(all.map(({ layer }) => layer))];
  printTable(
    'Fig. 7: change of a group’s accuracy in points when its top neuron of a layer is zeroed, mean over models',
    ['layer', ...CRITERIA.flatMap((criterion) => [0, 1, 2, 3].map((group) => `${criterion} G${group}`))],
    layers.map((layer) => [
      layer,
      ...CRITERIA.flatMap((criterion) =>
        [0, 1, 2, 3].map((group) => {
          const found = select(all, { layer, criterion, group });
          return found.length === 0
            ? ''
            : meanText(
                found.map(({ accuracy }) => accuracy),
                1,
                100,
              ).split(' ')[0];
        }),
      ),
    ]),
  );
}

function overlapTable() {
  const all = readResults(benchmark, 'overlaps');
  const keys = [
    ...new Set(all.map((row) => JSON.stringify([row.reading, row.chosenBy, row.rankedBy, row.group]))),
  ];
  printTable(
    'Fig. 3: where the neurons that one criterion chooses stand under the other, mean over models',
    [
      'reading',
      'chosen by',
      'ranked by',
      'group',
      'mean percentile',
      'share in the top 5 %',
      'share above the median',
    ],
    keys.map((key) => {
      const [reading, chosenBy, rankedBy, group] = JSON.parse(key);
      const found = select(all, { reading, chosenBy, rankedBy, group });
      return [
        ...[reading, chosenBy, rankedBy, `G${group}`],
        meanText(
          found.map((row) => row.mean),
          1,
        ),
        meanText(
          found.map((row) => row.top5),
          2,
        ),
        meanText(
          found.map((row) => row.top50),
          2,
        ),
      ];
    }),
  );
}
