import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset, requireGroups } from '../../src/data/dataset.js';
import { ARTICLE_PREPROCESSING } from '../../src/data/preprocessing.js';
import { failure, put, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const table = () => join(folder(), 'metadata.csv');

const HEADER = 'img_id,img_filename,y,split,place,place_filename';
const RELEASED = [HEADER, '1,a.jpg,0,0,0,x', '2,b.jpg,0,1,1,x', '3,c.jpg,1,2,0,x', '4,d.jpg,1,0,1,x'].join(
  '\n',
);

async function loadTable(content: string | Buffer, config?: unknown) {
  await put(table(), content);
  if (config !== undefined) await put(join(folder(), 'dataset.json'), JSON.stringify(config));
  return loadDataset(folder());
}

describe('loadDataset', () => {
  test('reads the Waterbirds layout', async () => {
    const dataset = await loadTable(RELEASED);
    expect(dataset.examples[3]).toEqual({ filename: 'd.jpg', y: 1, a: 1, group: 3, split: 'train', line: 5 });
    const sizes = { numClasses: 2, numSpurious: 2, numGroups: 4 };
    expect(dataset).toMatchObject({ ...sizes, table: table(), folder: folder() });
    expect(dataset.targetNames).toEqual(['0', '1']);
    expect(dataset.groupNames).toEqual(['y 0, a 0', 'y 0, a 1', 'y 1, a 0', 'y 1, a 1']);
    expect(dataset.preprocessing).toEqual(ARTICLE_PREPROCESSING);
    expect([...dataset.splits.train]).toEqual([0, 3]);
    expect([...dataset.splits.val]).toEqual([1]);
    expect([...dataset.labels]).toEqual([0, 0, 1, 1]);
    expect([...dataset.groups]).toEqual([0, 1, 2, 3]);
    expect(dataset.counts.train).toEqual([1, 0, 0, 1]);
  });

  test('takes names and preprocessing from dataset.json', async () => {
    const preprocessing = { ...ARTICLE_PREPROCESSING, resize: null, crop: null };
    await expect(loadTable(RELEASED, { name: '../x' })).rejects.toThrow(/without slashes/);
    const targetNames = ['cat', 'dog', 'cow'];
    const config = { name: 'pets', targetNames, spuriousNames: ['day', 'night'], preprocessing };
    const dataset = await loadTable(RELEASED, config);
    expect(dataset).toMatchObject({
      name: 'pets',
      numClasses: 3,
      numSpurious: 2,
      numGroups: 6,
      preprocessing,
    });
    expect(dataset.groupNames[5]).toBe('cow, night');
  });

  test('takes quotes, CRLF, a byte order mark, empty lines, spaces and any order of columns', async () => {
    const text =
      '\uFEFFsplit, y ,"img_filename",place\r\n0,1,"a, ""b"".jpg",0\r\n\r\n2, 0 ,./x/../c.jpg,1\r\n';
    const { examples } = await loadTable(text);
    expect(examples.map(({ filename, y, a, split, line }) => [filename, y, a, split, line])).toEqual([
      ['a, "b".jpg', 1, 0, 'train', 2],
      ['c.jpg', 0, 1, 'test', 4],
    ]);
  });

  test('has at least two classes, takes one attribute value, and a file twice in one split', async () => {
    const dataset = await loadTable(`${HEADER}\n1,a.jpg,0,0,0,x\n2,./a.jpg,0,0,0,x`);
    expect(dataset).toMatchObject({ numClasses: 2, numSpurious: 1, numGroups: 2 });
    expect(dataset.examples.map(({ filename }) => filename)).toEqual(['a.jpg', 'a.jpg']);
  });

  test('changes its fingerprint with the table and with dataset.json, but not with its core region', async () => {
    const first = await loadTable(RELEASED);
    expect([first.coreRegion, first.fingerprint]).toEqual([null, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    await put(join(folder(), 'other.txt'), 'x');
    const described = async (text: string): Promise<string> => {
      await put(join(folder(), 'dataset.json'), text);
      const { fingerprint, coreRegion } = await loadDataset(folder());
      expect(coreRegion).toEqual(text.includes('coreRegion') ? [0.5, 0, 0.5, 1] : null);
      return fingerprint;
    };
    const named = await described('{"name": "x"}');
    expect(await described('{"name": "x",\n "coreRegion": [0.5, 0, 0.5, 1]}')).toBe(named);
    expect(await described('{"coreRegion": [0.5,\n0, 0.5, 1], "name": "x"}')).toBe(named);
    expect(await described('{"coreRegion": [0.5, 0, 0.5, 1], "name": "y"}')).not.toBe(named);
    expect(await described('{ "coreRegion": [0.5, 0, 0.5, 1] }')).toBe(first.fingerprint);
    expect(named).not.toBe(first.fingerprint);
    expect((await loadTable(`${RELEASED}\n`)).fingerprint).not.toBe(first.fingerprint);
  });
});

describe('loadDataset refuses', () => {
  test('a missing folder, a file, and a folder without a table', async () => {
    const none = join(folder(), 'none');
    await failure(loadDataset(none), 'DATASET_NOT_FOUND', none, 'dominoes');
    await writeFile(join(folder(), 'file'), '');
    await failure(loadDataset(join(folder(), 'file')), 'DATASET_NOT_FOUND');
    await failure(loadDataset(folder()), 'DATASET_NOT_FOUND', table());
    await mkdir(table());
    await failure(loadDataset(folder()), 'DATASET_NOT_FOUND');
  });

  // Each with what the message must name, `:n` being the line.
  test.each<[string, string, string[]]>([
    ['an empty table', '', ['empty']],
    ['a table without rows', `${HEADER}\n`, ['no rows']],
    ['missing columns', 'img_filename,y,set\na.jpg,0,0', [':1', 'split, place', 'img_filename, y, set']],
    ['a column twice', `${HEADER},y\n1,a.jpg,0,0,0,x,1`, [':1', 'y twice']],
    ['a negative number', `${HEADER}\n1,a.jpg,0,0,0,x\n2,b.jpg,-1,0,0,x`, [':3', 'column y', '"-1"']],
    ['a fraction', `${HEADER}\n1,a.jpg,0,0,1.0,x`, [':2', 'column place', '"1.0"']],
    ['a missing value', `${HEADER}\n1,a.jpg,0,,0,x`, [':2', 'column split', '""']],
    ['a huge number', `${HEADER}\n1,a.jpg,20240101,0,0,x`, [':2', 'column y', '20240101']],
    ['an unknown split', `${HEADER}\n1,a.jpg,0,3,0,x`, [':2', 'column split', '3', '2 (test)']],
    ['an empty file name', `${HEADER}\n1,,0,0,0,x`, [':2', 'column img_filename', '""']],
    ['an absolute path', `${HEADER}\n1,/etc/a.jpg,0,0,0,x`, [':2', 'column img_filename', '"/etc/a.jpg"']],
    ['a path out of the folder', `${HEADER}\n1,x/../../a.jpg,0,0,0,x`, [':2', '"x/../../a.jpg"', 'climbs']],
    ['the folder itself', `${HEADER}\n1,x/..,0,0,0,x`, [':2', '"x/.."']],
    ['a leak', `${HEADER}\n1,a.jpg,0,0,0,x\n2,./a.jpg,0,2,0,x`, [':3', 'a.jpg', 'line 2', 'train', 'test']],
    ['a short row', `${HEADER}\n1,a.jpg,0,0,0,x\n2,b.jpg,0`, [':3', 'CSV']],
    ['a long row', `${HEADER}\n1,a.jpg,0,0,0,x,9`, [':2', 'CSV']],
    ['an open quote', `${HEADER}\n1,a.jpg,0,0,0,x\n2,"b.jpg,0,0,0,x\n3,c.jpg,0,0,0,x\n`, [':3', 'CSV']],
    ['a stray quote', `${HEADER}\n1,"a"b.jpg,0,0,0,x`, [':2', 'CSV']],
  ])('%s', async (_, content, parts) => {
    const texts = parts.map((part) => (part.startsWith(':') ? `${table()}${part}: ` : part));
    await failure(loadTable(content), 'DATASET_INVALID', ...texts);
  });

  test.each<[string, unknown, string[]]>([
    ['an unknown key', { nam: 'x' }, ['nam']],
    ['a wrong type', { targetNames: ['a', 2] }, ['targetNames.1']],
    ['one class', { targetNames: ['a'] }, ['targetNames']],
    ['a name twice', { spuriousNames: ['a', 'a'] }, ['spuriousNames', 'differ']],
    [
      'bad preprocessing',
      { preprocessing: { ...ARTICLE_PREPROCESSING, std: [1, 0, 1] } },
      ['preprocessing.std.1'],
    ],
    ['a core region beyond the image', { coreRegion: [0.5, 0, 0.6, 1] }, ['coreRegion: ', 'top + height']],
    ['a core region in pixels', { coreRegion: [32, 0, 32, 32] }, ['coreRegion.0']],
    ['a core region of no height', { coreRegion: [0.5, 0, 0, 1] }, ['coreRegion.2']],
  ])('dataset.json with %s', async (_, config, parts) => {
    await failure(loadTable(RELEASED, config), 'DATASET_INVALID', join(folder(), 'dataset.json'), ...parts);
  });

  test('dataset.json that is not JSON, or names fewer values than the table has', async () => {
    await put(join(folder(), 'dataset.json'), '{"name": ');
    await failure(loadTable(RELEASED), 'DATASET_INVALID', 'not valid JSON');
    const few = loadTable(RELEASED, { spuriousNames: ['land'] });
    await failure(few, 'DATASET_INVALID', `${table()}:3: column place: 1`, 'spuriousNames');
  });
});

test('requireGroups names the split and the empty groups, and passes where every group has examples', async () => {
  const names = { targetNames: ['cat', 'dog'], spuriousNames: ['day', 'night'] };
  const dataset = await loadTable(RELEASED, names);
  const require = () => {
    requireGroups(dataset, ['train', 'val']);
  };
  const empty = /split train has no example of groups 1 \(cat, night\), 2 \(dog, day\); the split val has/;
  await failure(require, 'DATASET_EMPTY_GROUP', empty);
  const rows = [0, 1, 2, 3].map((group) => `${group},${group}.jpg,${group >> 1},0,${group & 1},x`);
  requireGroups(await loadTable([HEADER, ...rows].join('\n')), ['train']);
});
