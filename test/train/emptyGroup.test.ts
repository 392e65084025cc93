import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { writeReport } from '../../src/report/writeReport.js';
import { train, trainDfr, trainErm, trainFinetune, trainGroupDro } from '../../src/train/methods.js';
import type { TrainingResult } from '../../src/train/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { withoutScript } from '../report/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = new RunFolder(join(folder, 'run'));
const settings = { data, arch: 'resnet20', epochs: 1, batchSize: 42, device: 'cpu', threads: 1 } as const;

let trained: TrainingResult;
const warningsOfTraining: string[] = [];

beforeAll(async () => {
  await tinyDominoes(data);
  const table = join(data, 'metadata.csv');
  const rows = (await readFile(table, 'utf8')).split('\n');
  // Full agreement of one class: no training image of group 2.
  await writeFile(table, rows.filter((row) => !row.includes('images/train/2/')).join('\n'));
  const onWarning = (text: string): void => void warningsOfTraining.push(text);
  trained = await trainErm({ ...settings, out: run.path, keepEpochs: [9], onWarning });
});

test('ERM trains where a group has no training image, says so, and its report shows what there is', async () => {
  const { train, val } = trained;
  expect(warningsOfTraining).toEqual([
    expect.stringContaining('`keepEpochs` names 9, and the run ends with epoch'),
    expect.stringContaining('the split train has no example of group 2 (coat, digit 0). Accuracies'),
  ]);
  expect(train.total[2]).toBe(0);
  expect(train.accuracy[2]).toBeNaN();
  expect(train.worstGroup).not.toBe(2);
  expect(val.total[2]).toBe(4);
  const stored = await run.readTrainingResult();
  expect(stored?.val).toEqual(val);
  const out = join(folder, 'other.html');
  expect(await writeReport({ run: run.path, out })).toBe(out);
  const page = await readFile(out, 'utf8');
  expect(page).toContain('coat, digit 0');
  expect(withoutScript(page)).not.toContain('NaN');
  expect(page).not.toContain('with 0 samples');
});

test('fine-tuning, which needs no group labels, trains there too, and Grad-CAM maps the groups that there are', async () => {
  const quiet = { onWarning: () => undefined };
  const tuned = join(folder, 'tuned');
  const recipe = { kickInEpoch: 'selected', epochs: 1, batchSize: 42, fraction: 0.01 } as const;
  const place = { from: run.path, out: tuned, device: 'cpu', threads: 1 };
  const { train, test: ofTest } = await trainFinetune({ ...place, ...recipe, ...quiet });
  expect(train.total[2]).toBe(0);
  expect(train.accuracy[2]).toBeNaN();
  expect(ofTest.total.every((total) => total > 0)).toBe(true);
  const { groups } = await gradCam({ run: tuned, compare: run.path, split: 'test', examples: 0, ...quiet });
  expect(groups).toHaveLength(4);
  const ofTrain = await gradCam({ run: tuned, split: 'train', ...quiet });
  expect(ofTrain.groups.map(({ images }) => images > 0)).toEqual([true, true, false, true]);
});

test('traces take the groups that a split has, and name the others; methods that need each group refuse', async () => {
  const warnings: string[] = [];
  const options = { run: run.path, nullDraws: 3, onWarning: (text: string) => void warnings.push(text) };
  const { entries, baseline, baselineMargin } = await traceUnstructured({ ...options, topK: [1] });
  expect(warnings).toEqual([
    expect.stringContaining('the split train has no example of group 2 (coat, digit 0)'),
  ]);
  expect(entries.map(({ group }) => group)).toEqual([0, 1, 3, 0, 1, 3]);
  expect([baseline.total[2], baselineMargin?.[2]]).toEqual([0, Number.NaN]);
  for (const { change, difference, comparisons } of entries) {
    expect(change.map(Number.isNaN)).toEqual([false, false, true, false]);
    // Of the minority groups 1 and 2, one has examples.
    expect(difference?.margin).not.toBeNaN();
    const ofNull = comparisons?.['same-layers'];
    expect(ofNull?.groups.map((test) => test === null)).toEqual([false, false, true, false]);
    expect(ofNull?.difference?.margin.draws).toBe(3);
  }
  const ofTest = await traceUnstructured({ ...options, topK: [1], split: 'test' });
  expect(ofTest.entries.map(({ group }) => group)).toEqual([0, 1, 3, 0, 1, 3]);
  expect(ofTest.entries.flatMap(({ change }) => change).some(Number.isNaN)).toBe(false);
  const layers = await traceStructured({ ...options, topK: [1], nullDraws: 0 });
  expect([...new Set(layers.entries.map(({ group }) => group))]).toEqual([0, 1, 3]);
  const overlap = await traceOverlap({ run: run.path });
  expect([...new Set(overlap.entries.map(({ group }) => group))]).toEqual([0, 1, 3]);
  for (const job of [
    () => trainGroupDro({ ...settings, out: join(folder, 'groupdro') }),
    () => train('rwg', { ...settings, out: join(folder, 'rwg') }),
    () => train('subg', { ...settings, out: join(folder, 'subg') }),
  ]) {
    await failure(job(), 'DATASET_EMPTY_GROUP', /the split train has no example of group 2/);
  }
});

test('data whose groups are in training or in test is trained, evaluated, traced and reported', async () => {
  const aligned = join(folder, 'aligned');
  await tinyDominoes(aligned);
  const table = join(aligned, 'metadata.csv');
  const rows = (await readFile(table, 'utf8')).split('\n');
  await writeFile(
    table,
    rows.filter((row) => !/images\/(?:(?:train|val)\/[12]|test\/[03])\//.test(row)).join('\n'),
  );
  const out = join(folder, 'of-aligned');
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  const select = 'best-class-balanced' as const;
  const {
    val,
    test: ofTest,
    bestEpoch,
  } = await trainErm({ ...settings, data: aligned, out, select, onWarning });
  expect(warnings).toEqual([
    expect.stringMatching(
      /split train .* groups 1 .* 2 .*; the split val .* groups 1 .* 2 .*; the split test .* groups 0 .* 3 /,
    ),
  ]);
  expect([bestEpoch, val.total, ofTest.total]).toEqual([1, [4, 0, 0, 4], [0, 4, 4, 0]]);
  expect([1, 2]).toContain(ofTest.worstGroup);
  const quiet = { run: out, onWarning: () => undefined };
  expect((await evaluateRun(quiet)).accuracies).toEqual(ofTest);
  const { entries } = await traceUnstructured({ ...quiet, split: 'test', topK: [1], nullDraws: 3 });
  expect(entries[0]?.change.map(Number.isNaN)).toEqual([true, false, false, true]);
  // Its two groups of test are minority groups, compared with none.
  expect(entries[0]?.difference).toBeNull();
  await failure(
    traceStructured({ ...quiet, split: 'test' }),
    'DATASET_EMPTY_GROUP',
    /train has no .*; the split test has no/,
  );
  await failure(
    trainDfr({ from: out, onWarning }),
    'DATASET_EMPTY_GROUP',
    /the split val has no example of groups 1/,
  );
  await writeReport({ run: out });
  const page = withoutScript(await readFile(new RunFolder(out).report, 'utf8'));
  expect(page).not.toMatch(/NaN|Infinity/);
  expect(page).toContain('The split has no image of a minority group, or none of a majority group');
});
