import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Dataset, Example } from '../../src/data/dataset.js';
import { readDiscovered } from '../../src/extras/discover/discover.js';
import { CELEBA_ATTRIBUTES, celebaLists } from '../data/standardSplits.js';
import { tinyDominoes } from '../fixtures.js';
import { commandsOf } from '../house/documents.js';
import { temporaryFolder } from '../temporary.js';
import { succeed, words } from './support.js';

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
let dominoes: Dataset;

beforeAll(async () => {
  dominoes = await tinyDominoes(at('waterbirds'), { val: [20, 20, 20, 20] });
});

/** The commands that an output names next. */
function nextOf(stdout: string): string[][] {
  return stdout.split('\n').flatMap((line) => {
    const [, commands = ''] = /^Next: (.*)$/.exec(line) ?? [];
    return commandsOf(commands.replaceAll('&&', '\n'));
  });
}

const pathOf = ({ filename }: Example): string => at('waterbirds', filename);

/** Class folders, of which a share is held out for validation. */
async function asFolders(): Promise<string[]> {
  for (const [i, example] of dominoes.examples.entries()) {
    if (example.split === 'val') continue;
    const path = at('folders', example.split, example.y === 0 ? 'a' : 'b', `${i}.png`);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(pathOf(example), path);
  }
  return words`--data ${at('folders')} --held-out 0.4`;
}

/** A table whose columns have names of their own. */
async function asCsv(): Promise<string[]> {
  await mkdir(at('csv'));
  for (const [i, example] of dominoes.examples.entries())
    await copyFile(pathOf(example), at('csv', `${i}.png`));
  const rows = dominoes.examples.map(({ y, split }, i) => `${i}.png,${y},${split}`);
  await writeFile(at('csv', 'labels.csv'), ['path,label,fold', ...rows, ''].join('\n'));
  return words`--data ${at('csv')} --columns filename=path,y=label,split=fold`;
}

async function asWaterbirds(): Promise<string[]> {
  return Promise.resolve(words`--data ${at('waterbirds')}`);
}

async function asCeleba(): Promise<string[]> {
  await mkdir(at('celeba', 'img_align_celeba'), { recursive: true });
  const images = [];
  for (const [i, example] of dominoes.examples.entries()) {
    const name = `${String(i + 1).padStart(6, '0')}.jpg`;
    await sharp(pathOf(example))
      .jpeg()
      .toFile(at('celeba', 'img_align_celeba', name));
    const values = CELEBA_ATTRIBUTES.map((attribute) => {
      if (attribute === 'Blond_Hair') return example.y === 1 ? 1 : -1;
      return attribute === 'Male' && example.a === 1 ? 1 : -1;
    });
    images.push({ name, split: ['train', 'val', 'test'].indexOf(example.split), values });
  }
  const { attributes, partitions } = celebaLists(images);
  await writeFile(at('celeba', 'list_attr_celeba.txt'), attributes);
  await writeFile(at('celeba', 'list_eval_partition.txt'), partitions);
  return words`--data ${at('celeba')}`;
}

/** Fills in a command's placeholders: ticks of the first images, the name of a mark, a blind test without ticks. */
async function filledIn(command: readonly string[]): Promise<string[]> {
  const after = (word: string): string => command[command.indexOf(word) + 1] ?? '';
  const own = at('saved.csv');
  const given: Record<string, string> = { 'ticks.csv': own, FILE: own, NAME: 'a mark' };
  if (command.includes('ticks.csv')) {
    const { images } = await readDiscovered(`${after('--from')}-found`);
    const rows = images.filter(({ rank }) => rank <= 10).map(({ path }) => `${path},1,`);
    await writeFile(own, ['path,ticked,name', ...rows, ''].join('\n'));
  } else if (command.includes('FILE')) {
    const [test] = (await readDiscovered(after('--out'))).tests;
    const rows = (test?.batches.flat() ?? []).map((_, i) => `${i + 1},0,,${test?.id}`);
    await writeFile(own, ['image,ticked,again,test', ...rows, ''].join('\n'));
  } else if (command.includes('CLASS')) {
    const { images } = await readDiscovered(after('--out'));
    const wrong = images.filter(({ margin }) => margin <= 0).map((image) => image.class);
    const count = (name: string): number => wrong.filter((one) => one === name).length;
    [given.CLASS = ''] = [...new Set(wrong)].sort((a, b) => count(b) - count(a));
  }
  return command.map((word) => given[word] ?? word);
}

const WITHOUT_ATTRIBUTE = ['discover --run', 'report --run', 'discover --out', 'train dfr', 'compare'];
const WITH_ATTRIBUTE = ['trace unstructured', 'report --run', 'train dfr', 'compare', 'discover --out'];

test.each([
  ['class folders and held-out images', 'folders', asFolders, WITHOUT_ATTRIBUTE],
  ['a table with columns of its own', 'csv', asCsv, WITHOUT_ATTRIBUTE],
  ['Waterbirds', 'waterbirds', asWaterbirds, WITH_ATTRIBUTE],
  ['CelebA', 'celeba', asCeleba, WITH_ATTRIBUTE],
])('%s: each command that is named next runs, to the end', async (_what, name, make, steps) => {
  const data = await make();
  const run = at(`run-${name}`);
  const ran: string[] = [];
  const todo = [
    // Almost all images of one class are wrong.
    words`train erm ${data} --out ${run} --arch resnet20 --epochs 1 --batch-size 58 --lr 1e-6 --image-size 32 --threads 1`,
    words`discover --run ${run}`,
  ];
  for (let command = todo.shift(); command !== undefined; command = todo.shift()) {
    const line = command.join(' ');
    if (ran.includes(line)) continue;
    ran.push(line);
    const further =
      { discover: ['--out', `${run}-found`], trace: ['--null-draws', '0'] }[command[0] ?? ''] ?? [];
    const isComplete = further.length === 0 || command.includes('--out');
    const { stdout } = await succeed([
      ...(await filledIn(command)),
      ...(isComplete ? [] : further),
      '--quiet',
    ]);
    todo.push(...nextOf(stdout));
  }
  console.log(`${name}: ${ran.length} commands ran`);
  for (const step of steps) expect(ran).toContainEqual(expect.stringMatching(new RegExp(`^${step}`)));
});
