import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CsvRow } from '../../src/kit/rows.js';
import type { Table } from '../../src/kit/table.js';
import { readStudy } from '../../src/study/document.js';
import { Records } from '../../src/study/records.js';
import { studyTables } from '../../src/study/tables.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const path = join(folder, 'study.yaml');
/** Two folds, four seeds of each. */
const SEEDS = { 'fold-0': [0, 2, 4, 6], 'fold-1': [1, 3, 5, 7] };
const STUDY = `
title: Folds
runs: ${join(folder, 'runs')}
records: results
arms:
  late: {}
  ERM: { tune: { lr: [0.1, 0.3] } }
  masked: { method: finetune, from: ERM }
  harmful: { method: rwg }
  same: { method: rwg }
tuning: { seeds: [100] }
traces: [{ trace: effects, of: late, settings: { heldOutHalf: true } }]
tests:
  neurons:
    of: late
    k: 3
    criteria: [gradient, magnitude]
    primary:
      - accuracy within class, training minus test
      - interaction beyond same layers
      - beyond same layers
      - beyond same layers, training minus test
      - within class, minority-chosen minus majority-chosen
    family: { criteria: [gradient], points: 5 }
    minorityGroups: { 1: 0 }
    equivalence: 0.25
    leastModels: 6
  arms: { reference: ERM, focus: masked, primary: [ERM, harmful, same], equivalence: 3 }
pools: { both: [fold-0, fold-1] }
data:
  fold-0:
    path: a
    models: { arms: [late], seeds: [0, 2, 4, 6] }
    compared: { seeds: [0, 2, 4, 6], tested: true, arms: &all [ERM, masked, harmful, same] }
  fold-1:
    { path: b, models: { arms: [late], seeds: [1, 3, 5, 7] }, compared: { seeds: [1, 3, 5, 7], tested: true, arms: *all } }
`;

/** Student's t with 7 degrees of freedom. */
const T = { two: 2.364624, one: 1.894579 };

function spread(values: readonly number[], quantile: number): string[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const reach = quantile * Math.sqrt(variance / values.length);
  return [mean - reach, mean + reach].map((end) => end.toFixed(1));
}

const took = { seconds: 1800, processorSeconds: 3600 };

/** Of seed s: what a model is asked for, in numbers that are easily summed. */
const ofModel = {
  fit: (seed: number) => 40 + seed,
  beyond: (seed: number) => 1 + seed / 10,
  test: (seed: number) => 1 + seed / 10 + (seed % 2 === 0 ? 0.1 : -0.1),
};

function effect(seed: number, criterion: string, differs: CsvRow): CsvRow {
  return {
    seed,
    stage: 'late',
    split: 'train',
    criterion,
    chosenFor: 1,
    k: 3,
    accuracy0: 0,
    margin0: 0,
    loss0: 0,
    accuracy1: 0,
    margin1: 0,
    loss1: 0,
    accuracyInteraction: 0,
    marginInteraction: -2 - seed / 10,
    lossInteraction: 0,
    'same-layers margin': 0,
    'same-layers marginInteraction': -1,
    ...differs,
  };
}

beforeAll(async () => {
  writeFileSync(path, STUDY);
  for (const [fold, seeds] of Object.entries(SEEDS)) {
    const records = new Records(join(folder, 'results'), fold);
    for (const seed of seeds) {
      const minority = 0.5 + (45 - ofModel.fit(seed)) / 100;
      const accuracies = { train: [1, 1], val: [0.9, 0.5], test: [0.95, minority] };
      await records.add(
        'models',
        Object.entries(accuracies).flatMap(([split, ofGroups]) =>
          ofGroups.map((accuracy, group) => ({ seed, stage: 'late', split, group, accuracy, ...took })),
        ),
      );
      await records.add(
        'effects',
        ['gradient', 'magnitude'].flatMap((criterion) => [
          effect(seed, criterion, { margin1: ofModel.beyond(seed) }),
          effect(seed, criterion, { margin1: ofModel.test(seed), split: 'test' }),
          // Under the majority group's neurons: +-3 compared with the minority's own change.
          effect(seed, criterion, {
            margin1: ofModel.beyond(seed) + (seed % 2 === 0 ? 3 : -3),
            chosenFor: 0,
          }),
        ]),
      );
    }
  }
});

/** The tables of a part of a study. */
async function tablesOf(file: string, part: string, on?: string[]): Promise<readonly Table[]> {
  const sections = await studyTables(await readStudy(file), on);
  return sections.find(({ heading }) => heading.endsWith(part))?.tables ?? [];
}

const table = (tables: readonly Table[] | undefined, caption: RegExp): Table => {
  const found = tables?.find((one) => caption.test(one.caption));
  if (!found)
    throw new Error(`No table ${String(caption)} of ${(tables ?? []).map((one) => one.caption).join('; ')}`);
  return found;
};
const cells = ({ columns, rows }: Table, ...names: readonly (string | RegExp)[]): unknown[][] =>
  rows.map((row) =>
    names.map(
      (name) =>
        row[columns.findIndex((column) => column.name === name || new RegExp(name).test(column.name))],
    ),
  );

test('planned tests are over all models of a pool, one family, with verdicts by the study\u2019s rule', async () => {
  const sections = await studyTables(await readStudy(path));
  expect(sections.map(({ heading }) => heading)).toEqual(['both, Part I']);
  const part1 = await tablesOf(path, 'Part I');
  expect(table(part1, /^Accuracy in percent/).notes?.[0]).toBe(
    'both: 8 models (seeds 0, 2, 4, 6, 1, 3, 5, 7); 4.00 hours, 8.00 of processor time',
  );
  const family = table(part1, /^Primary/);
  expect(family.caption).toContain('over 5 planned tests');
  // 2 of 256 signs; Holm's factors are 5, 4 and 3 for the three least p, whose corrected ones do not fall.
  const least = ['0.0078', '0.0391'];
  const none = ['1.0000', '1.0000'];
  const chosenForWhom = 'within class, minority-chosen minus majority-chosen';
  expect(
    cells(family, 'question', 'criterion', 'chosen for', /^n$/, /^p$/, /Holm/, /^margin$/, 'verdict'),
  ).toEqual([
    ['accuracy within class, training minus test', '', 'G1*', '8', ...least, '5 points', 'holds'],
    ['interaction beyond same layers', 'gradient', 'G1*', '8', ...least, '0.25 logits', 'holds'],
    ['interaction beyond same layers', 'magnitude', 'G1*', '8', '', '', '0.25 logits', ''],
    // Significant with the other sign.
    ['beyond same layers', 'gradient', 'G1*', '8', ...least, '0.25 logits', 'does not hold'],
    ['beyond same layers', 'magnitude', 'G1*', '8', '', '', '0.25 logits', ''],
    // Within a tenth of a logit of 0.
    [
      'beyond same layers, training minus test',
      'gradient',
      'G1*',
      '8',
      ...none,
      '0.25 logits',
      'does not hold',
    ],
    ['beyond same layers, training minus test', 'magnitude', 'G1*', '8', '', '', '0.25 logits', ''],
    // 3 logits one way or the other.
    [chosenForWhom, 'gradient', 'G1*', '8', ...none, '0.25 logits', 'open'],
    [chosenForWhom, 'magnitude', 'G1*', '8', '', '', '0.25 logits', ''],
  ]);
  const fit = [0, 2, 4, 6, 1, 3, 5, 7].map(ofModel.fit);
  expect(cells(family, 'mean', '90 %')[0]).toEqual([
    `43.5 [${spread(fit, T.two).join(', ')}]`,
    `no [${spread(fit, T.one).join(', ')}]`,
  ]);
  expect(cells(family, 'mean', '90 %')[5]?.join(' ')).toMatch(
    /^-?0\.000 \[-0\.089, 0\.089\] yes \[-0\.072, 0\.072\]$/,
  );
  // The other questions as always, and no planned one twice.
  const others = new Set(cells(table(part1, /^Not planned/), 'question').flat());
  expect([...others]).toEqual(['interaction', 'within class, training minus test']);
  // A fold alone has four models, which are fewer than are tested.
  const ofFold = table(await tablesOf(path, 'fold-1, Part I', ['fold-1']), /^Primary/);
  expect(cells(ofFold, /^n$/)).toEqual(Array(9).fill(['4']));
  expect(ofFold.columns.map(({ name }) => name)).not.toContain('p');
});

test('what a family lacks is named, and not tested', async () => {
  const lacking = join(folder, 'lacking.yaml');
  writeFileSync(
    lacking,
    STUDY.replace('- interaction beyond same layers', '- interaction beyond whole model'),
  );
  const family = table(await tablesOf(lacking, 'Part I'), /^Primary/);
  expect(family.notes).toEqual([
    'Left out, for want of records: interaction beyond whole model gradient; interaction beyond whole model magnitude',
  ]);
  expect(family.caption).toContain('over 4 planned tests');
});

/** What the tuning of a fold chooses, after what it chose before more was tuned. */
const LR = { 'fold-0': 0.1, 'fold-1': 0.3 };

async function tune(results: string): Promise<void> {
  for (const [fold, best] of Object.entries(LR)) {
    const tried = [0.1, 0.3].map((lr) => ({
      arm: 'ERM',
      seed: 100,
      configuration: JSON.stringify({ lr }),
      validation: lr === best ? 0.6 : 0.5,
      ...took,
    }));
    await new Records(results, fold).add('tuning', tried);
  }
}

/** Of 10 and 16 examples in a fold, of 10 and 17 in the other. */
const TOTALS = { 'fold-0': [10, 16], 'fold-1': [10, 17] };
const CORRECT: Readonly<Record<string, Readonly<Record<keyof typeof SEEDS, readonly number[]>>>> = {
  ERM: { 'fold-0': [5, 12], 'fold-1': [10, 10] },
  masked: { 'fold-0': [8, 14], 'fold-1': [10, 14] },
  harmful: { 'fold-0': [9, 15], 'fold-1': [10, 17] },
  same: { 'fold-0': [8, 14], 'fold-1': [10, 14] },
};

test('the worst group of a pool is that of all of its examples, and tests are paired by fold and seed', async () => {
  // Its records are not the other tests'.
  const compared = join(folder, 'compared.yaml');
  writeFileSync(compared, STUDY.replace('records: results', 'records: compared'));
  const results = join(folder, 'compared');
  await tune(results);
  for (const [arm, ofFolds] of Object.entries(CORRECT)) {
    for (const [fold, seeds] of Object.entries(SEEDS) as ['fold-0' | 'fold-1', number[]][]) {
      const [total, correct] = [TOTALS[fold], ofFolds[fold]];
      const accuracy = correct.map((count, g) => count / (total[g] ?? 0));
      const columns = correct.flatMap((count, g) => [
        [`group${g}`, accuracy[g] ?? 0] as const,
        [`correct${g}`, count] as const,
        [`total${g}`, total[g] ?? 0] as const,
      ]);
      const rows = seeds.map((seed) => ({
        arm,
        seed,
        configuration: JSON.stringify(arm === 'ERM' ? { lr: LR[fold] } : {}),
        validation: 0.5,
        precision: 'fp32',
        ...Object.fromEntries(columns),
        worst: Math.min(...accuracy),
        ...took,
      }));
      // A configuration that was chosen before more was tuned.
      const before = rows.map((row) => ({ ...row, configuration: JSON.stringify({ lr: 1 }), worst: 0 }));
      await new Records(results, fold).add('test', [...before, ...rows]);
      // One planned arm is missing: nothing is tested yet.
      const early = await tablesOf(compared, 'Part II');
      if (arm === 'masked' && fold === 'fold-1') {
        expect(early[0]?.notes?.at(-1)).toBe('Left out, for want of seeds: harmful, same');
        const [ofFocus] = early.filter(({ caption }) => caption.includes('minus that of each'));
        expect(ofFocus?.notes).toEqual(['Not tested before all planned arms are recorded: harmful, same']);
        expect(ofFocus?.columns.map(({ name }) => name)).toEqual([
          'arm',
          'pooled worst group',
          'n',
          'test worst group',
          'over benchmarks [95 %]',
          '90 % within the margin',
        ]);
      }
    }
  }
  const [accuracies, configurations, differences] = await tablesOf(compared, 'Part II');
  if (!accuracies || !configurations || !differences) throw new Error('no tables');
  // ERM: of group 0 15 of 20, of group 1 22 of 33, which is the worst; a fold's worst are 5 of 10 and 10 of 17.
  expect(cells(accuracies, /^arm$/, 'pooled')).toEqual([
    ['ERM', '66.7 (66.7, 66.7, 66.7, 66.7)'],
    ['masked', '84.8 (84.8, 84.8, 84.8, 84.8)'],
    ['harmful', '95.0 (95.0, 95.0, 95.0, 95.0)'],
    ['same', '84.8 (84.8, 84.8, 84.8, 84.8)'],
  ]);
  expect(cells(accuracies, /^test worst group$/)[0]?.[0]).toMatch(/^54\.4 \[/);
  expect(accuracies.notes).toContain('Pooled over fold-0, fold-1, all test examples of 4 seeds: mean (each)');
  expect(cells(configurations, /^arm$/, 'fold-0', 'fold-1')).toEqual([
    ['ERM', '{"lr":0.1}', '{"lr":0.3}'],
    ...['masked', 'harmful', 'same'].map((arm) => [arm, '{}', '{}']),
  ]);
  // By fold: 0.8 - 0.5 and 14 / 17 - 10 / 17; 0.8 - 0.9 and 14 / 17 - 1.
  expect(cells(differences, /^arm$/, 'pooled', /^n$/, /^p$/, 'Holm', 'verdict')).toEqual([
    ['ERM', '18.2 (18.2, 18.2, 18.2, 18.2)', '8', '0.0078', '0.0234', 'gains'],
    ['harmful', '-10.2 (-10.2, -10.2, -10.2, -10.2)', '8', '0.0078', '0.0234', 'loses'],
    ['same', '0.0 (0.0, 0.0, 0.0, 0.0)', '8', '1.0000', '1.0000', 'equivalent'],
  ]);
  const ofFold = 400 / 17;
  const gains = [30, 30, 30, 30, ofFold, ofFold, ofFold, ofFold];
  expect(cells(differences, 'test worst group', '90 %')[0]).toEqual([
    `26.8 [${spread(gains, T.two).join(', ')}]`,
    `no [${spread(gains, T.one).join(', ')}]`,
  ]);
  // One value a fold: Student's t with one degree of freedom.
  expect(cells(differences, 'over benchmarks')[0]).toEqual(['26.8 [-14.3, 67.9]']);
  // A benchmark alone has no pooled ones.
  const alone = await tablesOf(compared, 'Part II', ['fold-0']);
  expect(alone[0]?.columns.map(({ name }) => name)).not.toContain('pooled worst group');
  expect(alone[1]?.columns.map(({ name }) => name)).not.toContain('verdict');
});
