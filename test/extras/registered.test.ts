import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../src/data/dataset.js';
import { readDiscovered, writeDiscovered } from '../../src/extras/discover/discover.js';
import type { BlindTest, DiscoverResult } from '../../src/extras/discover/result.js';
import { judgeTest, registerTest } from '../../src/extras/discover/test.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
let dataset: Dataset;
let classes: readonly [string, string];

beforeAll(async () => {
  dataset = await tinyDominoes(join(folder, 'dominoes'));
  classes = dataset.targetNames as unknown as typeof classes;
});

/** The path of files that a ranking has written: every third image is wrong. */
async function ranked(name: string): Promise<string> {
  const images = dataset.examples.map(({ filename, y, split }, i) => ({
    path: filename,
    class: dataset.targetNames[y] as string,
    margin: i % 3 === 0 ? -1 : 1,
    rank: i + 1,
    split,
    part: i % 2 === 0 ? ('confirm' as const) : ('explore' as const),
  }));
  const out = join(folder, name);
  const { folder: data, fingerprint, options } = dataset;
  const described = { kind: 'discover', data, fingerprint, dataOptions: { ...options } } as const;
  const ranking = { network: 'run', isTrainedOn: false, ranking: 'network', seed: 0 } as const;
  await writeDiscovered(out, { ...described, ...ranking, images, tests: [] });
  return out;
}

/** Ticks the wrong images of a test, as its page saves it. */
async function ticksOf(out: string, name: string, of: string): Promise<string> {
  const result = await readDiscovered(out);
  const test = result.tests.find((one) => one.name === name && one.class === of) as BlindTest;
  const answers = join(folder, `${name}.csv`);
  await writeFile(answers, tableOf(result, test));
  return answers;
}

function tableOf({ images }: DiscoverResult, { batches }: BlindTest): string {
  const wrong = new Set(images.filter(({ margin }) => margin <= 0).map(({ path }) => path));
  const rows = [];
  let ticked = 0;
  for (const batch of batches) {
    if (ticked >= 10) break;
    for (const path of batch) {
      ticked += Number(wrong.has(path));
      rows.push(`${rows.length + 1},${wrong.has(path) ? '1,1' : '0,'}`);
    }
  }
  return ['image,ticked,again', ...rows, ''].join('\n');
}

test('names that are registered at the same time all count, and so do judgements', async () => {
  const out = await ranked('together');
  const names = ['snow', 'rain', 'fog', 'sun'];
  const made = await Promise.all(names.map((test) => registerTest({ out, test, class: classes[0] })));
  const named = (await readDiscovered(out)).tests.map(({ name }) => name);
  expect(named.toSorted()).toEqual(names.toSorted());
  expect(made.map(({ registered }) => registered).toSorted()).toEqual([1, 2, 3, 4]);
  const answers = await Promise.all(names.map((name) => ticksOf(out, name, classes[0])));
  await Promise.all(
    names.map((test, i) => judgeTest({ out, test, class: classes[0], answers: answers[i] as string })),
  );
  expect((await readDiscovered(out)).tests.map(({ outcome }) => outcome)).not.toContain(null);
});
