import { join } from 'node:path';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { imagesSchema } from '../../src/train/imageRecord.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { succeed } from '../cli/support.js';
import { builtRuns } from '../train/support.js';
import { reference, THREADS } from './python.js';

const runs = builtRuns();

test('pandas reads the tables of images, and joins them by file', async () => {
  const out = join(runs.folder, 'tracked');
  await trainErm({ ...runs.base, out, trackImages: true });
  const predictions = join(runs.folder, 'predictions.csv');
  await succeed(['evaluate', '--run', out, '--csv', predictions, '--threads', String(THREADS)]);
  const tracked = join(out, 'results/images.csv');
  const read = JSON.parse(reference('tables', { predictions, tracked })) as { loss: { test: number } } | null;
  if (read === null) {
    // Debian's packages have none.
    console.log('pandas is not installed');
    return;
  }
  const never = (await new RunFolder(out).readResult('images', imagesSchema))?.rows.filter(
    ({ firstRight }) => firstRight === null,
  );
  const { loss } = await evaluateRun({ run: out, threads: THREADS });
  expect(read).toMatchObject({
    numbers: [
      'group',
      'probability',
      'margin',
      'loss',
      'p_pullover',
      'p_coat',
      'epochs',
      'lossSum',
      'forgotten',
      'firstRight',
    ],
    rows: [116, 84, 84],
    missing: { firstRight: never?.length },
  });
  expect(read.loss.test).toBeCloseTo(loss, 12);
});
