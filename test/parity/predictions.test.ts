import { join } from 'node:path';
import { SPLITS } from '../../src/data/split.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { bestOf, ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { reference, THREADS } from './python.js';

/** Batch-norm is folded into the convolutions. */
const TOLERANCE = 1e-5;

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = new RunFolder(join(folder, 'run'));

type Theirs = [
  file: string,
  split: number,
  group: number,
  prediction: number,
  margin: number,
  loss: number,
  probabilities: number[],
];

test('each image\u2019s prediction, probabilities, margin and loss equal PyTorch\u2019s', async () => {
  await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 2, batchSize: 42, lr: 1e-3, seed: 3 } as const;
  await ermRun({ ...recipe, data, out: run.path, resume: false, device: 'cpu', threads: THREADS });
  const settings = { data, weights: bestOf(run), arch: 'resnet20', classes: 2, batchSize: 30 };
  const theirs = JSON.parse(reference('predictions', { ...settings, threads: THREADS })) as Theirs[];

  const { rows = [], accuracies } = await evaluateRun({ run: run.path, rows: true, threads: THREADS });
  const names = ['pullover', 'coat'];
  expect(rows.map(({ file, split, group, prediction }) => [file, split, group, prediction])).toEqual(
    theirs.map(([file, split, group, y]) => [file, SPLITS[split], group, names[y]]),
  );
  expect(rows.map(({ class: y, attribute }) => `${y}, ${attribute}`)).toEqual(
    theirs.map(([, , group]) => `${names[group >> 1] ?? ''}, digit ${group % 2}`),
  );
  const compared = {
    margin: theirs.map(([, , , , margin]) => margin),
    loss: theirs.map(([, , , , , loss]) => loss),
    probability: theirs.map(([, , group, , , , probabilities]) => probabilities[group >> 1] as number),
    p_pullover: theirs.map(([, , , , , , [first]]) => first as number),
    p_coat: theirs.map(([, , , , , , [, second]]) => second as number),
  };
  for (const [name, values] of Object.entries(compared)) {
    const ours = Float64Array.from(rows, (row) => row[name] as number);
    expectWithin(`${name} of each image`, maxDifference(ours, Float64Array.from(values)), TOLERANCE);
  }
  const ofTest = rows.filter(({ split }) => split === 'test');
  const right = ofTest.filter(({ class: y, prediction }) => y === prediction);
  expect(right.length / ofTest.length).toBe(accuracies.average);
  const alone = await evaluateRun({ run: run.path, split: 'test', rows: true, threads: THREADS });
  expect(alone.rows).toEqual(ofTest);
  expect(await evaluateRun({ run: run.path, threads: THREADS })).toEqual({ ...alone, rows: undefined });
});
