// The five folds of studies/celeba/plan.md as data sets in CelebA's layout: node scripts/studies/celeba/folds.mjs data/celeba data
// Fold f is tested, the next one is validation, the other three are training. Folders hold hard links of the images, so they lie on one file system.
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { makeFolder } from '#src/files.js';

const FOLDS = 5;
const LINKED = ['img_align_celeba', 'list_attr_celeba.txt', 'dataset.json'];

const [, , celeba = '', out = ''] = process.argv;
const rows = parse(await readFile(join(celeba, 'folds.csv'), 'utf8'), { columns: true });
for (let tested = 0; tested < FOLDS; tested += 1) {
  const folder = join(out, `celeba-${tested}`);
  await makeFolder(folder);
  for (const name of LINKED) {
    await rm(join(folder, name), { recursive: true, force: true });
    execFileSync('cp', ['-rlL', join(celeba, name), folder]);
  }
  const partition = (fold) => (fold === tested ? 2 : fold === (tested + 1) % FOLDS ? 1 : 0);
  const lines = rows.map(({ image, fold }) => `${image} ${partition(Number(fold))}\n`);
  await writeFile(join(folder, 'list_eval_partition.txt'), lines.join(''));
  console.log(folder);
}
