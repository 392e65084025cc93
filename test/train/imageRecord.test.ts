import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { ImageRecord, imagesSchema, type TrackedImages } from '../../src/train/imageRecord.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { bestOf, lastOf } from '../fixtures.js';
import { builtRuns, measured } from './support.js';

const runs = builtRuns();

async function rowsOf(run: RunFolder): Promise<TrackedImages['rows']> {
  return (await run.readResult('images', imagesSchema))?.rows ?? [];
}

test('an image is forgotten once it is wrong after an epoch in which it was right each time', async () => {
  const dataset = await loadDataset(runs.base.data);
  const [a = 0, b = 0] = dataset.splits.train;
  const right = dataset.labels[a] as number;
  expect(dataset.labels[b]).toBe(right);
  const wrong = 1 - right;
  const record = new ImageRecord(dataset, { value: ImageRecord.zeros(dataset) });
  const context = { sum: <Values>(values: Values) => Promise.resolve(values) };
  const epochs: [number, number, number][][] = [
    [
      [a, 0.25, wrong],
      [b, 0.5, right],
    ],
    [
      [a, 0.5, right],
      [b, 0.25, right],
      [b, 0.75, right],
    ],
    // b is not shown, which forgets nothing.
    [[a, 1, wrong]],
    [
      [a, 2, right],
      [b, 1, right],
      [b, 2, wrong],
    ],
    [[a, 4, wrong]],
  ];
  for (const [i, shown] of epochs.entries()) {
    for (const [index, loss, predicted] of shown) {
      record.add(Int32Array.of(index), Float32Array.of(loss), Int32Array.of(predicted));
    }
    await record.endEpoch(i + 1, context);
  }
  const [first, second, third] = record.rows;
  expect(first).toMatchObject({
    epochs: 5,
    lossSum: 7.75,
    forgotten: 2,
    firstRight: 2,
    class: 'pullover',
    group: 0,
  });
  expect(second).toMatchObject({ epochs: 3, lossSum: 2.5, forgotten: 1, firstRight: 1 });
  expect(third).toMatchObject({ epochs: 0, lossSum: 0, forgotten: 0, firstRight: null });
});

test('images are tracked by the passes that train, whose numbers stay the same, also when resumed', async () => {
  const out = join(runs.folder, 'tracked');
  await trainErm({ ...runs.base, out, epochs: 1, trackImages: true });
  await trainErm({ ...runs.base, out, trackImages: true, resume: true });
  const run = new RunFolder(out);
  const rows = await rowsOf(run);
  const [first, second] = await run.readMetrics();
  const { splits, examples } = await loadDataset(runs.base.data);
  expect(rows.map(({ file }) => file)).toEqual(
    Array.from(splits.train, (index) => examples[index]?.filename),
  );
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const rightOf = (epoch: typeof first): number => sum(epoch?.train.correct ?? []);
  expect(rows.filter(({ firstRight }) => firstRight === 1)).toHaveLength(rightOf(first));
  const gained = rows.filter(({ firstRight }) => firstRight === 2).length;
  expect(rightOf(first) + gained - sum(rows.map(({ forgotten }) => forgotten))).toBe(rightOf(second));
  const losses = sum(rows.map(({ lossSum }) => lossSum)) / rows.length;
  expect(losses).toBeCloseTo((first?.trainLoss ?? 0) + (second?.trainLoss ?? 0), 5);
  const [header, ...lines] = (await readFile(join(out, 'results/images.csv'), 'utf8')).trimEnd().split('\n');
  expect(header).toBe('file,class,attribute,group,epochs,lossSum,forgotten,firstRight');
  expect(lines).toHaveLength(rows.length);

  const whole = new RunFolder(join(runs.folder, 'whole'));
  await trainErm({ ...runs.base, out: whole.path, trackImages: true });
  expect(await rowsOf(whole)).toEqual(rows);
  // Nothing is written unless it is requested.
  expect(await rowsOf(runs.reference)).toEqual([]);
  expect(await measured(whole)).toEqual(await measured(runs.reference));
  for (const fileOf of [lastOf, bestOf]) {
    expect((await readFile(fileOf(whole))).equals(await readFile(fileOf(runs.reference)))).toBe(true);
  }
  expect(await whole.readTrainingResult()).toEqual(await runs.reference.readTrainingResult());
});
