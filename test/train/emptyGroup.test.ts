import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { writeReport } from '../../src/report/writeReport.js';
import { trainErm, trainFinetune, trainGroupDro, trainRwg, trainSubg } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { withoutScript } from '../report/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = new RunFolder(join(folder, 'run'));
const settings = { data, arch: 'resnet20', epochs: 1, batchSize: 42, device: 'cpu', threads: 1 } as const;

beforeAll(async () => {
  await tinyDominoes(data);
  const table = join(data, 'metadata.csv');
  const rows = (await readFile(table, 'utf8')).split('\n');
  // Full agreement of one class: no training image of group 2.
  await writeFile(table, rows.filter((row) => !row.includes('images/train/2/')).join('\n'));
});

test('ERM trains where a group has no training image, says so, and its report shows what there is', async () => {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  const { train, val } = await trainErm({ ...settings, out: run.path, keepEpochs: [9], onWarning });
  expect(warnings).toEqual([
    expect.stringContaining('`keepEpochs` names 9, and the run ends with epoch'),
    expect.stringContaining('no example of coat, digit 0'),
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

test('fine-tuning, which needs no group labels, trains there too, and Grad-CAM maps it', async () => {
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
  await failure(gradCam({ run: tuned, split: 'train', ...quiet }), 'DATASET_EMPTY_GROUP');
});

test('a trace and methods that need each group refuse it', async () => {
  for (const job of [
    () => traceUnstructured({ run: run.path, nullDraws: 0 }),
    () => trainGroupDro({ ...settings, out: join(folder, 'groupdro') }),
    () => trainRwg({ ...settings, out: join(folder, 'rwg') }),
    () => trainSubg({ ...settings, out: join(folder, 'subg') }),
  ]) {
    await failure(job(), 'DATASET_EMPTY_GROUP', /the split train has no example of group 2/);
  }
});
