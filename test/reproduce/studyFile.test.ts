import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { readStudy } from '../../src/reproduce/studyFile/readStudy.js';
import { Records } from '../../src/reproduce/studyFile/records.js';
import { openStudy, reproduceStudy, studyTables } from '../../src/reproduce/studyFile/reproduceStudy.js';
import { ROOT } from '../cli/support.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const path = join(folder, 'study.yaml');

const STUDY = `
title: Dominoes
runs: ${join(folder, 'runs')}
records: results
erm: { arch: resnet20, epochs: 2, batchSize: 42, lr: 0.001 }
finetune: { kickInEpoch: 1, epochs: 1, batchSize: 42, fraction: 0.01 }
models:
  seeds: [0, 1]
  erm: { select: last }
  stages: { early: { epochs: 1 }, late: {}, first: { of: late, epoch: 1 } }
  traces:
    - { record: effects, stage: early, settings: { criteria: [gradient], topK: [2], samples: 8, nullDraws: 0 } }
    - { record: effects, stage: first, settings: { criteria: [gradient], topK: [2], samples: 8, nullDraws: 0 } }
    - record: effects
      stage: late
      settings: { criteria: [gradient], topK: [2], samples: 8, nullDraws: 3, exceedances: 3, nulls: [same-layers] }
    - { record: layers, stage: late, settings: { criteria: [gradient], topK: [1], samples: 8, nullDraws: 0 } }
    - { record: overlaps, stage: late, settings: { fraction: 0.01 } }
    - { record: margins, stage: late }
    - record: perturbations
      stage: late
      settings: { criteria: [gradient], topK: [2], samples: 8, perturbation: noise, sigmas: [0.5], repeats: 1, nullDraws: 0 }
    - { record: perturbations, stage: late, settings: { criteria: [gradient], topK: [2], samples: 8, nullDraws: 0 } }
    - record: perturbations
      stage: late
      settings: { criteria: [gradient], topK: [2], samples: 8, perturbation: reinit, sigmas: [0.5], repeats: 1, nullDraws: 0 }
  tests:
    primary: [interaction, beyond same layers]
    stage: late
    k: 2
    criteria: [gradient]
    minorityGroups: { 1: 0, 2: 3 }
    equivalence: 0.25
    leastModels: 2
    sigma: 0.5
arms:
  ERM: { method: erm, grid: { lr: [0.001] } }
  no mask: { method: finetune, settings: { criterion: none }, grid: { lr: [0.001, 0.0001] } }
tuning: { seeds: [5] }
comparisons: { reference: ERM, focus: no mask, primary: [ERM], equivalence: 3 }
benchmarks:
  dominoes: { data: ${data}, models: {}, arms: { seeds: [0, 1], only: [ERM, no mask], tested: true } }
`;

const table = async (name: string): Promise<Record<string, string>[]> =>
  parse(await readFile(join(folder, 'results', `dominoes-${name}.csv`), 'utf8'), { columns: true });

test('a study of a file is run, recorded and put into tables, and what is recorded is not run again', async () => {
  await tinyDominoes(data);
  writeFileSync(path, STUDY);
  const [open] = await openStudy({ study: path });
  expect(open?.models.map(({ seed, records }) => [seed, records.length])).toEqual([
    [0, 6],
    [1, 6],
  ]);
  // Two configurations with one seed; arms are known when they are tried.
  expect([open?.tuning.length, open?.arms]).toEqual([2, null]);

  const steps: string[] = [];
  const options = { study: path, device: 'cpu', threads: 1, onStep: (step: string) => steps.push(step) };
  const { benchmarks, across } = await reproduceStudy(options);
  expect(readdirSync(join(folder, 'runs/dominoes-part2')).sort()).toEqual([
    ...['erm', 'finetune-criterion=none-lr=0.0001', 'finetune-criterion=none-lr=0.001', 'study.plan.json'],
  ]);
  const test = await table('test');
  const tuning = await table('tuning');
  const best = Math.max(...tuning.map(({ validation }) => Number(validation)));
  const chosen = tuning.find(({ validation }) => Number(validation) === best)?.configuration;
  expect(test.map(({ arm, seed, configuration }) => [arm, seed, configuration])).toEqual([
    ['ERM', '0', '{"lr":0.001}'],
    ['no mask', '0', chosen],
    ['ERM', '1', '{"lr":0.001}'],
    ['no mask', '1', chosen],
  ]);
  expect(tuning[0]).not.toHaveProperty('worst');
  // Four groups under each of three models; of the late one the two sets beside random ones.
  const effects = await table('effects');
  expect(effects).toHaveLength(2 * 3 * 4);
  // An epoch of a run is the run that ended with it.
  expect(readdirSync(join(folder, 'runs/dominoes')).sort()).toEqual([
    'early-0',
    'early-1',
    'late-0',
    'late-1',
  ]);
  const ofStage = (rows: readonly Record<string, string>[], wanted: string) =>
    rows.filter(({ stage }) => stage === wanted).map(({ stage: _stage, ...row }) => row);
  for (const rows of [effects, await table('models')]) {
    expect(ofStage(rows, 'first')).toEqual(ofStage(rows, 'early'));
  }
  expect(ofStage(effects, 'first')).not.toEqual(ofStage(effects, 'late'));
  expect(effects.filter((row) => row['same-layers margin'] !== '').map(({ stage }) => stage)).toEqual(
    Array(8).fill('late'),
  );
  expect(await table('models')).toHaveLength(2 * 3 * 3 * 4);
  expect(await table('margins')).toHaveLength(2 * 4);

  const [dominoes] = benchmarks;
  expect(dominoes?.part1.map(({ caption }) => caption.split(/[:,]/)[0])).toEqual([
    ...['Accuracy in percent', 'Margins of training examples before anything is zeroed'],
    ...['Primary', 'Not planned', 'Post hoc', 'Secondary', 'Fig. 7', 'Fig. 3', 'Secondary'],
  ]);
  // None if random neurons of the whole model, or the test split, were not recorded.
  const questions = dominoes?.part1
    .slice(2, 4)
    .map(({ rows }) => [...new Set(rows.map(([question]) => question))]);
  expect(questions).toEqual([
    [
      ...['interaction', 'beyond same layers', 'random values minus zeroing, own change'],
      ...['noise minus zeroing, own change', 'noise, minority minus majority'],
    ],
    ['interaction beyond same layers', 'within class, minority-chosen minus majority-chosen'],
  ]);
  const [, difference] = dominoes?.part2 ?? [];
  expect(difference?.caption).toContain('over 1 planned test');
  expect(difference?.rows).toHaveLength(1);
  // How far the networks fit the training images, as their runs say.
  const [fitted] = await table('train');
  const ofRun = join(folder, 'runs/dominoes-part2/erm/seed-0/results/erm.json');
  const { train } = JSON.parse(await readFile(ofRun, 'utf8')) as { train: { accuracy: number[] } };
  expect([fitted?.arm, fitted?.seed]).toEqual(['ERM', '0']);
  train.accuracy.forEach((accuracy, group) => {
    expect(Number(fitted?.[`group${group}`])).toBeCloseTo(accuracy, 4);
  });
  expect(dominoes?.part2.at(-1)?.caption).toMatch(/^Training accuracy in percent/);
  expect(dominoes?.part2.at(-1)?.rows.map(([arm]) => arm)).toEqual(['ERM', 'no mask']);
  expect(across).toEqual([]);

  // A pool of one benchmark is that benchmark.
  writeFileSync(path, `${STUDY}pools: { dominoes: [dominoes] }\n`);
  expect(await studyTables({ study: path })).toEqual({ title: 'Dominoes', benchmarks, across });
  writeFileSync(path, STUDY);

  steps.length = 0;
  expect(await reproduceStudy(options)).toEqual({ title: 'Dominoes', benchmarks, across });
  expect(steps).toEqual([]);
  expect(await studyTables({ study: path })).toEqual({ title: 'Dominoes', benchmarks, across });
  await failure(studyTables({ study: path, benchmarks: ['domino'] }), 'USAGE');

  // Another study of the same records, which has their arms alone.
  const arms = join(folder, 'arms.yaml');
  writeFileSync(arms, STUDY.replace(' models: {},', ''));
  const [{ part1, part2 } = {}] = (await studyTables({ study: arms })).benchmarks;
  expect({ part1, part2 }).toEqual({ part1: [], part2: dominoes?.part2 });

  // A trace that was added to what is recorded.
  const added = join(folder, 'added.yaml');
  writeFileSync(
    added,
    STUDY.replace(
      '  traces:\n',
      '  traces:\n    - { record: effects, stage: late, settings: { split: test } }\n',
    ),
  );
  const partly = 'dominoes-effects.csv has seed 0 without stage late, split test.';
  const { advice } = await failure(openStudy({ study: added }), 'RUN_INVALID', partly);
  expect(advice).toEqual([expect.stringContaining('move the file away to record it anew')]);
  // A group that the data has not.
  const groups = join(folder, 'groups.yaml');
  writeFileSync(groups, STUDY.replace('2: 3 }', '2: 4 }'));
  const unknown =
    /groups\.yaml, models\.tests\.minorityGroups: there is no group 4: dominoes has the groups 0 to 3\./;
  await failure(studyTables({ study: groups }), 'USAGE', unknown);

  // Settings under which records were made: of training, of a trace, and of the arms.
  const { dominoes: settings = {} } = JSON.parse(
    await readFile(join(folder, 'results/settings.json'), 'utf8'),
  ) as Record<string, Record<string, object>>;
  const tables = [
    'effects',
    'layers',
    'margins',
    'models',
    'overlaps',
    'perturbations',
    'test',
    'train',
    'tuning',
  ];
  expect(Object.keys(settings).sort()).toEqual(tables);
  expect(Object.keys(settings.effects ?? {})).toEqual([
    ...['early', 'first', 'late'].map((stage) => `${stage}, train, k 2`),
    'data',
  ]);
  const edited = join(folder, 'edited.yaml');
  for (const [from, to, change] of [
    ['batchSize: 42, lr: 0.001', 'batchSize: 42, lr: 0.01', 'dominoes-models.csv was recorded with other'],
    ['samples: 8, nullDraws: 3', 'samples: 9, nullDraws: 3', 'late, train, k 2: [{"criteria":["gradient"]'],
    [
      'epochs: 1, batchSize: 42, fraction',
      'epochs: 2, batchSize: 42, fraction',
      'finetune: {"kickInEpoch":1',
    ],
    ['{ criterion: none }', '{ criterion: random }', 'arm no mask: {"method":"finetune"'],
    ['equivalence: 3 }', 'equivalence: 5 }', '"equivalence":3} there'],
    ['reference: ERM, focus: no mask', 'reference: ERM, focus: ERM', '"focus":"no mask"'],
  ] as const) {
    expect(STUDY).toContain(from);
    writeFileSync(edited, STUDY.replace(from, to));
    for (const job of [reproduceStudy, studyTables]) {
      await failure(job({ ...options, study: edited }), 'RUN_EXISTS', change);
    }
  }

  // Other data, of a model that is not recorded yet.
  const otherData = join(folder, 'other-data');
  cpSync(data, otherData, { recursive: true });
  const description = join(otherData, 'dataset.json');
  writeFileSync(
    description,
    JSON.stringify({ ...JSON.parse(await readFile(description, 'utf8')), name: 'x' }),
  );
  writeFileSync(
    edited,
    STUDY.replace(`data: ${data}`, `data: ${otherData}`).replace('seeds: [0, 1]', 'seeds: [0, 1, 2]'),
  );
  await failure(reproduceStudy({ ...options, study: edited }), 'RUN_EXISTS', 'data: "');

  const seven = '`seeds` is 7, and dominoes of';
  await failure(openStudy({ study: path, seeds: [0, 7] }), 'USAGE', seven, 'have the seeds 0, 1.');
});

test.each([
  ['photographs/study', 3],
  ['celeba/study', 4],
  ['celeba/further', 4],
  ['celeba-converged/study', 0],
  ['compositions/study', 4],
])('the study of %s is a study', async (name, questions) => {
  const { benchmarks, models } = await readStudy(join(ROOT, 'studies', `${name}.yaml`));
  expect(Object.keys(benchmarks).length).toBeGreaterThan(4);
  expect(models?.tests.primary ?? []).toHaveLength(questions);
});

test('CelebA\u2019s further arms are set against those of its study, which share their records', async () => {
  const [study, further] = await Promise.all(
    ['study', 'further'].map((name) => readStudy(join(ROOT, 'studies/celeba', `${name}.yaml`))),
  );
  for (const shared of ['erm', 'finetune', 'tuning', 'recordsFolder'] as const) {
    expect(further?.[shared]).toEqual(study?.[shared]);
  }
  const both = further?.arms.filter(({ name }) => study?.arms.some((arm) => arm.name === name));
  expect(both).toHaveLength(4);
  for (const arm of both ?? []) expect(study?.arms).toContainEqual(arm);
  for (const fold of study?.pools?.celeba ?? []) {
    const [own, others] = [further?.benchmarks[fold], study?.benchmarks[fold]];
    expect(own?.data).toBe(others?.data);
    const { seeds, tunedOn } = others?.arms ?? {};
    expect(own?.arms).toMatchObject({ seeds, tunedOn, tested: false });
  }
});

test('CelebA\u2019s folds are one set of models, tested as one family, and its neurons are judged on the other half', async () => {
  const { benchmarks, pools, models } = await readStudy(join(ROOT, 'studies/celeba/study.yaml'));
  const folds = Object.entries(benchmarks);
  expect(pools).toEqual({ celeba: folds.map(([name]) => name) });
  expect(folds.flatMap(([, { models: own }]) => own?.seeds)).toEqual([0, 5, 1, 6, 2, 7, 3, 8, 4, 9]);
  for (const [tested, [, { arms }]] of folds.entries()) {
    expect(arms?.tested).toBe(true);
    expect(arms?.tunedOn).toHaveLength(3);
    // A fold validates on the next one.
    const validated = [arms?.tunedOn].flat().map((name) => (Number(name?.at(-1)) + 1) % folds.length);
    expect(validated).not.toContain(tested);
  }
  expect(models?.traces.every(({ settings }) => settings.heldOutHalf === true)).toBe(true);
  expect(models?.tests.family).toEqual({ criteria: ['gradient', 'gradient-x-weight'], points: 5 });
});

test('processes that record at once lose no rows', async () => {
  const records = () => new Records(join(folder, 'shared'), 'dominoes');
  const seeds = [0, 1, 2, 3];
  await Promise.all(seeds.map((seed) => records().add('test', [{ seed, worst: 1 / 3 }])));
  const rows = await records().read('test');
  expect(rows.map(({ seed }) => seed).sort()).toEqual(seeds);
  expect(readdirSync(join(folder, 'shared'))).toEqual(['dominoes-test.csv']);
  // Rows that another process has added already are not added again.
  await records().add('test', [{ seed: 3, worst: 1 / 3 }], { seed: 3 });
  expect(await records().read('test')).toHaveLength(4);
  const { message } = await failure(records().add('test', [{ seed: 4 }]), 'RUN_INVALID');
  expect(message).toContain('has the columns seed, worst, and new rows have seed.');
});

test.each([
  [
    'method: finetun,',
    'method: finetune,',
    /arms\.no mask\.method: there is no method finetun\. The nearest are finetune/,
  ],
  ['criterium: none', 'criterion: none', /arms\.no mask: There is no option `criterium`\. .*criterion/],
  ['lr: [0.001, -1]', 'lr: [0.001, 0.0001]', /arms\.no mask: `lr` is -1/],
  ['lr: [0.1, 0.1]', 'lr: [0.001, 0.0001]', /`grid` of the arm no mask: lr takes values that differ/],
  ['', 'tuning: { seeds: [5] }', /it takes `tuning`/],
  [
    'only: [ERN]',
    'only: [ERM, no mask]',
    /benchmarks\.dominoes\.arms\.only: there is no arm ERN\. The nearest are ERM/,
  ],
  ['focus: mask', 'focus: no mask', /comparisons\.focus: there is no arm mask\. The nearest are no mask/],
  [
    'stage: earli,',
    'stage: early,',
    /models\.traces\[0\]\.stage: there is no stage earli\. The nearest are early/,
  ],
  [
    'first: { of: first, epoch: 1 }',
    'first: { of: late, epoch: 1 }',
    /models\.stages\.first\.of: there is no trained stage first\. The nearest are /,
  ],
  [
    'sample: 8, nullDraws: 0',
    'samples: 8, nullDraws: 0',
    /models\.traces\[0\]\.settings: There is no option `sample`\. .*samples/,
  ],
  [
    '}\npools: { all: [dominoes, domino] }\n',
    '}\n',
    /pools\.all: there is no benchmark domino\. The nearest are dominoes/,
  ],
  ['tested: true, tunedOn: [dominoes, birds]', 'tested: true', /arms\.tunedOn: there is no benchmark birds/],
  [
    'primary: ["accuracy within class, training minus test"]',
    'primary: [interaction, beyond same layers]',
    /models\.tests\.primary: `accuracy within class, training minus test` takes `family`/,
  ],
  ['titel: Dominoes', 'title: Dominoes', /is no study: .*title/s],
  ['seeds: [0, 0]', 'seeds: [0, 1]', /is no study: .*the values must differ from each other/s],
  ['only: [ERM, ERM]', 'only: [ERM, no mask]', /is no study: .*the values must differ/s],
  [
    'only: [no mask]',
    'only: [ERM, no mask]',
    /dominoes\.arms: differences are `tested`, and `only` lacks ERM/,
  ],
  ['"2": { method: erm', 'ERM: { method: erm', /is no study: .*a name that is no number\s+→ at arms\.2/s],
  ['../dominoes: {', 'dominoes: {', /is no study: .*only letters, digits, points/s],
  ['{ of: late, epoch: 0 }', '{ of: late, epoch: 1 }', /stages\.first: an epoch of another stage takes `of`/],
  ['erm: { selct: last }', 'erm: { select: last }', /models\.erm: There is no option `selct`/],
  [
    'stage: early, settings: { fraction: 0.01 }',
    'stage: late, settings: { fraction: 0.01 }',
    /traces: \[4\]: overlaps are of the tested stage, late\./,
  ],
  ['topK: [1, 2], samples', 'topK: [1], samples', /traces: \[3\]: layers take `topK: \[1\]`/],
  [
    'stage: early, settings: { criteria: [gradient], topK: [3, 2]',
    'stage: first, settings: { criteria: [gradient], topK: [2]',
    /traces: \[1\]: it makes effects of early that \[0\] makes, and each model would count twice\./,
  ],
  [
    '- { record: margins, stage: late }\n    - { record: margins, stage: late }',
    '- { record: margins, stage: late }',
    /traces: \[6\]: it makes margins of late that \[5\] makes/,
  ],
  ['k: 5', 'k: 2', /traces: no effects of late have gradient and k = 5, which are tested\./],
  ['gradCam: { layr: x }\ntuning:', 'tuning:', /gradCam: There is no option `layr`/],
  ['across: {}\ntuning:', 'tuning:', /is no study: .*at least one column/s],
  [
    'tunedAs: no mask }',
    'grid: { lr: [0.001, 0.0001] } }',
    /arms\.no mask: `tunedAs` is "no mask": it takes another arm with a grid/,
  ],
])('refuses "%s" in the place of "%s"', async (wrong, right, reason) => {
  const refused = join(folder, 'refused.yaml');
  writeFileSync(refused, STUDY.replace(right, wrong));
  await failure(readStudy(refused), 'USAGE', refused, reason);
});
