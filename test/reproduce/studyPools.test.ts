import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from '../../src/kit/table.js';
import { readStudy } from '../../src/reproduce/studyFile/readStudy.js';
import { type RecordRow, Records } from '../../src/reproduce/studyFile/records.js';
import { openStudy, reproduceStudy, studyTables } from '../../src/reproduce/studyFile/reproduceStudy.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const path = join(folder, 'study.yaml');
/** Two folds, four seeds of each. */
const SEEDS = { 'fold-0': [0, 2, 4, 6], 'fold-1': [1, 3, 5, 7] };
const STUDY = `
title: Folds
runs: ${join(folder, 'runs')}
records: results
erm: {}
finetune: {}
models:
  seeds: [0]
  stages: { late: {} }
  traces: [{ record: effects, stage: late, settings: { heldOutHalf: true } }]
  tests:
    stage: late
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
arms:
  ERM: { method: erm, grid: { lr: [0.1, 0.3] } }
  masked: { method: finetune }
  harmful: { method: rwg }
  same: { method: rwg }
tuning: { seeds: [100] }
comparisons: { reference: ERM, focus: masked, primary: [ERM, harmful, same], equivalence: 3 }
pools: { both: [fold-0, fold-1] }
benchmarks:
  fold-0:
    { data: a, models: { seeds: [0, 2, 4, 6] }, arms: { seeds: [0, 2, 4, 6], tested: true, only: &all [ERM, masked, harmful, same] } }
  fold-1:
    { data: b, models: { seeds: [1, 3, 5, 7] }, arms: { seeds: [1, 3, 5, 7], tested: true, only: *all } }
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

function effect(seed: number, criterion: string, differs: RecordRow): RecordRow {
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
          // Under the majority group's neurons: +-3 beside the minority's own change.
          effect(seed, criterion, {
            margin1: ofModel.beyond(seed) + (seed % 2 === 0 ? 3 : -3),
            chosenFor: 0,
          }),
        ]),
      );
    }
  }
});

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
  const { benchmarks } = await studyTables({ study: path });
  expect(benchmarks.map(({ benchmark }) => benchmark)).toEqual(['both']);
  const part1 = benchmarks[0]?.part1;
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
  const alone = await studyTables({ study: path, benchmarks: ['fold-1'] });
  const ofFold = table(alone.benchmarks[0]?.part1, /^Primary/);
  expect(cells(ofFold, /^n$/)).toEqual(Array(9).fill(['4']));
  expect(ofFold.columns.map(({ name }) => name)).not.toContain('p');
});

test('what a family lacks is named, and not tested', async () => {
  const lacking = join(folder, 'lacking.yaml');
  writeFileSync(
    lacking,
    STUDY.replace('- interaction beyond same layers', '- interaction beyond whole model'),
  );
  const { benchmarks } = await studyTables({ study: lacking });
  const family = table(benchmarks[0]?.part1, /^Primary/);
  expect(family.notes).toEqual([
    'Left out, for want of records: interaction beyond whole model gradient; interaction beyond whole model magnitude',
  ]);
  expect(family.caption).toContain('over 4 planned tests');
});

/** What the tuning of a fold chooses, after what it chose before more was tuned. */
const LR = { 'fold-0': 0.1, 'fold-1': 0.3 };

async function tune(): Promise<void> {
  for (const [fold, best] of Object.entries(LR)) {
    const tried = [0.1, 0.3].map((lr) => ({
      arm: 'ERM',
      seed: 100,
      configuration: JSON.stringify({ lr }),
      validation: lr === best ? 0.6 : 0.5,
      ...took,
    }));
    await new Records(join(folder, 'results'), fold).add('tuning', tried);
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
  await tune();
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
      await new Records(join(folder, 'results'), fold).add('test', [...before, ...rows]);
      // One planned arm is missing: nothing is tested yet.
      const { benchmarks: early } = await studyTables({ study: path });
      if (arm === 'masked' && fold === 'fold-1') {
        expect(early[0]?.part2[0]?.notes?.at(-1)).toBe('Left out, for want of seeds: harmful, same');
        const [ofFocus] = (early[0]?.part2 ?? []).filter(({ caption }) =>
          caption.includes('minus that of each'),
        );
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
  const { benchmarks } = await studyTables({ study: path });
  const [accuracies, configurations, differences] = benchmarks[0]?.part2 ?? [];
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
  const { benchmarks: alone } = await studyTables({ study: path, benchmarks: ['fold-0'] });
  expect(alone[0]?.part2[0]?.columns.map(({ name }) => name)).not.toContain('pooled worst group');
  expect(alone[0]?.part2[1]?.columns.map(({ name }) => name)).not.toContain('verdict');
});

test.each([
  [
    'fold-1: { data: b, arms: { seeds: [1, 3, 5, 7], tested: true, only: [ERM, masked] } }',
    /fold-1\.arms: differences are `tested`, and `only` lacks harmful, same\./,
  ],
  [
    'fold-1: { data: b, arms: { seeds: [1, 3, 5, 7], only: *all } }',
    /pools\.both: its benchmarks differ in the arms that they have, or in whether these are tested\./,
  ],
  ['fold-1: { data: b, models: { seeds: [1, 1] } }', /the values must differ from each other/],
  ['fold-1: { data: b, models: { seeds: [1, 2] } }', /pools\.both: two of its benchmarks have seed 2/],
  ['fold-1: { data: b, arms: { seeds: [8], only: [ERM] } }', /pools\.both: .* numbers of seeds that differ/],
  ['fold-1: { data: b, arms: { seeds: [1, 3, 5, 6], only: [ERM] } }', /pools\.both: .* have seed 6/],
])('refuses a pool with %s', async (wrong, reason) => {
  const refused = join(folder, 'refused.yaml');
  writeFileSync(refused, STUDY.replace(/ {2}fold-1:\n.*\n$/, `  ${wrong}\n`));
  await failure(readStudy(refused), 'USAGE', refused, reason);
});

test('refuses a family of criteria that are not traced', async () => {
  const refused = join(folder, 'refused.yaml');
  writeFileSync(refused, STUDY.replace('criteria: [gradient, magnitude]', 'criteria: [magnitude]'));
  const reason = /models\.tests\.family\.criteria: there is no tested criterion gradient\./;
  await failure(readStudy(refused), 'USAGE', refused, reason);
});

test('folds are tuned on together, run, and counted', async () => {
  const data = join(folder, 'data');
  await tinyDominoes(data);
  const small = join(folder, 'small', 'study.yaml');
  const results = join(folder, 'small', 'results');
  mkdirSync(join(folder, 'small'));
  writeFileSync(
    small,
    `
title: Small folds
runs: ${join(folder, 'smallRuns')}
records: results
erm: { arch: resnet20, epochs: 1, batchSize: 42, lr: 0.001 }
finetune: {}
models:
  seeds: [0]
  erm: { select: last }
  stages: { late: {} }
  traces:
    - record: effects
      stage: late
      settings: { criteria: [gradient], topK: [2], samples: 8, nullDraws: 0, heldOutHalf: true }
    - { record: margins, stage: late, settings: { heldOutHalf: true } }
  tests:
    stage: late
    k: 2
    criteria: [gradient]
    primary: ["accuracy within class, training minus test", interaction]
    family: { criteria: [gradient], points: 5 }
    minorityGroups: { 1: 0, 2: 3 }
    equivalence: 0.25
    leastModels: 2
arms:
  ERM: { method: erm, grid: { lr: [0.001, 0.0001] } }
  RWG: { method: rwg, grid: { lr: [0.001] } }
tuning: { seeds: [5] }
comparisons: { reference: ERM, focus: RWG, primary: [ERM], equivalence: 3 }
pools: { both: [a, b] }
benchmarks:
  a: { data: ${data}, models: { seeds: [0] }, arms: { seeds: [0], tested: true, tunedOn: [a, b], only: [ERM, RWG] } }
  b: { data: ${data}, models: { seeds: [1] }, arms: { seeds: [1], tested: true, tunedOn: [a, b], only: [ERM, RWG] } }
`,
  );
  expect((await openStudy({ study: small })).map(({ tuning }) => tuning.length)).toEqual([4, 4]);
  const { benchmarks } = await reproduceStudy({ study: small, device: 'cpu', threads: 1 });
  const read = async (record: string) =>
    (await Promise.all(['a', 'b'].map((name) => new Records(results, name).read(record)))).flat();
  const tuning = await read('tuning');
  expect(tuning).toHaveLength(4);
  const scores = ['{"lr":0.001}', '{"lr":0.0001}'].map((configuration) => {
    const own = tuning.filter((row) => row.configuration === configuration);
    return { configuration, score: own.reduce((sum, row) => sum + Number(row.validation), 0) };
  });
  const [chosen] = scores.sort((one, other) => other.score - one.score);
  const rows = await read('test');
  expect(rows.map(({ arm, seed, configuration }) => [arm, seed, configuration])).toEqual([
    ['ERM', 0, chosen?.configuration],
    ['RWG', 0, '{"lr":0.001}'],
    ['ERM', 1, chosen?.configuration],
    ['RWG', 1, '{"lr":0.001}'],
  ]);
  for (const row of rows) {
    for (const group of [0, 1, 2, 3]) {
      expect(row[`total${group}`]).toBe(4);
      expect(Number(row[`correct${group}`]) / 4).toBe(row[`group${group}`]);
    }
  }
  const [both] = benchmarks;
  expect([benchmarks.length, both?.benchmark]).toEqual([1, 'both']);
  expect(cells(table(both?.part1, /^Primary/), 'question', /^n$/)).toEqual([
    ['accuracy within class, training minus test', '2'],
    ['accuracy within class, training minus test', '2'],
    ['interaction', '2'],
    ['interaction', '2'],
  ]);
  expect(cells(table(both?.part2, /minus that of each other arm/), /^arm$/, /^n$/)).toEqual([['ERM', '2']]);
});
