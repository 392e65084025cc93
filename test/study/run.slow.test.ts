import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { overModels } from '../../src/experiments/overModels.js';
import { tryLock } from '../../src/lock.js';
import { mean } from '../../src/metrics/statistics.js';
import { readStudy } from '../../src/study/document.js';
import { figuresOver } from '../../src/study/figures.js';
import { Records } from '../../src/study/records.js';
import { writeStudyReport } from '../../src/study/report.js';
import { runStudy, StudyRunner } from '../../src/study/runner.js';
import { studyTables } from '../../src/study/tables.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { answer, failure as commandFailure, spurmem, start, succeed, words } from '../cli/support.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun } from '../train/support.js';
import { smallStudy } from './support.js';

const folder = temporaryFolder();
const at = (...parts: string[]): string => join(folder, ...parts);
const data = at('data');
const STUDY = smallStudy(folder, data);
const path = at('study.yaml');

beforeAll(async () => {
  await tinyDominoes(data);
});

type Line = Readonly<Record<string, string>>;
const table = async (name: string, records = at('results'), of = 'dominoes'): Promise<Line[]> =>
  parse(await readFile(join(records, `${of}-${name}.csv`), 'utf8'), { columns: true });

test('a study is run, recorded and put into tables, and what is recorded is not run again', async () => {
  writeFileSync(path, STUDY);
  const study = await readStudy(path);
  const steps: string[] = [];
  const options = { device: 'cpu', threads: 1, onStep: (step: string) => steps.push(step) } as const;
  await runStudy(study, options);
  const runs = ['erm', 'finetune-criterion=none-lr=0.0001', 'finetune-criterion=none-lr=0.001'];
  expect(readdirSync(at('runs/dominoes-part2')).sort()).toEqual(runs);
  const [test, tuning] = [await table('test'), await table('tuning')];
  const best = Math.max(...tuning.map(({ validation }) => Number(validation)));
  const chosen = tuning.find(({ validation }) => Number(validation) === best)?.configuration;
  expect(test.map(({ arm, seed, configuration }) => [arm, seed, configuration])).toEqual([
    ...[0, 1].map((seed) => ['ERM', String(seed), '{"lr":0.001}']),
    ...[0, 1].map((seed) => ['no mask', String(seed), chosen]),
  ]);
  // Four groups under each of three models; the late ones in test, too, with random neurons.
  const effects = await table('effects');
  expect(effects).toHaveLength(2 * 4 * 4);
  // An epoch of a run is the run that ended with it.
  const trained = ['early-0', 'early-1', 'late-0', 'late-1'];
  expect(
    readdirSync(at('runs/dominoes'))
      .filter((name) => /^\w+-\d$/.test(name))
      .sort(),
  ).toEqual(trained);
  const models = await table('models');
  for (const rows of [effects, models]) {
    const ofStage = (wanted: string) =>
      rows
        .filter(({ stage }) => stage === wanted)
        .map(({ stage: _stage, seconds: _seconds, processorSeconds: _processor, ...row }) =>
          JSON.stringify(row),
        )
        .sort();
    expect(ofStage('first')).toEqual(ofStage('early'));
    if (rows === effects) expect(ofStage('first')).not.toEqual(ofStage('late'));
  }
  expect(effects.filter((row) => row['same-layers margin'] !== '').map(({ stage }) => stage)).toEqual(
    Array(16).fill('late'),
  );
  expect([models.length, (await table('margins')).length, (await table('heat')).length]).toEqual([72, 8, 8]);
  // How far the networks fit the training images, as their runs say.
  const [fitted] = await table('train');
  const { train } = (await new RunFolder(at('runs/dominoes-part2/erm/seed-0')).readTrainingResult()) ?? {};
  train?.accuracy.forEach((accuracy, group) => {
    expect(Number(fitted?.[`group${group}`])).toBeCloseTo(accuracy, 4);
  });

  const sections = await studyTables(study);
  const captions = sections.map(({ heading, tables }) => [
    heading,
    tables.map(({ caption }) => caption.split(/[:,]/)[0]),
  ]);
  expect(captions).toEqual([
    [
      'dominoes, Part I',
      [
        ...['Accuracy in percent', 'Margins of training examples before anything is zeroed'],
        ...['Primary', 'Not planned', 'Post hoc', 'Secondary', 'Fig. 7', 'Fig. 3', 'Secondary'],
      ],
    ],
    [
      'dominoes, Part II',
      [
        ...['Accuracy in percent', 'Test worst-group accuracy of "no mask" minus that of each other arm'],
        ...['Accuracy of each arm minus that of ERM', 'Training accuracy in percent'],
        'Share of Grad-CAM’s heat for the class of number 1 on the core of test images in percent',
      ],
    ],
  ]);
  // None if random neurons of the whole model were not recorded.
  const [primary, others] = (sections[0]?.tables ?? [])
    .slice(2, 4)
    .map(({ rows }) => [...new Set(rows.map(([question]) => question))]);
  expect(primary).toHaveLength(5);
  expect(others).not.toContain('beyond whole model');

  // A figure over models is the mean of theirs.
  const [fig1] = await figuresOver(study, ['dominoes']);
  const values = await Promise.all(
    [0, 1].map(async (seed) => {
      const rows = parse<Line>(await readFile(at(`runs/dominoes/late-${seed}/results/fig1.csv`), 'utf8'), {
        columns: true,
      });
      return Number(rows.find(({ split, group }) => split === 'test' && group === '0')?.accuracy);
    }),
  );
  const row = fig1?.rows.find(({ split, group }) => split === 'test' && group === 0);
  expect([row?.models, row?.accuracy]).toEqual([2, mean(values)]);
  const page = await readFile(await writeStudyReport(study), 'utf8');
  expect(page).toContain('2 models (seeds 0, 1)');
  expect(page).toMatch(/aria-label="[^"]*Part II\. test worst group \(%\): \d values/);
  expect(existsSync(at('runs/dominoes-test.svg'))).toBe(true);

  steps.length = 0;
  await runStudy(study, options);
  expect(steps).toEqual([]);
  const { stdout } = await succeed(['study', 'status', path], answer);
  expect(stdout).toMatch(/jobs: (\d+) finished, 0 running, 0 stopped, 0 waiting/);

  // A trace that was added to what is recorded is open.
  const added = STUDY.replace('split: [train, test]', 'split: [train, test, val]');
  writeFileSync(path, added);
  const open = (await new StudyRunner(await readStudy(path)).states()).filter(
    ({ state }) => state !== 'finished',
  );
  expect(open.map(({ job }) => job.kind === 'trace' && job.trace)).toEqual(['effects', 'effects']);
  writeFileSync(path, STUDY.replace('2: 3 }', '2: 4 }'));
  const unknown = /tests\.neurons\.minorityGroups: there is no group 4: dominoes has the groups 0 to 3\./;
  await failure(studyTables(await readStudy(path)), 'USAGE', unknown);

  // Settings under which records were made.
  for (const [from, to, change] of [
    ['batchSize: 42, lr: 0.001', 'batchSize: 42, lr: 0.01', 'dominoes-models.csv was recorded with other'],
    ['nullDraws: 3', 'nullDraws: 4', 'late, train, k 2: [{"criteria":["gradient"]'],
    [
      'epochs: 1, batchSize: 42, fraction',
      'epochs: 2, batchSize: 42, fraction',
      'finetune: {"kickInEpoch":1',
    ],
    ['{ criterion: none }', '{ criterion: random }', 'arm no mask: {"method":"finetune"'],
    ['equivalence: 3 }', 'equivalence: 5 }', '"equivalence":3} there'],
    ['focus: no mask', 'focus: ERM', '"focus":"no mask"'],
    ['seeds: [0, 1]', 'seeds: [0, 1, 2]', 'seeds: [0,1] there'],
  ] as const) {
    expect(STUDY).toContain(from);
    writeFileSync(path, STUDY.replace(from, to));
    const edited = await readStudy(path);
    for (const job of [() => runStudy(edited, options), () => studyTables(edited)])
      await failure(job(), 'RUN_EXISTS', change);
  }
  // Other data, for a job that is not recorded yet.
  const otherData = at('other-data');
  cpSync(data, otherData, { recursive: true });
  const description = join(otherData, 'dataset.json');
  writeFileSync(
    description,
    JSON.stringify({ ...JSON.parse(await readFile(description, 'utf8')), name: 'x' }),
  );
  writeFileSync(path, added.replace(`path: ${data}`, `path: ${otherData}`));
  await failure(runStudy(await readStudy(path), options), 'RUN_EXISTS', 'data: "');
});

const BASELINES = (out: string): string[] => [
  ...words`study run baselines --data ${data} --out ${out} --seeds 0,1 --threads 1`,
  ...[
    '--set',
    'settings.data={arch: resnet20, epochs: 2, batchSize: 42}',
    'settings.run={epochs: 2, batchSize: 42}',
  ],
  ...['data.dataset.compared.arms=[ERM, DFR, fine-tuned]', 'tests.arms.equivalence=3'],
];

test('jobs that run in any order, side by side, killed and again, give the results of one process', async () => {
  await succeed(BASELINES(at('whole')));
  const plan = BASELINES(at('spread')).flatMap((word, i, all) =>
    word === '--threads' || all[i - 1] === '--threads' ? [] : [word === 'run' ? 'plan' : word],
  );
  const listed = await succeed([...plan, '--slurm', at('submit.sh')], answer);
  expect(listed.stdout).toContain('6 jobs; hand them to Slurm');
  expect(await readFile(at('submit.sh'), 'utf8')).toContain('submit 1 2 5 && wait_for_these');
  expect(existsSync(at('spread'))).toBe(false);
  // Killed while it trains the run that it starts from.
  const killed = start([...BASELINES(at('spread')), '--index', '5']);
  await killed.printed(/epoch 1:/);
  killed.signal('SIGKILL');
  await killed.outcome;
  // One job twice at once.
  const twice = [1, 2].map(() => succeed([...BASELINES(at('spread')), '--index', '3'], spurmem));
  await Promise.all(twice);
  const stopped = start([...BASELINES(at('spread')), '--jobs', '2']);
  await stopped.printed(/Job \d: |Job \d is finished/);
  stopped.signal('SIGTERM');
  expect(await stopped.outcome).toMatchObject({ exitCode: 143 });
  await succeed([...BASELINES(at('spread')), '--jobs', '2'], spurmem);

  for (const name of ['train', 'test']) {
    const [one, other] = await Promise.all(
      ['whole', 'spread'].map(async (place) =>
        (await table(name, at(place, 'records'), 'dataset'))
          .map(({ seconds: _seconds, processorSeconds: _processor, ...row }) => JSON.stringify(row))
          .sort(),
      ),
    );
    expect(one).toHaveLength(6);
    expect(other).toEqual(one);
  }
  for (const method of ['erm', 'dfr', 'finetune']) {
    for (const seed of ['seed-0', 'seed-1']) {
      const [one, other] = ['spread', 'whole'].map((place) => new RunFolder(at(place, method, seed)));
      await expectSameRun(one as RunFolder, other as RunFolder, method);
    }
  }
  expect(existsSync(at('spread/report.html'))).toBe(true);
  // What is tested was declared with its seeds.
  await commandFailure([...BASELINES(at('spread')), '--seeds', '0,1,2'], 'RUN_EXISTS', 'seeds: [0,1] there');
});

test('one of several jobs fails, and the others run', async () => {
  writeFileSync(at('spread-file'), 'no folder');
  const set = [
    '--set',
    'settings.data={arch: resnet20, epochs: 1, batchSize: 42}',
    'arms={one: {}, two: {folder: spread-file}}',
    'tests={}',
  ];
  const command = [...words`study run table4 --data ${data} --seeds 0 --jobs 2`, ...set, `runs=${folder}`];
  const inOneProcess = words`study run table4 --data ${data} --seeds 0 --index 1,0`;
  mkdirSync(at('alone'));
  writeFileSync(at('alone/spread-file'), 'no folder');
  const alone = await start([...inOneProcess, ...set, `runs=${at('alone')}`]).outcome;
  expect(alone).toMatchObject({ exitCode: 1 });
  expect(alone.stderr).toMatch(/Job 1 failed: .*spread-file[^]*Job 0 is finished/);
  const failed = await start(command).outcome;
  expect(failed).toMatchObject({ exitCode: 1 });
  expect(failed.stderr).toContain('1 of 2 jobs failed: 1.');
  rmSync(at('spread-file'));
  expect((await succeed([...command, '--json'], spurmem)).stdout).toContain('"heading": "dataset, Part II"');
  await commandFailure(
    [...command, '--index', '7'],
    'USAGE',
    '--index is 7: it takes a job’s number, 0 to 1',
  );
});

test('a run that another process is at is waited for, and Ctrl-C ends the wait', async () => {
  const set = ['settings.data={arch: resnet20, epochs: 1, batchSize: 42}', 'arms={one: {}}', 'tests={}'];
  const study = await readStudy('table4', { data, out: at('waited'), seeds: [0], set });
  const { out = '' } = ((await new StudyRunner(study).jobs())[0] ?? {}) as { out?: string };
  await new RunFolder(out).create();
  const lock = await tryLock(`${out}.lock`);
  const controller = new AbortController();
  const told = new Promise<string>((resolve) => {
    const options = {
      device: 'cpu',
      threads: 1,
      onInfo: (text: string) => {
        if (text.includes('waits')) resolve(text);
      },
    } as const;
    void failure(runStudy(study, { ...options, signal: controller.signal }), 'INTERRUPTED').then(() => {
      resolve('stopped');
    });
  });
  expect(await told).toContain('Job 0 waits for it.');
  controller.abort();
  await lock?.release();
  await runStudy(study, { device: 'cpu', threads: 1 });
  expect(await new Records(at('waited/records'), 'dataset').read('test')).toHaveLength(1);
});

test('a run that another process is at comes after the others', async () => {
  const set = ['settings.data={arch: resnet20, epochs: 1, batchSize: 42}', 'arms={one: {}}', 'tests={}'];
  const study = await readStudy('table4', { data, out: at('last'), seeds: [0, 1], set });
  const { out = '' } = ((await new StudyRunner(study).jobs())[0] ?? {}) as { out?: string };
  await new RunFolder(out).create();
  const lock = await tryLock(`${out}.lock`);
  const steps: string[] = [];
  const onStep = (step: string): void => {
    steps.push(step);
    if (step.endsWith('seed 1')) void lock?.release();
  };
  await runStudy(study, { device: 'cpu', threads: 1, onStep });
  expect(steps.map((step) => step.at(-1))).toEqual(['1', '0']);
});

test('processes that record at once lose no rows', async () => {
  const records = () => new Records(at('shared'), 'dominoes');
  const seeds = [0, 1, 2, 3];
  const row = (seed: number) => ({ arm: 'one', seed, configuration: 'a', worst: 1 / 3 });
  await Promise.all(seeds.map((seed) => records().add('test', [row(seed)])));
  expect((await records().read('test')).map(({ seed }) => seed).sort()).toEqual(seeds);
  expect(readdirSync(at('shared'))).toEqual(['dominoes-test.csv']);
  // Rows that another process has added already are not added again; columns that the table lacks are left out.
  await records().add('test', [row(3)], { seed: 3 });
  await records().add('test', [{ ...row(4), more: 1 }], { seed: 4 });
  expect((await records().read('test')).at(-1)).toEqual({ ...row(4), worst: 0.33333 });
  await failure(
    records().add('test', [{ seed: 5 }]),
    'RUN_INVALID',
    'has the columns arm, seed, configuration, worst, and new rows have seed.',
  );
});

test('rows of one model with equal settings count by their mean, and models are the unit', () => {
  const model = (...percentiles: number[]) =>
    percentiles.map((percentile, at) => ({ group: 0, among: 'model', neuron: String(at), percentile }));
  const [row] = overModels([model(10, 20), model(30, 40), model(50, 60)]);
  expect(row).toMatchObject({ group: 0, among: 'model', models: 3 });
  expect([row?.percentile, row?.percentileStd].map((value) => Number(value).toFixed(9))).toEqual([
    '35.000000000',
    '20.000000000',
  ]);
  expect(row).not.toHaveProperty('change');
});
