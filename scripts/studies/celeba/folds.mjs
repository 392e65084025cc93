// The five folds of studies/celeba/plan.md as data sets in CelebA's layout: node scripts/studies/celeba/folds.mjs data/celeba data
// Fold f is tested, the next one is validation, the other three are training. celeba-memorization tests fold 0 and has no validation. Folders hold hard links of the images, so they lie on one file system.
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { makeFolder } from '#src/files.js';

const FOLDS = 5;
const LINKED = ['img_align_celeba', 'list_attr_celeba.txt', 'dataset.json'];

const [, , celeba = '', out = ''] = process.argv;
const rows = parse(await readFile(join(celeba, 'folds.csv'), 'utf8'), { columns: true });
for (const name of [...Array(FOLDS).keys(), 'memorization']) {
  const tested = Number(name) || 0;
  const folder = join(out, `celeba-${name}`);
  await makeFolder(folder);
  for (const linked of LINKED) {
    await rm(join(folder, linked), { recursive: true, force: true });
    execFileSync('cp', ['-rlL', join(celeba, linked), folder]);
  }
  const validation = name === 'memorization' ? undefined : (tested + 1) % FOLDS;
  const partition = (fold) => (fold === tested ? 2 : fold === validation ? 1 : 0);
  const lines = rows.map(({ image, fold }) => `${image} ${partition(Number(fold))}\n`);
  await writeFile(join(folder, 'list_eval_partition.txt'), lines.join(''));
  console.log(folder);
}
