import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { loadDataset } from '../../src/data/dataset.js';
import { buildImageStore } from '../../src/data/imageStore.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { failure } from './support.js';

const folder = temporaryFolder();

test('200 bytes that have changed are named by their images, and the store is built anew', async () => {
  const data = join(folder, 'data');
  await tinyDominoes(data);
  const dataset = await loadDataset(data);
  const index = await buildImageStore(dataset);
  const whole = await readFile(index.pixelsPath);
  const entry = await readFile(index.indexPath);
  const pixels = 3 * 32 * 16;
  for (let round = 0; round < 200; round += 1) {
    const at = Math.floor(((round + 0.5) * whole.length) / 200);
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (round % 8));
    await writeFile(index.pixelsPath, damaged);
    await writeFile(index.indexPath, entry);
    using loader = await BatchLoader.open(dataset, { device: 'cpu' });
    const example = index.offsets.indexOf(Math.floor(at / pixels) * pixels);
    const name = dataset.examples[example]?.filename ?? '';
    const all = Int32Array.from(dataset.examples.keys());
    const read = async (): Promise<void> => {
      for await (const batch of loader.evaluation(all, 32)) batch[Symbol.dispose]();
    };
    await failure(
      read(),
      'IMAGE_INVALID',
      `the decoded pixels of ${name} have changed`,
      'decodes the images anew',
    );
    expect(existsSync(index.indexPath)).toBe(false);
  }
  const again = await buildImageStore(dataset);
  expect(again).toEqual(index);
  expect(await readFile(again.pixelsPath)).toEqual(whole);
});
