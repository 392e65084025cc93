import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slurmScript } from '../../src/cli/slurm.js';
import { PROTOCOLS } from '../../src/protocol.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { readStudy, shippedStudies } from '../../src/study/document.js';
import { type Job, planStudy, type TrainJob } from '../../src/study/plan.js';
import { Records, requireSettings } from '../../src/study/records.js';
import { chosenConfiguration, type TunedRun } from '../../src/study/tuning.js';
import { methodNamed } from '../../src/train/methods.js';
import { ROOT } from '../cli/support.js';
import { failure } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { smallStudy } from './support.js';

const folder = temporaryFolder();
const STUDY = smallStudy(folder, 'data');

/** A document in a file. */
function written(text: string): string {
  const path = join(folder, 'study.yaml');
  writeFileSync(path, text);
  return path;
}

const isTrain = (job: Job): job is TrainJob => job.kind === 'train';
const recorded = (study: string): string => join(ROOT, 'studies', `${study}.yaml`);

// Runs by folder, traces, and jobs whose folder the tuning decides, as the planners before documents gave them.
test.each([
  [recorded('photographs/study'), 191, 278, 175],
  [recorded('celeba/study'), 110, 150, 50],
  [recorded('celeba/further'), 73, 12, 60],
  [recorded('celeba-converged/study'), 60, 0, 0],
  [recorded('compositions/study'), 20, 80, 0],
  ['fig6', 80, 0, 0],
  ['table4', 30, 0, 0],
  ['table5', 60, 0, 0],
  ['table6', 40, 0, 0],
  ['table7', 40, 0, 0],
  ['table8', 60, 0, 0],
  ['table9', 70, 0, 0],
  ['table10', 40, 0, 0],
  ['baselines', 100, 0, 0],
  ['departures', 200, 0, 0],
  ['part1', 3, 3, 0],
  ['quickstart', 5, 1, 0],
  ['quickstart-full', 5, 1, 0],
])('the plan of %s', async (name, runs, traces, open) => {
  const isOwn = name.endsWith('.yaml') || name.startsWith('quickstart');
  const overrides = isOwn
    ? {}
    : { data: 'data', seeds: name === 'part1' ? [0, 1, 2] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] };
  const jobs = planStudy(await readStudy(name, overrides));
  const trained = jobs.filter(isTrain);
  const folders = new Set(trained.flatMap(({ out }) => out ?? []));
  const counts = [folders.size, jobs.filter(({ kind }) => kind === 'trace').length];
  expect([...counts, trained.filter(({ out }) => out === undefined).length]).toEqual([runs, traces, open]);
  jobs.forEach(({ index, stage, parents }, at) => {
    expect(index).toBe(at);
    for (const parent of parents) expect(jobs[parent]?.stage).toBeLessThan(stage);
  });
});

test.each(PROTOCOLS)(
  'shipped studies have one folder for equal settings alone, under %s',
  async (protocol) => {
    const set = [
      `settings.data.protocol=${protocol}`,
      `settings.run.protocol=${protocol}`,
      'settings.data.weights=a.pth',
    ];
    const settingsByFolder = new Map<string, Set<string>>();
    for (const name of shippedStudies().filter((one) => !one.startsWith('quickstart') && one !== 'part1')) {
      const study = await readStudy(name, { data: 'data', out: 'out', seeds: [0], set });
      for (const { method, settings, out = '' } of planStudy(study).filter(isTrain)) {
        const others = { isVit: false, runEpochs: 100, format: undefined };
        const resolved = resolveSettings(
          methodNamed(method).settings,
          (settings as { protocol: typeof protocol }).protocol,
          settings ?? {},
          others,
        );
        settingsByFolder.set(out, (settingsByFolder.get(out) ?? new Set()).add(JSON.stringify(resolved)));
      }
    }
    expect(settingsByFolder.size).toBeGreaterThan(35);
    expect([...settingsByFolder].filter(([, settings]) => settings.size > 1)).toEqual([]);
  },
);

test('every combination and seed is a job, after the run of the same seed that it starts from', async () => {
  const path = written(`
title: Rates
runs: out
folder: '{arm}/{grid}/seed-{seed}'
seeds: [0, 1]
settings: { all: { batchSize: 32 } }
arms:
  erm: { settings: { arch: resnet20 }, grid: { lr: [1e-3, 1e-2] } }
  last-layer: { method: dfr, from: erm, settings: { draws: 1 } }
  late: { method: finetune, from: erm, settings: { kickInEpoch: 7 } }
data: { dominoes: { path: data } }
`);
  const jobs = planStudy(await readStudy(path)).filter(isTrain);
  expect(jobs.map(({ stage, arm, seed, from }) => [stage, arm, seed, from])).toEqual([
    ...[
      [0, 'erm', 0, undefined],
      [0, 'erm', 0, undefined],
      [0, 'erm', 1, undefined],
      [0, 'erm', 1, undefined],
    ],
    ...[
      [1, 'last-layer', 0, 0],
      [1, 'last-layer', 0, 1],
      [1, 'late', 0, 0],
      [1, 'late', 0, 1],
    ],
    ...[
      [1, 'last-layer', 1, 2],
      [1, 'last-layer', 1, 3],
      [1, 'late', 1, 2],
      [1, 'late', 1, 3],
    ],
  ]);
  expect(jobs[1]).toMatchObject({ settings: { batchSize: 32, arch: 'resnet20', lr: 0.01 }, keepEpochs: [7] });
  expect(jobs[5]?.out).toBe('out/last-layer/erm.lr=0.01/seed-0');
  expect(jobs[5]?.row).toBe('last-layer, from erm, lr 0.01');

  const script = slurmScript(jobs, ['spurmem', 'study', 'run', 'my study.yaml']);
  expect(script).toContain(`spurmem study run 'my study.yaml' --index "$(seq -s , "$first" "$last")" \\\n`);
  expect(script).toContain('submit 0 0 3 && wait_for_these\nsubmit 1 4 11 && wait_for_these\n');
  // Two arrays of two tasks of three jobs at most, one after the other.
  const shared = slurmScript(jobs, ['spurmem'], { perTask: 3, arrayLimit: 2, atOnce: 1 });
  expect(shared).toContain(
    'submit 0 0 3 && wait_for_these\nsubmit 1 4 9 && wait_for_these\nsubmit 1 10 11 && wait_for_these\n',
  );
  expect(shared).toContain('--array="0-$((($3 - $2) / 3))%1"');
});

test('a tuned arm has its folder once the tuning is recorded, and the jobs stay the same', async () => {
  const study = await readStudy(written(STUDY));
  const runs = [0.001, 0.0001].map((lr): TunedRun => ({
    arm: 'no mask',
    seed: 5,
    configuration: { lr },
    validation: lr,
  }));
  const [before, after] = [new Map(), new Map([['dominoes', runs]])].map((tuned) => planStudy(study, tuned));
  const shapes = [before, after].map((jobs) =>
    jobs?.map(({ kind, stage, parents }) => [kind, stage, parents]),
  );
  expect(shapes[0]).toEqual(shapes[1]);
  const outs = (jobs: readonly Job[] = []) =>
    jobs
      .filter(isTrain)
      .flatMap(({ row, role, out }) => (row === 'no mask' && role === 'compared' ? [out] : []));
  expect(outs(before)).toEqual([undefined, undefined]);
  expect(outs(after)).toEqual(
    [0, 1].map((seed) => `${folder}/runs/dominoes-part2/finetune-criterion=none-lr=0.001/seed-${seed}`),
  );
});

describe('the tuning', () => {
  const rates = [1e-5, 3e-5, 1e-4, 3e-4];
  const tuned = (arm: string, values: readonly number[], seed = 100): TunedRun[] =>
    values.map((validation, i) => ({ arm, seed, configuration: { lr: rates[i] }, validation }));
  const chosen = async (arm: string, of: readonly TunedRun[][], seeds = [100], choice?: string) => {
    const arms = Object.fromEntries(
      ['RWG', 'other'].map((name) => [name, { method: 'rwg', tune: { lr: rates }, choice }]),
    );
    const data = { a: { path: 'a' }, b: { path: 'b' }, c: { path: 'c' } };
    const copy = { method: 'rwg', tunedAs: 'RWG' };
    const study = {
      title: 'Tuned',
      runs: 'out',
      seeds: [0],
      arms: { ...arms, copy },
      tuning: { seeds },
      data,
    };
    const text = JSON.stringify(study);
    const names = ['a', 'b', 'c'].slice(0, of.length);
    const all = new Map(names.map((name, at) => [name, of[at] ?? []]));
    return chosenConfiguration(await readStudy(written(text)), arm, names, all);
  };

  test('takes the best configuration of its seeds; ties: the first wins', async () => {
    const runs = [...tuned('RWG', [0.9, 0.9, 0.9, 0.9], 101), ...tuned('RWG', [0.5, 0.7, 0.7, 0.6])];
    expect(await chosen('RWG', [runs])).toEqual({ lr: 3e-5 });
    expect(await chosen('copy', [runs], [100, 101])).toEqual({ lr: 3e-5 });
    expect(await chosen('RWG', [tuned('RWG', [0.5], 101)])).toBeUndefined();
  });

  test('takes the mean over data sets, and over the arms of a choice', async () => {
    const folds = [
      [0.9, 0.5, 0.7, 0.1],
      [0.1, 0.6, 0.8, 0.7],
      [0.2, 0.9, 0.6, 0.7],
    ].map((values) => tuned('RWG', values));
    expect(await Promise.all(folds.map((fold) => chosen('RWG', [fold])))).toEqual([
      { lr: 1e-5 },
      { lr: 1e-4 },
      { lr: 3e-5 },
    ]);
    // Means of 0.4, 0.667, 0.7 and 0.5.
    expect(await chosen('RWG', folds)).toEqual({ lr: 1e-4 });
    const both = [...tuned('RWG', [0.9, 0.2, 0.3, 0.4]), ...tuned('other', [0.1, 0.2, 0.3, 0.7])];
    for (const arm of ['RWG', 'other']) expect(await chosen(arm, [both], [100], 'one')).toEqual({ lr: 3e-4 });
  });
});

test('a caller’s values stand in the place of a document’s', async () => {
  const set = [
    'settings.data.arch=resnet20',
    'arms.fine-tuned.grid.lambda=[2]',
    'data.dataset.compared.arms=[fine-tuned]',
  ];
  const study = await readStudy('table8', {
    data: 'birds',
    out: 'there',
    seeds: [4],
    set: [...set, 'data.dataset.compared.tested=false'],
  });
  expect(planStudy(study).filter(isTrain)).toMatchObject([
    { role: 'start', out: 'there/erm/seed-4', path: 'birds', settings: { arch: 'resnet20' } },
    { row: 'fine-tuned, lambda 2', out: 'there/finetune-lambda=2/seed-4' },
  ]);
  await failure(readStudy('table8'), 'USAGE', '`data` is missing');
  await failure(
    readStudy('table8', { data: 'a', set: ['arch'] }),
    'USAGE',
    '`set` is arch: it takes a key and its value',
  );
  await failure(readStudy('tabel8'), 'USAGE', 'there is no such file. The nearest are table8');
  await failure(readStudy('table8', { data: 'a', set: ['__proto__.x=1'] }), 'USAGE', 'the key __proto__');
  await failure(readStudy(recorded('photographs/study'), { data: 'a' }), 'USAGE', 'has 7 data sets');
});

test('CelebA’s further arms are those of its study, and its folds are one set of models', async () => {
  const [study, further] = await Promise.all(
    ['study', 'further'].map((name) => readStudy(recorded(`celeba/${name}`))),
  );
  for (const shared of ['settings', 'tuning', 'recordsFolder'] as const)
    expect(further?.[shared]).toEqual(study?.[shared]);
  const both = Object.keys(further?.arms ?? {}).filter((name) => study?.arms[name] && name !== 'late');
  expect(both).toHaveLength(4);
  for (const name of both) expect(further?.arms[name]).toEqual(study?.arms[name]);
  const folds = study?.pools.celeba ?? [];
  for (const [tested, fold] of folds.entries()) {
    const [own, others] = [further?.data[fold], study?.data[fold]];
    expect(own?.compared).toMatchObject({
      seeds: others?.compared?.seeds,
      tunedOn: others?.compared?.tunedOn,
      tested: false,
    });
    // A fold validates on the next one.
    const validated = [others?.compared?.tunedOn]
      .flat()
      .map((name) => (Number(name?.at(-1)) + 1) % folds.length);
    expect([others?.compared?.tested, validated.includes(tested)]).toEqual([true, false]);
  }
  expect(study?.traces.every(({ settings }) => settings.heldOutHalf === true)).toBe(true);
});

/** What is written | in the place of what | and the words that refuse it, between which others may stand. */
const REFUSED = String.raw`
method: finetun, | method: finetune, | is no study: … expected one of … arms["no mask"].method
criterium: none | criterion: none | arms.no mask: There is no option 'criterium'. … criterion
lr: [0.001, -1] | lr: [0.001, 0.0001] | arms.no mask: 'lr' is -1
lr: [0.1, 0.1] | lr: [0.001, 0.0001] | is no study: … the values must differ
nothing | tuning: { seeds: [5] } | arms.no mask: 'tune' takes 'tuning'
tunedAs: no mask } | tune: { lr: [0.001, 0.0001] } } | 'tunedAs' is "no mask": it takes another arm that is tuned
method: finetune, settings | method: finetune, from: ERM, settings | no mask: finetune starts from a run: 'from' is missing
from: no mask, | from: ERM, | no mask: it starts from itself
ERM: { method: rwg, from: late, tune | ERM: { tune | arms.ERM: rwg starts from the data, and takes no 'from'
arms: [ERN] | arms: [ERM, no mask] | data.dominoes.compared.arms: there is no arm ERN. The nearest are ERM
focus: mask | focus: no mask | tests.arms.focus: there is no arm mask. The nearest are no mask
of: [earli, first] | of: [early, first] | traces[0].of: there is no arm earli. The nearest are early
{ of: fist, epoch: 1 } | { of: late, epoch: 1 } | arms.first: there is no arm fist. The nearest are first
{ of: late } | { of: late, epoch: 1 } | arms.first: an epoch of another arm takes 'of'
{ of: late, epoch: 0 } | { of: late, epoch: 1 } | is no study: … arms.first.epoch
{ of: late, epoch: 9 } | { of: late, epoch: 1 } | data.dominoes: first is epoch 9 of late, which has 2 epochs here
sample: 8, nullDraws: 0 } }\n  - trace | samples: 8, nullDraws: 0 } }\n  - trace | traces[0].settings: There is no option 'sample'. … samples
figures: [fig99] | figures: [fig1] | traces[9].settings: There is no figure fig99
\npools: { all: [dominoes, domino] }\ndata: | \ndata: | pools.all: there is no data domino. The nearest are dominoes
tested: true, tunedOn: [dominoes, birds] | tested: true | compared.tunedOn: there is no data birds
primary: ["accuracy within class, training minus test"] | primary: [interaction, beyond same layers] | tests.neurons: primary: 'accuracy within class, training minus test' takes 'family'
k: 2\n    family: { criteria: [magnitude], points: 5 } | k: 2 | family.criteria: magnitude is not one of the tested
titel: Dominoes | title: Dominoes | is no study: … title
seeds: [0, 0] | seeds: [0, 1] | is no study: … the values must differ from each other
nothing | seeds: [0, 1] | data.dominoes: 'seeds' is missing
arms: [no mask] | arms: [ERM, no mask] | data.dominoes: differences are 'tested', and the compared arms lack ERM
arms: [ERM, no mask, first] | arms: [ERM, no mask] | first is an epoch of another arm, and one of its 'models'
"../x": { tune | ERM: { tune | is no study: … no slash, and not . or .. … → at arms["../x"]
"2": { tune | ERM: { tune | is no study: … a name that is no number … → at arms.2
../dominoes: | dominoes: | is no study: … only letters, digits, points
data: { selct: last, | data: { | settings.data: There is no option 'selct'
of: early, settings: { fraction: 0.01 } | of: late, settings: { fraction: 0.01 } | traces[3] has overlaps of an arm that is not late, which is tested
topK: [1, 2], samples | topK: [1], samples | traces[2] has layers without 'topK: [1]'
of: [early, first, late] | of: [early, first] | traces[1] makes effects that traces[0] makes, and each model would count twice
{ trace: predictions, of: late }\n  - { trace: predictions, of: late } | { trace: margins, of: late } | traces[5]: it makes predictions of an arm of which traces[4] makes them
k: 5 | k: 2 | tests.neurons: no effects of late have gradient and k = 5, which are tested
\nacross: {}\ndata: | \ndata: | is no study: … at least one column
runs: "a\0b"\nrecords | runs: ${folder}/runs\nrecords | no path has the character
settings: &a { lr: *a }\narms: | arms: | is no study
`
  .trim()
  .split('\n')
  .map((line) => line.replaceAll(String.raw`\n`, '\n').split(' | ') as [string, string, string]);

test.each(REFUSED)('refuses "%s" in the place of "%s"', async (wrong, right, words) => {
  expect(STUDY).toContain(right);
  const path = written(STUDY.replace(right, wrong === 'nothing' ? '' : wrong));
  const parts = words.replaceAll("'", '`').replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  await failure(readStudy(path), 'USAGE', path, new RegExp(parts.replaceAll(' … ', '[^]*')));
});

test('refuses more jobs than can be planned, and long documents, before it makes anything of them', async () => {
  const lr = Array.from({ length: 1000 }, (_, i) => (i + 1) / 1e4);
  const grid = { lr, weightDecay: lr, randomResizedCrop: lr };
  const study = {
    title: 'Large',
    runs: 'out',
    seeds: [0, 1],
    data: { a: { path: 'a' } },
    arms: { ERM: { grid } },
  };
  const problem = 'would plan 3000000000 jobs, and a study may have 100000';
  await failure(readStudy(written(JSON.stringify(study))), 'USAGE', problem, 'several studies');
  const tuned = { ...study, tuning: { seeds: [5] }, arms: { ERM: { tune: grid } } };
  await failure(readStudy(written(JSON.stringify(tuned))), 'USAGE', 'and a study may have 100000');
  const long = written(JSON.stringify({ ...study, title: 'x'.repeat(2 ** 17) }));
  await failure(readStudy(long), 'USAGE', 'has more than 131072 characters');
});

test('records that were changed by hand are refused', async () => {
  const place = { path: 'study.yaml', recordsFolder: join(folder, 'changed') };
  const settings = join(place.recordsFolder, 'settings.json');
  mkdirSync(place.recordsFolder);
  for (const text of ['null', '5', '[]', '{"dd":5}', '{"dd":{"test":[1]}}']) {
    writeFileSync(settings, text);
    await failure(requireSettings(place, 'dd', { test: { ERM: 1 } }), 'RUN_INVALID', settings, 'delete it');
  }
  for (const text of ['a,b\n1,2\n', 'arm,seed,configuration\nERM,0,{}\n']) {
    writeFileSync(join(place.recordsFolder, 'dd-test.csv'), text);
    await failure(new Records(place.recordsFolder, 'dd').read('test'), 'RUN_INVALID', 'has no column');
  }
});

const FOLD = { path: 'b', compared: { arms: ['ERM'], seeds: [3, 4] } };
test.each([
  [{ ...FOLD, compared: { ...FOLD.compared, seeds: [0, 4] } }, /pools\.both: two of its members have seed 0/],
  [{ ...FOLD, compared: { ...FOLD.compared, seeds: [3] } }, /pools\.both: .* numbers of seeds that differ/],
  [{ ...FOLD, compared: { ...FOLD.compared, arms: ['RWG'] } }, /pools\.both: its members differ in the arms/],
  [{ ...FOLD, compared: { ...FOLD.compared, tested: true } }, /pools\.both: .* whether these are tested/],
  [{ path: 'b', models: { arms: ['ERM'], seeds: [0] } }, /pools\.both: two of its members have seed 0/],
])('refuses a pool with %j', async (second, reason) => {
  const first = {
    path: 'a',
    models: { arms: ['ERM'], seeds: [0] },
    compared: { arms: ['ERM'], seeds: [0, 1] },
  };
  const study = {
    title: 'Folds',
    runs: 'out',
    arms: { ERM: {}, RWG: { method: 'rwg' } },
    data: { a: first, b: second },
    pools: { both: ['a', 'b'] },
  };
  await failure(readStudy(written(JSON.stringify(study))), 'USAGE', reason);
});
