// What studies/planted/ has recorded.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { distinct, numbers, select } from '#src/kit/rows.js';
import { mean } from '#src/metrics/statistics.js';
import { Records } from '#src/study/records.js';

/** The tables of a study's file, its arms, and how a number a model is taken of one. */
export async function readRecorded(path) {
  const file = parse(await readFile(path, 'utf8'));
  const folder = join(dirname(path), file.records);
  const records = new Records(folder, basename(path, '.yaml'));
  const names = ['cells', 'found', 'erased', 'minimal'];
  const [cells, found, erased, minimal] = await Promise.all(names.map((name) => records.read(name)));
  const isPure = ({ seed, kind, images, layer, neurons, lr }) =>
    select(cells, { seed, kind, images, layer, neurons, lr })[0]?.pure === 1;
  /** A number a model, in the order of seeds: the mean of a column over the rows of its pure plantings. */
  const byModel = (rows, column, scale = 1) => {
    const pure = rows.filter(isPure);
    const seeds = distinct(pure, 'seed').sort((a, b) => a - b);
    return seeds.map((seed) => scale * mean(numbers(select(pure, { seed }), column)));
  };
  return { folder, cells, found, erased, minimal, kinds: distinct(cells, 'kind'), byModel };
}
