import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { put, putImage, putJpeg } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { contentOf, expectFailure, spurmem, trainArguments } from './support.js';

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

const inspect = (data: string) => spurmem(['dataset', 'inspect', '--data', data]);
const withLine = (line: number, text: string): string[] => [HEADER, ...ROWS].with(line - 1, text);

it('inspects a good dataset', async () => {
  const { exitCode, stdout } = await inspect(await dataset('good', [HEADER, ...ROWS]));
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/all +│ +4 │ +4 │ +4 │/);
});

describe('a dataset that is not there', () => {
  it('names the missing folder', async () => {
    const data = join(folder, 'missing');
    expectFailure(await inspect(data), 1, data, 'no such folder', 'metadata.csv');
    expect(existsSync(data)).toBe(false);
  });

  it('says that a file is no folder', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expectFailure(await inspect(file), 1, file, 'not a folder');
  });

  it('names the missing table', async () => {
    const data = join(folder, 'empty');
    await mkdir(data);
    expectFailure(await inspect(data), 1, data, 'metadata.csv');
    expect(contentOf(data)).toEqual({});
  });
});

describe('a table with a mistake', () => {
  it.each([
    ['a missing column', 1, 'img_filename,y,split,background', ['place', 'background']],
    ['a number in words', 4, 'images/010.png,one,0,0', ['metadata.csv:4', '"one"', 'y']],
    ['a fraction', 5, 'images/011.png,1,0,0.5', ['metadata.csv:5', '0.5', 'place']],
    ['an unknown split', 6, 'images/100.png,0,3,0', ['metadata.csv:6', '3', 'split']],
    ['a row too short', 7, 'images/101.png,0', ['metadata.csv:7']],
    ['a file that climbs out', 8, '../0.png,1,1,0', ['metadata.csv:8', '../0.png']],
    ['a file of the whole disk', 8, '/etc/hostname,1,1,0', ['metadata.csv:8', '/etc/hostname']],
    ['a file that is missing', 9, 'images/none.png,1,1,1', ['metadata.csv:9', 'images/none.png']],
  ])('names %s', async (name, line, text, found) => {
    const data = await dataset(name, withLine(line, text));
    const before = contentOf(data);
    expectFailure(await inspect(data), 1, join(data, 'metadata.csv'), ...found);
    // No store of decoded images is left half-written.
    expect(contentOf(data)).toMatchObject(before);
    expect(Object.keys(contentOf(data)).filter((path) => /\.(pixels|bin|tmp)/.test(path))).toEqual([]);
  });

  it('names the line of a truncated JPEG', async () => {
    const data = await dataset('truncated', withLine(11, 'images/2.jpg,0,2,1'));
    const image = join(data, 'images', '2.jpg');
    await putJpeg(image, 64, 64, 2);
    const whole = readFileSync(image);
    writeFileSync(image, whole.subarray(0, whole.length / 2));
    expectFailure(await inspect(data), 1, 'metadata.csv:11', 'images/2.jpg', 'truncated');
    // The next attempt, with the image mended, does not see anything of this one.
    writeFileSync(image, whole);
    expect(await inspect(data)).toMatchObject({ exitCode: 0 });
  });

  it('names the keys of a wrong dataset.json', async () => {
    const data = await dataset('json', [HEADER, ...ROWS]);
    await put(join(data, 'dataset.json'), '{"targetNames": ["one"], "colour": 1}');
    expectFailure(await inspect(data), 1, join(data, 'dataset.json'), 'targetNames', 'colour');
  });
});

it('train erm refuses a split with an empty group, before it creates anything', async () => {
  const data = await dataset(
    'gap',
    [HEADER, ...ROWS].filter((row) => row !== 'images/101.png,0,1,1'),
  );
  const before = contentOf(data);
  const out = join(folder, 'run');
  expectFailure(
    await spurmem(trainArguments(data, out)),
    1,
    join(data, 'metadata.csv'),
    'split val',
    '(y 0, a 1)',
  );
  expect(contentOf(data)).toEqual(before);
  expect([existsSync(out), existsSync(`${out}.lock`)]).toEqual([false, false]);
});

it('builds no dataset below a file', async () => {
  const file = join(folder, 'taken');
  writeFileSync(file, 'kept');
  expectFailure(
    await spurmem(['dataset', 'dominoes', '--data', join(file, 'data')]),
    1,
    `Cannot write ${join(file, 'data')}`,
    'choose another folder',
  );
  expect(readFileSync(file, 'utf8')).toBe('kept');
});
