import { sampleRankCorrelation } from 'simple-statistics';
import type { ColumnName } from '../../kit/columns.js';
import { distinct, groupedBy, numberOf, numbers, pick, type Row, select } from '../../kit/rows.js';
import { summarize, withTests } from '../../kit/summarize.js';
import { list, type Table } from '../../kit/table.js';
import { mean } from '../../metrics/statistics.js';
import { dots } from '../../report/chart.js';
import type { NamedChart } from '../../report/vega/render.js';
import * as z from '../../zod.js';
import type { RecordSource } from '../part.js';

const ALPHA = 0.05;
const CHANCE = 0.5;
const GROUPS = ['kept, not blond', 'planted, not blond', 'kept, blond', 'planted, blond'];
const [ALL, LAYER] = ['all neurons', 'the planted layer'];
const CHANGES = ['ownChange', 'randomChange', 'keptChange', 'keptTestChange'] as const;

/** Limits by which tables judge planted memories. */
export const testsSchema = z.strictObject({
  /** A planting is pure: the min share of fitted planted images, and the max change of the kept groups' test accuracy. */
  pure: z.strictObject({ fitted: z.number().min(0).max(1), moved: z.number().min(0).max(1) }),
  /** The min AUC within the layer of a criterion that finds them, and the largest negligible difference from 0.5. */
  found: z.strictObject({ least: z.number().min(0.5).max(1), within: z.number().positive().max(0.5) }),
  /** A memory is erased: the min drop of its accuracy, and the max change of the kept groups' test accuracy. */
  erased: z.strictObject({ least: z.number().min(0).max(1), moved: z.number().min(0).max(1) }),
});
export type PlantedTests = z.output<typeof testsSchema>;

/** The recorded plantings of some data, and what was measured on the pure ones. */
async function readPlanted({ pure }: PlantedTests, records: RecordSource) {
  const recorded = (await records.read('planted')).map((row): Row => {
    const moved = numberOf(row, 'test') - numberOf(row, 'testBefore');
    const twinsMoved = numberOf(row, 'twins') - numberOf(row, 'twinsBefore');
    const isPure = numberOf(row, 'fitted') >= pure.fitted && Math.abs(moved) <= pure.moved;
    return { ...row, moved, twinsMoved, isPure };
  });
  const ofPure = async (table: string): Promise<Row[]> =>
    (await records.read(table)).filter(
      (row) => select(recorded, pick(row, ['seed', 'stage']))[0]?.isPure === true,
    );
  return { recorded, ofPure };
}

/** Means over models, with what `add` tells of each mean's rows, and the columns of their list. */
function means(
  rows: readonly Row[],
  by: readonly ColumnName[],
  measures: readonly ColumnName[],
  add: (row: Row, rows: readonly Row[]) => Row = () => ({}),
): [Row[], ColumnName[]] {
  const summarized = groupedBy(rows, by).flatMap((own) =>
    summarize(own, { by, over: 'seed', measures }).map((row) => ({ ...row, ...add(row, own) })),
  );
  return [summarized, [...by, ...measures]];
}

function listed(caption: string, [rows, columns]: [Row[], ColumnName[]], ...added: ColumnName[]): Table[] {
  return list(rows, [...columns, ...added], {
    caption: `${caption}: means over models, 95 % intervals`,
    groupName: (group) => GROUPS[group] ?? `G${group}`,
  });
}

/** The tables of planted memories: what was planted, whether it is found, and what erases it. None if nothing is recorded. */
export async function plantedTables(
  tests: PlantedTests | undefined,
  records: RecordSource,
): Promise<Table[]> {
  if (tests === undefined) return [];
  const { recorded, ofPure } = await readPlanted(tests, records);
  const found = await ofPure('found');
  const erased = comparedWithKept(await ofPure('erased'));
  const minimal = (await ofPure('minimal')).map((row): Row => {
    return { ...row, kind: numberOf(row, 'group') % 2 === 1 ? 'planted' : 'kept' };
  });
  return [
    ...listed(
      'Plantings; only pure ones count below',
      means(
        recorded,
        ['layer', 'neurons', 'images'],
        ['epochs', 'fitted', 'moved', 'twinsMoved'],
        (_, own) => ({ pure: `${own.filter(({ isPure }) => isPure === true).length} of ${own.length}` }),
      ),
      'pure',
    ),
    ...foundTable(found, tests, records.name),
    ...listed(
      'Are they found, by layer',
      means(found, ['criterion', 'layer', 'chance', 'chanceInLayer'], ['auc', 'aucInLayer', 'precisionAtK']),
    ),
    ...listed(
      'Are they found, by class of the planted images; with the rank correlation with their mean margin, over models',
      means(found, ['criterion', 'layer', 'group'], ['aucInLayer'], (_, own) => ({
        withMargin:
          own.length < 2 ? null : sampleRankCorrelation(numbers(own, 'aucInLayer'), numbers(own, 'margin')),
      })),
      'withMargin',
    ),
    ...listed(
      'Erasing: changes of accuracy in points; kept groups are the mean of both classes',
      means(
        erasedByModel(erased, recorded),
        ['perturbation', 'criterion'],
        [...CHANGES, 'ofMemory', 'beyondRandom', 'beyondKept'],
        (row) => ({ verdict: isErased(row, tests) ? 'erases' : '' }),
      ),
      'verdict',
    ),
    ...listed(
      'Zeroing, by class of the planted images: changes of training accuracy in points',
      means(
        select(erased, { perturbation: 'zero' }),
        ['criterion', 'group'],
        ['ownChange', 'randomChange', 'kept0', 'kept2'],
      ),
    ),
    ...listed(
      'Erasing, by layer: changes of accuracy in points',
      means(erased, ['layer', 'perturbation', 'criterion'], ['ownChange', 'keptTestChange']),
    ),
    ...listed('Minimal sets', means(minimal, ['kind'], ['perImage', 'forgotten', 'precisionAtK', 'chance'])),
  ];
}

/** Whether criteria put planted neurons above the others, of the model and of the layer, with the plan's verdicts. */
function foundTable(found: readonly Row[], { found: limits }: PlantedTests, name: string): Table[] {
  const rows = found.flatMap((row) =>
    [ALL, LAYER].map((among): Row => {
      const auc = numberOf(row, among === ALL ? 'auc' : 'aucInLayer');
      return { ...row, among, auc, beyondChance: auc - CHANCE };
    }),
  );
  const by = ['criterion', 'among'] as const;
  const measures = ['auc', 'beyondChance'] as const;
  const tested = withTests(summarize(rows, { by, over: 'seed', measures }), 'beyondChance', {
    family: () => name,
    margin: ({ among }) => (among === LAYER ? limits.within : Number.NaN),
  });
  return list(
    tested.map((row) => ({ ...row, verdict: row.among === LAYER ? foundVerdict(tested, row, limits) : '' })),
    [...by, 'n', 'auc', 'beyondChanceP', 'beyondChancePHolm', 'beyondChanceWithin', 'verdict'],
    {
      caption: `Primary: AUC of the planted neurons, over layers and classes: means over models, 95 % intervals; Holm\u2019s correction is over the ${tested.length} tests`,
      notes: [`margin: within ${limits.within} of ${CHANCE}`],
    },
  );
}

function foundVerdict(tested: readonly Row[], inLayer: Row, { least }: PlantedTests['found']): string {
  const isAbove = (row: Row | undefined): boolean =>
    numberOf(row, 'beyondChancePHolm') < ALPHA && numberOf(row, 'auc') > CHANCE;
  const { criterion = null } = inLayer;
  if (!isAbove(select(tested, { criterion, among: ALL })[0]))
    return inLayer.beyondChanceWithin === true ? 'does not find' : 'open';
  return isAbove(inLayer) && numberOf(inLayer, 'auc') >= least ? 'finds' : 'sees the layer';
}

/** Changes in training, with the kept groups' mean there and in test. */
function comparedWithKept(erased: readonly Row[]): Row[] {
  const kept = (row: Row | undefined): number => (numberOf(row, 'kept0') + numberOf(row, 'kept2')) / 2;
  return select(erased, { split: 'train' }).map((row) => {
    const same = pick(row, ['seed', 'stage', 'perturbation', 'criterion', 'group']);
    const [test] = select(erased, { ...same, split: 'test' });
    return { ...row, keptChange: kept(row), keptTestChange: kept(test) };
  });
}

/** Returns a row for each model: the means over its layers and classes, and what planting added to its images. */
function erasedByModel(erased: readonly Row[], recorded: readonly Row[]): Row[] {
  const added = recorded
    .filter(({ isPure }) => isPure === true)
    .map((row): Row => ({ ...row, added: numberOf(row, 'fitted') - numberOf(row, 'fittedBefore') }));
  return groupedBy(erased, ['perturbation', 'criterion', 'seed']).map((own): Row => {
    const [first] = own;
    const of = Object.fromEntries(CHANGES.map((name) => [name, mean(numbers(own, name))]));
    const { ownChange = 0, randomChange = 0, keptChange = 0 } = of;
    const memory = mean(numbers(select(added, pick(first, ['seed'])), 'added'));
    return {
      ...pick(first, ['perturbation', 'criterion', 'seed']),
      ...of,
      ofMemory: -ownChange / memory,
      beyondRandom: ownChange - randomChange,
      beyondKept: ownChange - keptChange,
    };
  });
}

/** Whether planted images lose their memory, and kept groups nothing in test (the plan's rule). */
function isErased(row: Row, { erased: { least, moved } }: PlantedTests): boolean {
  return numberOf(row, 'ownChange') <= -least && Math.abs(numberOf(row, 'keptTestChange')) <= moved;
}

/** The AUC of the planted neurons by each criterion: a dot per model. */
export async function plantedChart(
  tests: PlantedTests | undefined,
  records: RecordSource,
): Promise<NamedChart[]> {
  if (tests === undefined) return [];
  const found = await (await readPlanted(tests, records)).ofPure('found');
  const rows = distinct(found, 'criterion').flatMap((criterion) =>
    (['auc', 'aucInLayer'] as const).flatMap((measure) => {
      const among = measure === 'auc' ? ALL : LAYER;
      return select(found, { criterion }).map((row): Row => {
        return { arm: `${String(criterion)}, ${among}`, seed: row.seed ?? null, auc: numberOf(row, measure) };
      });
    }),
  );
  return dots(summarize(rows, { by: ['arm'], over: 'seed', measures: ['auc'] }), {
    name: `${records.name}-auc`,
    title: `Planted ${records.name} images: are the neurons found?`,
    notes: ['dashed: chance'],
    groups: [],
    down: ['arm'],
    x: 'auc',
    reference: CHANCE,
  });
}
