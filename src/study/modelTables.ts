import { SpurmemError } from '../errors.js';
import { OUTCOMES } from '../experiments/outcomes.js';
import type { BeyondColumn, ColumnName } from '../kit/columns.js';
import { distinct, groupedBy, groupsIn, numberOf, type Row, select } from '../kit/rows.js';
import { summarize, withTests } from '../kit/summarize.js';
import { list, pivot, type Table } from '../kit/table.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { plural } from '../report/format.js';
import { groupNames, hoursText, judged, minoritiesOf } from './cells.js';
import { growthPoints, growthSlopes, testRows } from './modelTests.js';
import type { RecordSource } from './part.js';
import { changeColumn, interactionBeyond, ownBeyond, ownMargin } from './recordedEffects.js';
import { SHARE_RESOLUTION } from './records.js';
import { type NeuronTests, rowsOn, type Study } from './schema.js';

const INTERVAL = 'mean over models, 95 % interval';
const INTERACTIONS = OUTCOMES.map((outcome) => changeColumn(outcome, 'Interaction'));
const BEYOND = NULL_NAMES.flatMap((name): [BeyondColumn, (row: Row) => number][] => [
  [`interaction beyond ${name}`, (row) => interactionBeyond(row, name)],
  [`own beyond ${name}`, (row) => ownBeyond(row, name)],
]);

/** Returns a table's caption, notes and names of groups. */
type Captions = (caption: string, ...notes: string[]) => Pick<Table, 'caption'>;

/**
 * Returns the tables of the models of some data or pool: accuracies, tests, then descriptions. None if no model is recorded. Throws
 * `USAGE` for minority groups that the data lacks.
 */
export async function modelTables(study: Study, records: RecordSource): Promise<Table[]> {
  const { neurons: tests } = study.tests;
  const models = await records.read('models');
  if (models.length === 0) return [];
  if (tests)
    requireMinorityGroups(study, tests, records.name, Math.max(...distinct(models, 'group').map(Number)) + 1);
  const margins = await records.read('margins');
  const effects = await records.read('effects');
  const perturbations = await records.read('perturbations');
  const groupName = groupNames(tests);
  const look = (caption: string, ...notes: string[]) => ({ caption, notes, groupName });
  return [
    ...pivot(
      means(models, ['stage', 'split', 'group'], ['accuracy'])[0],
      { down: ['stage', 'split'], across: ['group'], cell: 'accuracy' },
      look(`Accuracy in percent: ${INTERVAL}`, countOf(study, models, records.name)),
    ),
    ...marginTable(margins, tests, look),
    ...(tests ? testTables(tests, testRows(tests, models, effects, perturbations), look) : []),
    ...(tests ? growthTables(tests, models, effects, look) : []),
    ...effectTable(effects, look),
    ...layerTable(await records.read('layers'), look),
    ...overlapTable(await records.read('overlaps'), look),
    ...(tests?.sigma === undefined ? [] : perturbationTable(select(perturbations, { k: tests.k }), look)),
  ];
}

/** Means over models, and the columns of their list. */
function means(rows: readonly Row[], by: readonly ColumnName[], measures: readonly ColumnName[]) {
  return [summarize(rows, { by, over: 'seed', measures }), [...by, ...measures]] as const;
}

/** The columns of the groups' changes of accuracy. */
function changesOf(rows: readonly Row[]) {
  return groupsIn(rows[0], 'accuracy').map((group) => changeColumn('accuracy', group));
}

/** `birds: 2 models (seeds 0, 1); 1.00 hours`, in the study's order: jobs end in any. */
function countOf(study: Study, models: readonly Row[], name: string): string {
  const recorded = distinct(models, 'seed');
  const seeds = (study.pools[name] ?? [name])
    .flatMap((data) => rowsOn(study, data).models.seeds)
    .filter((seed) => recorded.includes(seed));
  const took = hoursText(groupedBy(models, ['seed', 'seconds']).map(([first]) => first ?? {}));
  return `${name}: ${seeds.length} models (seeds ${seeds.join(', ')}); ${took}`;
}

function marginTable(margins: readonly Row[], tests: NeuronTests | undefined, look: Captions): Table[] {
  const rows = margins.map(({ mean = null, tenth = null, ...row }) => {
    return { ...row, startMargin: mean, startTenth: tenth };
  });
  const stage = tests?.of ?? 'all';
  const caption = `Margins of training examples before anything is zeroed, ${stage} models, in logits: ${INTERVAL}`;
  return list(...means(rows, ['group'], ['startMargin', 'startTenth']), look(caption));
}

function growthTables(
  tests: NeuronTests,
  models: readonly Row[],
  effects: readonly Row[],
  look: Captions,
): Table[] {
  const points = growthPoints(tests, models, effects);
  const grows = `Secondary: does it grow as the gap grows? Accuracy within class and margin beyond same layers, both training minus test, k = ${tests.k}`;
  return [
    ...list(...means(points, ['criterion', 'chosenFor', 'stage'], ['gap', 'logits']), look(grows)),
    ...list(
      summarize(growthSlopes(points), { by: ['criterion', 'chosenFor'], over: 'seed', measures: ['slope'] }),
      ['criterion', 'chosenFor', 'n', 'slope'],
      look(`Secondary: slope over ${(tests.growth ?? []).join(', ')} of the models whose gap changes`),
    ),
  ];
}

function effectTable(effects: readonly Row[], look: Captions): Table[] {
  const rows = effects
    .toSorted((a, b) => numberOf(a, 'k') - numberOf(b, 'k'))
    .map((row) => ({ ...row, ...Object.fromEntries(BEYOND.map(([name, valueOf]) => [name, valueOf(row)])) }));
  const by = ['stage', 'split', 'k', 'criterion', 'chosenFor'] as const;
  const caption = `Secondary: change of accuracy in points by group, interactions of accuracy, margin and loss, and the interaction and own margin beyond random sets: ${INTERVAL}`;
  const measures = [...changesOf(effects), ...INTERACTIONS, ...BEYOND.map(([name]) => name)];
  return list(...means(rows, by, measures), look(caption));
}

function layerTable(layers: readonly Row[], look: Captions): Table[] {
  return pivot(
    means(layers, ['criterion', 'layer', 'group'], ['accuracy'])[0],
    { down: ['layer'], across: ['criterion', 'group'], cell: 'accuracy' },
    look(
      `Fig. 7: change of a group’s accuracy in points when its top neuron of a layer is zeroed: ${INTERVAL}`,
    ),
  );
}

function overlapTable(overlaps: readonly Row[], look: Captions): Table[] {
  const rows = overlaps.map(({ mean = null, ...row }) => ({ ...row, percentile: mean }));
  const by = ['reading', 'chosenBy', 'rankedBy', 'group'] as const;
  const caption = `Fig. 3: where the neurons that one criterion chooses stand under the other: ${INTERVAL}`;
  return list(...means(rows, by, ['percentile', 'top5', 'top50']), look(caption));
}

function perturbationTable(perturbations: readonly Row[], look: Captions): Table[] {
  const rows = perturbations.map((row) => ({ ...row, own: ownMargin(row) }));
  const caption = `Secondary: change of accuracy in points by group, minority minus majority, and margins in logits: ${INTERVAL}`;
  return list(
    ...means(
      rows,
      ['perturbation', 'sigma', 'criterion', 'chosenFor'],
      [
        ...changesOf(perturbations),
        changeColumn('accuracy', 'Interaction'),
        'own',
        changeColumn('margin', 'Interaction'),
      ],
    ),
    look(caption),
  );
}

/** Returns planned tests, other questions, and post-hoc questions: means over models, p-values, and verdicts for a planned family. */
function testTables(
  { k, of: stage, sigma, leastModels, family }: NeuronTests,
  rows: readonly Row[],
  look: Captions,
): Table[] {
  const where = `k = ${k}, training split, ${stage} models; margins in logits, accuracies in points, losses in nats`;
  const drawn = sigma === undefined ? '' : `; random values and noise have a standard deviation of ${sigma}`;
  return groupedBy(rows, ['status']).flatMap((own) => {
    const by = ['status', 'question', 'criterion', 'chosenFor', 'unit', 'margin', 'sign', 'family'];
    const all = summarize(own, { by, over: 'seed', measures: ['value', 'pooled'] });
    const shown = all.filter((row) => row.value !== undefined);
    const isPlanned = own[0]?.status === 'Primary';
    const tested = withTests(shown, 'value', {
      family: (row) => row.family as string | null,
      least: leastModels,
      margin: (row) => numberOf(row, 'margin'),
      // Of recorded shares.
      resolution: (row) => (row.status === 'Post hoc' && row.unit === 'points' ? 100 * SHARE_RESOLUTION : 0),
    }).map((row) => judged(row, row.family === 'planned'));
    const left = all
      .filter((row) => row.value === undefined)
      .map(({ question, criterion }) => [question, criterion].filter(Boolean).join(' '));
    const planned = tested.filter((row) => row.family === 'planned' && row.valueP !== undefined).length;
    return list(
      tested,
      [
        ...(['question', 'criterion', 'chosenFor', 'n', 'value', 'valueP', 'valuePHolm'] as const),
        ...(['limit', 'valueWithin', 'verdict', 'pooled'] as const),
      ],
      look(
        `${String(own[0]?.status)}: ${where}${isPlanned ? drawn : ''}; Holm’s correction is over ${isPlanned && family ? plural(planned, 'planned test') : 'the tests of a question'}`,
        ...(isPlanned && left.length > 0
          ? [`Left out, for want of records: ${[...new Set(left)].join('; ')}`]
          : []),
      ),
    );
  });
}

/** Throws `USAGE` if tests name a group that the data lacks. */
function requireMinorityGroups({ path }: Study, tests: NeuronTests, name: string, numGroups: number): void {
  const named = [...minoritiesOf(tests), ...Object.values(tests.minorityGroups)];
  const unknown = named.find((one) => one >= numGroups);
  if (unknown === undefined) return;
  const problem = `there is no group ${unknown}: ${name} has the groups 0 to ${numGroups - 1}.`;
  throw new SpurmemError('USAGE', `${path}, tests.neurons.minorityGroups: ${problem}`);
}
