import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../../src/data/dataset.js';
import { readDiscovered, writeDiscovered } from '../../src/extras/discover/discover.js';
import type { BlindTest, DiscoverResult } from '../../src/extras/discover/result.js';
import { judgeTest, registerTest } from '../../src/extras/discover/test.js';
import { failure } from '../data/support.js';
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
  const answers = join(folder, `${name}-${of}.csv`);
  await writeFile(answers, tableOf(result, test));
  return answers;
}

function tableOf({ images }: DiscoverResult, { id, batches }: BlindTest): string {
  const wrong = new Set(images.filter(({ margin }) => margin <= 0).map(({ path }) => path));
  const rows = [];
  let ticked = 0;
  for (const batch of batches) {
    if (ticked >= 10) break;
    for (const path of batch) {
      ticked += Number(wrong.has(path));
      rows.push(`${rows.length + 1},${wrong.has(path) ? '1,1' : '0,'},${id}`);
    }
  }
  return ['image,ticked,again,test', ...rows, ''].join('\n');
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

test.each<[string, Partial<BlindTest>, RegExp]>([
  [
    'a path that is none of its images',
    { batches: [['nowhere.png']] },
    /a test shows nowhere\.png, which is none/,
  ],
  [
    'a p below 0',
    { outcome: { wrong: 1, wrongTicked: 1, right: 1, rightTicked: 0, agreement: null, pValue: -3 } },
    /it is damaged: .*pValue/s,
  ],
])('a registered test with %s is refused', async (what, changed, problem) => {
  const out = await ranked(what.replaceAll(' ', '-'));
  await registerTest({ out, test: 'snow', class: classes[0] });
  const result = await readDiscovered(out);
  const tests = result.tests.map((one) => ({ ...one, ...changed }));
  await writeDiscovered(out, { ...result, tests });
  await failure(registerTest({ out, test: 'snow', class: classes[0] }), 'USAGE', problem);
});

test('classes, and names that differ in signs, have pages and tables of their own; a page made again keeps its ticks', async () => {
  const out = await ranked('pages');
  const [one, other] = classes;
  const made: { page: string; key: string | undefined; file: string | undefined }[] = [];
  for (const [name, of] of [
    ['a b', one],
    ['a/b', one],
    ['a b', other],
    ['a b', one],
  ] as const) {
    const { page } = await registerTest({ out, test: name, class: of });
    const text = await readFile(page, 'utf8');
    made.push({ page, key: /data-key="(.*?)"/.exec(text)?.[1], file: /data-file="(.*?)"/.exec(text)?.[1] });
    // In the window's title, and once on the page.
    expect(text.split('Does it show').length - 1).toBe(2);
  }
  for (const key of ['page', 'key', 'file'] as const) expect(new Set(made.map((of) => of[key])).size).toBe(3);
  expect(made[3]).toEqual(made[0]);
});

test('what killed processes left of the files is removed', async () => {
  const out = await ranked('left');
  const register = () => registerTest({ out, test: 'snow', class: classes[0] });
  const { page } = await register();
  const left = [page, `${out}.json`, `${out}-other.html`].map((path) => `${path}.${randomUUID()}.tmp`);
  for (const path of left) await writeFile(path, '');
  await register();
  expect(left.map((path) => existsSync(path))).toEqual([false, false, true]);
});

test('answers belong to one test, and the first judgement counts', async () => {
  const out = await ranked('answers');
  const [one, other] = classes;
  for (const of of classes) await registerTest({ out, test: 'snow', class: of });
  await registerTest({ out, test: 'rain', class: one });
  const answers = await ticksOf(out, 'snow', one);
  const text = await readFile(answers, 'utf8');
  const judged = (table: string, test = 'snow', of = one) =>
    judgeTest({ out, test, class: of, answers: table });
  const belong = `these are answers of the test snow of the class ${one}, and`;
  await failure(judged(answers, 'snow', other), 'USAGE', belong, `snow of the class ${other} was requested`);
  await failure(judged(answers, 'rain'), 'USAGE', belong, `rain of the class ${one} was requested`);
  const altered = async (table: string): Promise<string> => {
    const path = join(folder, 'altered.csv');
    await writeFile(path, table);
    return path;
  };
  const unknown = await altered(text.replaceAll(/,t[0-9a-f]{8}$/gm, ',t0123abcd'));
  await failure(
    judged(unknown),
    'USAGE',
    'these are answers of a test t0123abcd, which is not registered here',
  );
  const without = await altered(text.replaceAll(/,[^,]*$/gm, ''));
  await failure(judged(without), 'USAGE', 'it does not say which test it answers');
  const blank = await altered(text.replaceAll(',1,1,', ',1,0,'));
  await failure(
    judged(blank),
    'USAGE',
    /the second look is empty: none of \d+ ticked images is ticked again/,
  );
  expect((await readDiscovered(out)).tests.map(({ outcome }) => outcome)).toEqual([null, null, null]);

  const verdict = await judged(answers);
  const less = await altered(text.replace(',1,1,', ',1,0,'));
  const advice = 'Register another name';
  await failure(
    judged(less),
    'USAGE',
    'snow of the class',
    'is judged already',
    `ticked in ${verdict.wrongTicked} of`,
    advice,
  );
  // The recorded verdict is read again by its own answers, corrected over the names of now.
  await registerTest({ out, test: 'fog', class: one });
  expect(await judged(answers)).toMatchObject({ pValue: verdict.pValue, corrected: 4 * verdict.pValue });
  const { tests } = await readDiscovered(out);
  expect(tests[0]?.outcome).toMatchObject({ wrongTicked: verdict.wrongTicked, pValue: verdict.pValue });
});
