import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import * as tar from 'tar';
import { put, putImage } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { answer, contentOf, expectFailure, spurmem, trainArguments, words } from './support.js';

const folder = temporaryFolder();
const HEADER = 'img_filename,y,split,place';
/** Every group in every split, in the lines 2 to 13. */
const ROWS = [0, 1, 2].flatMap((split) =>
  [0, 1].flatMap((y) => [0, 1].map((place) => `images/${split}${y}${place}.png,${y},${split},${place}`)),
);

/** A dataset with the lines in its table, and the arguments that inspect it. */
async function dataset(name: string, lines: readonly string[]): Promise<string> {
  const data = join(folder, name);
  await put(join(data, 'metadata.csv'), `${lines.join('\n')}\n`);
  for (const [seed, row] of ROWS.entries()) {
    await putImage(join(data, row.slice(0, row.indexOf(','))), 16, 16, seed);
  }
  return data;
}

const inspect = (data: string) => answer(['dataset', 'inspect', '--data', data]);

it('inspects a good dataset', async () => {
  const { exitCode, stdout } = await inspect(await dataset('good', [HEADER, ...ROWS]));
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/all +│ +4 │ +4 │ +4 │/);
});

describe('fetch', () => {
  it('unpacks a local copy, and prints its groups and terms', async () => {
    const made = await dataset('release', [HEADER, ...ROWS]);
    const archive = join(folder, 'release.tar.gz');
    await tar.c({ file: archive, gzip: true, cwd: folder }, ['release']);
    const data = join(folder, 'fetched-waterbirds');
    const { exitCode, stdout } = await spurmem(['fetch', 'waterbirds', '--data', data, '--from', archive]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Waterbirds (Sagawa et al. 2020): ${data}`);
    expect(stdout).toMatch(/SHA-256 [0-9a-f]{64} .*--sha256/);
    expect(stdout).toMatch(/Terms: .*non-commercial/);
    expect(stdout).toMatch(/all +│ +4 │ +4 │ +4 │/);
    expect(contentOf(data)).toEqual(contentOf(made));
    const again = await spurmem(['fetch', 'waterbirds', '--data', data, '--from', archive]);
    expectFailure(again, 1, data, 'holds files');
  });

  it('names weights that it does not know', async () => {
    expectFailure(await spurmem(['fetch', 'weights', 'resnet51']), 2, 'resnet51', 'resnet50');
  });
});

describe('dataset compose', () => {
  const compose = (data: string, ...more: string[]) =>
    answer(words`dataset compose --data ${join(folder, data)} --size 32 --paired --foregrounds
      ${folder} --table ${join(folder, 'things.csv')} --class-column color --classes apple=red,green lemon=yellow
      --scenes ${join(folder, 'scenes')} --places field=meadow lake=lake ${more}`);

  beforeAll(async () => {
    const mask = Buffer.from(Array.from({ length: 400 }, (_, at) => (at < 200 ? 255 : 0)));
    const raw = { raw: { width: 20, height: 20, channels: 1 } } as const;
    await put(join(folder, 'half.png'), await sharp(mask, raw).png().toBuffer());
    const rows = ['image,mask,color'];
    for (let i = 0; i < 10; i += 1) {
      for (const color of ['red', 'green', 'yellow']) {
        await putImage(join(folder, 'things', color, `${i}.png`), 20, 20, i);
        rows.push(`things/${color}/${i}.png,half.png,${color}`);
      }
    }
    await put(join(folder, 'things.csv'), `${rows.join('\n')}\n`);
    for (let i = 0; i < 40; i += 1) {
      await putImage(join(folder, 'scenes', 'meadow', `${i}.png`), 24, 32, i);
      await putImage(join(folder, 'scenes', 'lake', `${i}.png`), 24, 32, i);
    }
  });

  it('builds a benchmark, and prints its groups', async () => {
    const { exitCode, stdout } = await compose('composed', '--agreement', '0.75');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/G0 apple, field +│ +9 │ +2 │ +6 │/);
    expect(stdout).toMatch(/G1 apple, lake +│ +3 │ +2 │ +6 │/);
    expect(stdout).toMatch(/G3 lemon, lake +│ +5 │ +1 │ +3 │/);
    const inspected = await inspect(join(folder, 'composed'));
    expect(inspected.exitCode).toBe(0);
  });

  it('refuses a class without a name, and makes nothing', async () => {
    expectFailure(await compose('refused', '--classes', '=red'), 2, 'a name and its values');
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });
});

it('names groups that are missing, and what can be done without them', async () => {
  const isKept = (row: string) => !/^images\/(?:00|10|21)1/.test(row);
  const data = await dataset('aligned', [HEADER, ...ROWS].filter(isKept));
  const { exitCode, stderr } = await inspect(data);
  expect(exitCode).toBe(0);
  expect(stderr).toContain(
    'the split train has no example of group 1 (y 0, a 1); the split val has no example of group 1 (y 0, a 1); ' +
      'the split test has no example of group 3 (y 1, a 1). All methods train except ',
  );
  expect(stderr).toContain('which need each group. Accuracies and traces take the groups that a split has.');
});

it('train erm refuses a split without images, before it creates anything', async () => {
  const data = await dataset(
    'gap',
    [HEADER, ...ROWS].filter((row) => !row.startsWith('images/1')),
  );
  const before = contentOf(data);
  const out = join(folder, 'run');
  expectFailure(
    await spurmem(trainArguments(data, out)),
    1,
    join(data, 'metadata.csv'),
    'the split val has no images',
    '--held-out',
  );
  expect(contentOf(data)).toEqual(before);
  expect([existsSync(out), existsSync(`${out}.lock`)]).toEqual([false, false]);
});
