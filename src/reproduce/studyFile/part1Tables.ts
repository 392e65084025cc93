import { SPLITS } from '../../data/split.js';
import { NULL_NAMES } from '../../neurons/nulls.js';
import type { Table } from '../../report/table.js';
import { columns, hoursText, meanText, signFlipTexts } from './cells.js';
import {
  marginColumns,
  marginRows,
  type Models,
  own,
  starred,
  TESTED_SPLIT,
  type Value,
} from './modelTests.js';
import { perturbationTables } from './perturbationTables.js';
import { distinct, numberOf, numbers, type RecordRow, type Records, select } from './records.js';
import type { StudyModels } from './schema.js';

const beyond =
  (null_: string): Value =>
  (row) =>
    own(row) - numberOf(row, `${null_} margin`);

/** The questions that are tested over models, by name. */
const QUESTIONS: Readonly<Record<string, Value>> = {
  interaction: (row) => numberOf(row, 'marginInteraction'),
  'beyond same layers': beyond('same-layers'),
  'beyond whole model': beyond('whole-model'),
};

/** The tables of Part I of a benchmark: what was tested first, then what is described. None where no model is recorded. */
export async function part1Tables(records: Records, { tests }: StudyModels): Promise<Table[]> {
  const [models, margins, effects, layers, overlaps, perturbations] = await Promise.all(
    ['models', 'margins', 'effects', 'layers', 'overlaps', 'perturbations'].map((name) => records.read(name)),
  );
  const groups = distinct(models ?? [], 'group').map(Number);
  if (groups.length === 0) return [];
  const minorities = Object.keys(tests.minorityGroups).map(Number);
  const of = { benchmark: records.benchmark, tests, groups, minorities };
  return [
    accuracyTable(of, models ?? []),
    ...marginTable(of, margins ?? []),
    ...Object.entries(QUESTIONS).map(([question, effectOf]) =>
      primaryTable(of, effects ?? [], question, effectOf),
    ),
    ...withinClassTables(of, effects ?? []),
    secondaryTable(of, effects ?? []),
    ...layerTable(of, layers ?? []),
    overlapTable(overlaps ?? []),
    ...perturbationTables(of, perturbations ?? []),
  ];
}

function accuracyTable(of: Models, models: readonly RecordRow[]): Table {
  const seeds = distinct(models, 'seed');
  const took = seeds.map((seed) => select(models, { seed })[0] ?? {});
  return {
    caption: 'Accuracy in percent: mean over models, 95 % interval',
    columns: columns(['models', 'split', ...starred(of)]),
    rows: distinct(models, 'stage').flatMap((stage) =>
      SPLITS.map((split) => [
        String(stage),
        split,
        ...of.groups.map((group) =>
          meanText(numbers(select(models, { stage, split, group }), 'accuracy'), 1, 100),
        ),
      ]),
    ),
    notes: [
      `${of.benchmark}: ${seeds.length} models (seeds ${seeds.join(', ')}); ${hoursText(numbers(took, 'seconds'), numbers(took, 'processorSeconds'))}`,
    ],
  };
}

function marginTable(of: Models, margins: readonly RecordRow[]): Table[] {
  if (margins.length === 0) return [];
  const rows = [
    ['mean', 'mean'],
    ['a tenth has less than', 'tenth'],
  ] as const;
  return [
    {
      caption: `Margins of training examples before anything is zeroed, ${of.tests.stage} models, in logits`,
      columns: columns(['', ...starred(of)]),
      rows: rows.map(([name, column]) => [
        name,
        ...of.groups.map((group) => meanText(numbers(select(margins, { group }), column), 2)),
      ]),
    },
  ];
}

function primaryTable(of: Models, effects: readonly RecordRow[], question: string, effectOf: Value): Table {
  const { k, stage } = of.tests;
  const sets = testedSets(of, effects).map(({ rows, ...set }) => ({ ...set, values: rows.map(effectOf) }));
  return {
    caption: `Primary: ${question}, margin in logits, k = ${k}, training split, ${stage} models`,
    columns: columns(['criterion', ...marginColumns(of)]),
    rows: marginRows(of, sets),
  };
}

/**
 * A group's change minus that of the majority group of its own class. The planned interaction pools all minority and all majority
 * examples, whose classes have other shares, so that neurons which hold a class move it.
 */
function withinClassTables(of: Models, effects: readonly RecordRow[]): Table[] {
  const { k, stage } = of.tests;
  const outcomes = [
    ['margin', 1, 3],
    ['accuracy', 100, 1],
    ['loss', 1, 3],
  ] as const;
  return outcomes.map(([outcome, scale, decimals]) => {
    const sets = testedSets(of, effects).map((set) => {
      const majority = of.tests.minorityGroups[String(set.chosenFor)] ?? 0;
      const values = set.rows.map(
        (row) => numberOf(row, `${outcome}${set.chosenFor}`) - numberOf(row, `${outcome}${majority}`),
      );
      return { ...set, values };
    });
    const pTexts = signFlipTexts(
      sets.map(({ values }) => values),
      of.tests.leastModels,
    );
    return {
      caption: `Post hoc: minority minus majority of the same class, and the planned pooled interaction, ${outcome}, k = ${k}, training split, ${stage} models`,
      columns: columns([
        'criterion',
        'chosen for',
        'n',
        'within class, mean [95 %]',
        'p',
        'p, Holm',
        'pooled, mean [95 %]',
      ]),
      rows: sets.map(({ name, chosenFor, values, rows }, i) => [
        name,
        `G${chosenFor}*`,
        String(values.length),
        meanText(values, decimals, scale),
        ...(pTexts[i] ?? []),
        meanText(numbers(rows, `${outcome}Interaction`), decimals, scale),
      ]),
    };
  });
}

function secondaryTable(of: Models, effects: readonly RecordRow[]): Table {
  const stages = [of.tests.stage, ...distinct(effects, 'stage').filter((stage) => stage !== of.tests.stage)];
  const counts = distinct(effects, 'k')
    .map(Number)
    .sort((a, b) => a - b);
  const kinds = stages.flatMap((stage) =>
    counts.flatMap((k) => SPLITS.map((split) => ({ stage, split, k }))),
  );
  const rows = kinds.flatMap((kind) =>
    of.tests.criteria.flatMap((criterion) =>
      of.groups.flatMap((chosenFor) => {
        const found = select(effects, { ...kind, criterion, chosenFor });
        if (found.length === 0) return [];
        const text = (column: string, decimals: number, scale = 1): string =>
          meanText(numbers(found, column), decimals, scale);
        return [
          [
            ...[kind.stage, kind.split, kind.k, criterion].map(String),
            `G${chosenFor}`,
            ...of.groups.map((group) => text(`accuracy${group}`, 1, 100)),
            text('accuracyInteraction', 1, 100),
            text('marginInteraction', 2),
            text('lossInteraction', 2),
            ...NULL_NAMES.map((name) =>
              found.some((row) => row[`${name} margin`] === null) ? '' : meanText(found.map(beyond(name)), 2),
            ),
          ],
        ];
      }),
    ),
  );
  return {
    caption:
      'Secondary: change of accuracy in points by group, interactions of accuracy, margin and loss, and own margin beyond random sets',
    columns: columns([
      'models',
      'split',
      'k',
      'criterion',
      'chosen for',
      ...starred(of),
      'accuracy interaction',
      'margin interaction',
      'loss interaction',
      ...NULL_NAMES.map((name) => `beyond ${name}`),
    ]),
    rows,
  };
}

function layerTable(of: Models, layers: readonly RecordRow[]): Table[] {
  if (layers.length === 0) return [];
  const cells = of.tests.criteria.flatMap((criterion) => of.groups.map((group) => ({ criterion, group })));
  return [
    {
      caption:
        'Fig. 7: change of a group\u2019s accuracy in points when its top neuron of a layer is zeroed, mean over models',
      columns: columns(['layer', ...cells.map(({ criterion, group }) => `${criterion} G${group}`)]),
      rows: distinct(layers, 'layer').map((layer) => [
        String(layer),
        ...cells.map((cell) => {
          const found = select(layers, { layer, ...cell });
          return found.length === 0 ? '' : (meanText(numbers(found, 'accuracy'), 1, 100).split(' ')[0] ?? '');
        }),
      ]),
    },
  ];
}

function overlapTable(overlaps: readonly RecordRow[]): Table {
  const names = ['reading', 'chosenBy', 'rankedBy', 'group'] as const;
  const keys = new Map(
    overlaps.map((row) => {
      const key = Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
      return [JSON.stringify(key), key];
    }),
  );
  return {
    caption: 'Fig. 3: where the neurons that one criterion chooses stand under the other, mean over models',
    columns: columns([
      'reading',
      'chosen by',
      'ranked by',
      'group',
      'mean percentile',
      'share in the top 5 %',
      'share above the median',
    ]),
    rows: [...keys.values()].map((key) => {
      const found = select(overlaps, key);
      return [
        ...[key.reading, key.chosenBy, key.rankedBy].map(String),
        `G${String(key.group)}`,
        meanText(numbers(found, 'mean'), 1),
        meanText(numbers(found, 'top5'), 2),
        meanText(numbers(found, 'top50'), 2),
      ];
    }),
  };
}

/** The tested sets of neurons: a criterion's, for a minority group. */
function testedSets(of: Models, effects: readonly RecordRow[]) {
  const { stage, k } = of.tests;
  return of.tests.criteria.flatMap((criterion) =>
    of.minorities.map((chosenFor) => ({
      name: criterion,
      chosenFor,
      rows: select(effects, { stage, split: TESTED_SPLIT, k, criterion, chosenFor }),
    })),
  );
}
