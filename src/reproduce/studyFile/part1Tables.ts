import { SPLITS } from '../../data/split.js';
import { NULL_NAMES } from '../../neurons/nulls.js';
import type { Table } from '../../report/table.js';
import { combinationsOf } from '../sweep/plan.js';
import {
  columnText,
  hoursText,
  isRecorded,
  majorityOf,
  marginTable,
  meanText,
  type Models,
  signFlipTexts,
  starred,
  tableOf,
  testedModels,
} from './cells.js';
import { familyTable, testedSets } from './familyTable.js';
import { growthTable } from './growthTable.js';
import { answers, beyond, interactionBeyond, own, QUESTION_NAMES, type QuestionName } from './questions.js';
import { requireMinorityGroups } from './readStudy.js';
import {
  distinct,
  numberOf,
  numbers,
  type RecordRow,
  type RecordSource,
  select,
  SHARE_RESOLUTION,
} from './records.js';
import type { StudyFile } from './schema.js';

/**
 * The tables of Part I of a benchmark or pool: what was tested first, then what is described. None where no model is recorded. Throws
 * `USAGE` for minority groups that its data has not.
 */
export async function part1Tables(file: StudyFile, records: RecordSource): Promise<Table[]> {
  if (!file.models) return [];
  const { tests } = file.models;
  const read = (name: string): Promise<RecordRow[]> => records.read(name);
  const models = await read('models');
  const effects = await read('effects');
  const groups = distinct(models, 'group').map(Number);
  if (groups.length === 0) return [];
  requireMinorityGroups(file, records.benchmark, Math.max(...groups) + 1);
  const of = { benchmark: records.benchmark, groups, ...testedModels(tests) };
  return [
    accuracyTable(of, models),
    ...startTable(of, await read('margins')),
    ...familyTable(of, models, effects),
    ...growthTable(of, models, effects),
    ...QUESTION_NAMES.flatMap((question) => questionTable(of, effects, question)),
    ...withinClassTables(of, effects),
    secondaryTable(of, effects),
    ...layerTable(of, await read('layers')),
    overlapTable(await read('overlaps')),
    ...perturbationTables(of, await read('perturbations')),
  ];
}

function accuracyTable(of: Models, models: readonly RecordRow[]): Table {
  const seeds = distinct(models, 'seed');
  const took = hoursText(seeds.flatMap((seed) => select(models, { seed }).slice(0, 1)));
  const rows = distinct(models, 'stage').flatMap((stage) =>
    SPLITS.map((split) => [
      String(stage),
      split,
      ...of.groups.map((group) => columnText(select(models, { stage, split, group }), 'accuracy', 1, 100)),
    ]),
  );
  return tableOf(
    'Accuracy in percent: mean over models, 95 % interval',
    ['models', 'split', ...starred(of.groups, of.minorities)],
    rows,
    `${of.benchmark}: ${seeds.length} models (seeds ${seeds.join(', ')}); ${took}`,
  );
}

function startTable(of: Models, margins: readonly RecordRow[]): Table[] {
  if (margins.length === 0) return [];
  const row = (name: string, column: string): string[] => [
    name,
    ...of.groups.map((group) => columnText(select(margins, { group }), column, 2)),
  ];
  return [
    tableOf(
      `Margins of training examples before anything is zeroed, ${of.tests.stage} models, in logits`,
      ['', ...starred(of.groups, of.minorities)],
      [row('mean', 'mean'), row('a tenth has less than', 'tenth')],
    ),
  ];
}

/** The test of a question; none where something that it asks for is not recorded. */
function questionTable(of: Models, effects: readonly RecordRow[], question: QuestionName): Table[] {
  const { k, stage, primary, family } = of.tests;
  // Planned ones of a family are tested together.
  if (family && primary.includes(question)) return [];
  const status = primary.includes(question) ? 'Primary' : 'Not planned';
  const caption = `${status}: ${question}, margin in logits, k = ${k}, training split, ${stage} models`;
  const sets = testedSets(of, effects).map(({ rows, ...set }) => {
    const majority = majorityOf(of.tests, set.chosenFor);
    return { ...set, values: answers(question, rows, effects, majority) };
  });
  return sets.every(isRecorded) ? [marginTable(caption, 'criterion', of, [sets])] : [];
}

/**
 * A group's change minus that of the majority group of its own class. The planned interaction pools the measured minority and
 * majority examples, whose classes have other shares, so that neurons which hold a class move it.
 */
function withinClassTables(of: Models, effects: readonly RecordRow[]): Table[] {
  const { k, stage, leastModels } = of.tests;
  const outcomes = [
    ['margin', 1, 3],
    ['accuracy', 100, 1],
    ['loss', 1, 3],
  ] as const;
  return outcomes.flatMap(([outcome, scale, decimals]) => {
    const sets = testedSets(of, effects).map((set) => {
      const majority = majorityOf(of.tests, set.chosenFor);
      const valueOf = (row: RecordRow, group: number): number => numberOf(row, `${outcome}${group}`);
      return { ...set, values: set.rows.map((row) => valueOf(row, set.chosenFor) - valueOf(row, majority)) };
    });
    if (!sets.every(isRecorded)) return [];
    const pTexts = signFlipTexts(
      sets.map(({ values }) => values),
      { least: leastModels, resolution: outcome === 'accuracy' ? SHARE_RESOLUTION : 0 },
    );
    return tableOf(
      `Post hoc: minority minus majority of the same class, and the planned pooled interaction, ${outcome}, k = ${k}, training split, ${stage} models`,
      ['criterion', 'chosen for', 'n', 'within class, mean [95 %]', 'p', 'p, Holm', 'pooled, mean [95 %]'],
      sets.map(({ name, chosenFor, values, rows }, i) => [
        name,
        `G${chosenFor}*`,
        String(values.length),
        meanText(values, decimals, scale),
        ...(pTexts[i] ?? []),
        columnText(rows, `${outcome}Interaction`, decimals, scale),
      ]),
    );
  });
}

function secondaryTable(of: Models, effects: readonly RecordRow[]): Table {
  const { tests, groups, minorities } = of;
  const keys = combinationsOf({
    stage: [...new Set([tests.stage, ...distinct(effects, 'stage')])],
    k: distinct(effects, 'k')
      .map(Number)
      .sort((a, b) => a - b),
    split: SPLITS,
    criterion: tests.criteria,
    chosenFor: groups,
  }) as RecordRow[];
  const rows = keys.flatMap((key) => {
    const found = select(effects, key);
    if (found.length === 0) return [];
    const beyondNulls = NULL_NAMES.flatMap((name) =>
      [interactionBeyond(name), beyond(name)].map((valueOf) => {
        const values = found.map(valueOf);
        return values.every(Number.isFinite) ? meanText(values, 2) : '';
      }),
    );
    return [
      [
        ...[key.stage, key.split, key.k, key.criterion].map(String),
        `G${String(key.chosenFor)}`,
        ...groups.map((group) => columnText(found, `accuracy${group}`, 1, 100)),
        columnText(found, 'accuracyInteraction', 1, 100),
        columnText(found, 'marginInteraction', 2),
        columnText(found, 'lossInteraction', 2),
        ...beyondNulls,
      ],
    ];
  });
  const names = [
    ...['models', 'split', 'k', 'criterion', 'chosen for', ...starred(groups, minorities)],
    ...['accuracy interaction', 'margin interaction', 'loss interaction'],
    ...NULL_NAMES.flatMap((name) => [`interaction beyond ${name}`, `own beyond ${name}`]),
  ];
  const caption =
    'Secondary: change of accuracy in points by group, interactions of accuracy, margin and loss, and the interaction and own margin beyond random sets';
  return tableOf(caption, names, rows);
}

function layerTable(of: Models, layers: readonly RecordRow[]): Table[] {
  if (layers.length === 0) return [];
  const cells = of.tests.criteria.flatMap((criterion) => of.groups.map((group) => ({ criterion, group })));
  const rows = distinct(layers, 'layer').map((layer) => [
    String(layer),
    ...cells.map((cell) => {
      const found = select(layers, { layer, ...cell });
      return found.length === 0 ? '' : (columnText(found, 'accuracy', 1, 100).split(' ')[0] ?? '');
    }),
  ]);
  const caption =
    'Fig. 7: change of a group\u2019s accuracy in points when its top neuron of a layer is zeroed, mean over models';
  return [
    tableOf(caption, ['layer', ...cells.map(({ criterion, group }) => `${criterion} G${group}`)], rows),
  ];
}

function overlapTable(overlaps: readonly RecordRow[]): Table {
  const keys = new Set(
    overlaps.map(({ reading, chosenBy, rankedBy, group }) =>
      JSON.stringify({ reading, chosenBy, rankedBy, group }),
    ),
  );
  return tableOf(
    'Fig. 3: where the neurons that one criterion chooses stand under the other, mean over models',
    [
      ...['reading', 'chosen by', 'ranked by', 'group'],
      ...['mean percentile', 'share in the top 5 %', 'share above the median'],
    ],
    [...keys].map((text) => {
      const key = JSON.parse(text) as RecordRow;
      const found = select(overlaps, key);
      return [
        ...[key.reading, key.chosenBy, key.rankedBy].map(String),
        `G${String(key.group)}`,
        columnText(found, 'mean', 1),
        columnText(found, 'top5', 2),
        columnText(found, 'top50', 2),
      ];
    }),
  );
}

/** Random values in place of neurons, and noise added to them, beside zeroing (Figs 4 and 5). */
function perturbationTables(of: Models, perturbations: readonly RecordRow[]): Table[] {
  const { k, sigma } = of.tests;
  if (perturbations.length === 0 || sigma === undefined) return [];
  const criterion = of.tests.criteria[0] ?? '';
  const rowsOf = (perturbation: string, chosenFor: number): RecordRow[] => {
    // Zeroing has no standard deviation.
    const drawn = perturbation === 'zero' ? null : sigma;
    return select(perturbations, { perturbation, sigma: drawn, criterion, chosenFor, k });
  };
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
  const primary = Object.entries(claims).map(([name, valuesOf]) =>
    of.minorities.map((chosenFor) => ({ name, chosenFor, values: valuesOf(chosenFor) })),
  );
  const caption = `Primary: margin in logits, k = ${k}, ${criterion}, training split, standard deviation ${sigma}`;
  return [marginTable(caption, '', of, primary), secondaryPerturbations(of, perturbations)];
}

function secondaryPerturbations(of: Models, perturbations: readonly RecordRow[]): Table {
  const kinds = distinct(perturbations, 'perturbation').flatMap((perturbation) => {
    const sigmas = distinct(select(perturbations, { perturbation }), 'sigma');
    return sigmas.map((sigma) => ({ perturbation, sigma }));
  });
  const names = [
    ...['perturbation', 'standard deviation', 'criterion', 'chosen for'],
    ...starred(of.groups, of.minorities),
    ...['accuracy interaction', 'own margin', 'margin interaction'],
  ];
  const rows = kinds.flatMap((kind) =>
    distinct(perturbations, 'criterion').flatMap((criterion) =>
      of.groups.map((chosenFor) => {
        const found = select(perturbations, { ...kind, criterion, chosenFor, k: of.tests.k });
        return [
          ...[kind.perturbation, kind.sigma ?? '', criterion].map(String),
          `G${chosenFor}`,
          ...of.groups.map((group) => columnText(found, `accuracy${group}`, 1, 100)),
          columnText(found, 'accuracyInteraction', 1, 100),
          columnText(found, `margin${chosenFor}`, 2),
          columnText(found, 'marginInteraction', 2),
        ];
      }),
    ),
  );
  const caption =
    'Secondary: change of accuracy in points by group, minority minus majority, and margins in logits: mean over models, 95 % interval';
  return tableOf(caption, names, rows);
}
