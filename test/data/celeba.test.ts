import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset, requireGroups } from '../../src/data/dataset.js';
import { openImageStore } from '../../src/data/imageStore.js';
import { ARTICLE_PREPROCESSING } from '../../src/data/preprocessing.js';
import { SPLITS } from '../../src/data/split.js';
import { CELEBA_ATTRIBUTES, CELEBA_COUNTS, celebaLists, spreadGroups } from './standardSplits.js';
import { failure, put, putJpeg, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const attributeList = () => join(folder(), 'list_attr_celeba.txt');
const partitionList = () => join(folder(), 'list_eval_partition.txt');

const BLOND = CELEBA_ATTRIBUTES.indexOf('Blond_Hair');
const MALE = CELEBA_ATTRIBUTES.indexOf('Male');
const SMILING = CELEBA_ATTRIBUTES.indexOf('Smiling');

/** 40 values, -1 but for the given positions. */
function valuesWith(...positive: readonly number[]): number[] {
  return CELEBA_ATTRIBUTES.map((_, index) => (positive.includes(index) ? 1 : -1));
}

const IMAGES = [
  { name: '000001.jpg', split: 0, values: valuesWith(SMILING) },
  { name: '000002.jpg', split: 0, values: valuesWith(MALE) },
  { name: '000003.jpg', split: 1, values: valuesWith(BLOND, SMILING) },
  { name: '000004.jpg', split: 2, values: valuesWith(BLOND, MALE) },
];

/** The same lists as Kaggle writes them. */
function kaggleLists(images: typeof IMAGES): Lists {
  return {
    attributes: [
      ['image_id', ...CELEBA_ATTRIBUTES].join(','),
      ...images.map(({ name, values }) => [name, ...values].join(',')),
    ].join('\n'),
    partitions: ['image_id,partition', ...images.map(({ name, split }) => `${name},${split}`)].join('\n'),
  };
}

type Lists = ReturnType<typeof celebaLists>;

async function putReleased({ attributes, partitions }: Lists = celebaLists(IMAGES)): Promise<void> {
  await put(attributeList(), attributes);
  await put(partitionList(), partitions);
}

async function putKaggle({ attributes, partitions }: Lists): Promise<void> {
  await put(join(folder(), 'list_attr_celeba.csv'), attributes);
  await put(join(folder(), 'list_eval_partition.csv'), partitions);
}

describe('loadDataset on CelebA', () => {
  test('reads the lists as released', async () => {
    await putReleased();
    const dataset = await loadDataset(folder());
    const splits = ['train', 'train', 'val', 'test'];
    expect(dataset.examples).toEqual(
      splits.map((split, group) => {
        const filename = `img_align_celeba/00000${group + 1}.jpg`;
        return { filename, y: group >> 1, a: group & 1, group, split, line: group + 3 };
      }),
    );
    expect(dataset).toMatchObject({
      table: attributeList(),
      numGroups: 4,
      targetNames: ['not Blond_Hair', 'Blond_Hair'],
      spuriousNames: ['not Male', 'Male'],
      preprocessing: ARTICLE_PREPROCESSING,
      options: { format: 'celeba', target: 'Blond_Hair', spurious: 'Male' },
    });
    expect(dataset.groupNames[1]).toBe('not Blond_Hair, Male');
  });

  test('reads the lists of Kaggle, and lists in the folders of the release', async () => {
    const { attributes, partitions } = kaggleLists(IMAGES);
    // A spreadsheet quotes values.
    await putKaggle({
      attributes,
      partitions: partitions.replaceAll('jpg', 'jpg"').replaceAll('0000', '"0000'),
    });
    const fromKaggle = await loadDataset(folder());
    expect(fromKaggle.examples.map(({ group, split, line }) => `${group} ${split} ${line}`)).toEqual([
      '0 train 2',
      '1 train 3',
      '2 val 4',
      '3 test 5',
    ]);
    const released = celebaLists(IMAGES);
    const root = join(folder(), 'CelebA');
    await put(join(root, 'Anno/list_attr_celeba.txt'), released.attributes.replaceAll('\n', '\r\n'));
    await put(join(root, 'Eval/list_eval_partition.txt'), released.partitions);
    const fromRelease = await loadDataset(root);
    expect([...fromRelease.groups]).toEqual([0, 1, 2, 3]);
  });

  test('goes after a table in the same folder', async () => {
    await putReleased();
    const formatWith = async (name: string, content: string): Promise<string> => {
      await put(join(folder(), name), content);
      return (await loadDataset(folder())).options.format;
    };
    expect(await formatWith('other.csv', 'path,label')).toBe('celeba');
    expect(await formatWith('metadata.csv', 'filename,split,y,a\n000001.jpg,0,0,1')).toBe('csv');
    const released = 'img_filename,split,y,place\n000001.jpg,0,0,1';
    expect(await formatWith('metadata.csv', released)).toBe('waterbirds');
    expect((await loadDataset(folder(), { format: 'celeba' })).options.format).toBe('celeba');
    await failure(formatWith('metadata.csv', 'path,label'), 'DATASET_INVALID');
  });

  test('takes other attributes, and records and fingerprints them', async () => {
    await putReleased();
    const standard = await loadDataset(folder());
    const smiling = await loadDataset(folder(), { target: 'Smiling', spurious: 'Blond_Hair' });
    expect([...smiling.groups]).toEqual([2, 0, 3, 1]);
    expect(smiling.groupNames[3]).toBe('Smiling, Blond_Hair');
    expect(smiling.options).toEqual({ format: 'celeba', target: 'Smiling', spurious: 'Blond_Hair' });
    expect(smiling.fingerprint).not.toBe(standard.fingerprint);
    expect(await loadDataset(folder(), smiling.options)).toEqual(smiling);
    expect(await loadDataset(folder(), { format: 'celeba', spurious: 'Male' })).toEqual(standard);
  });

  test('holds out a share of the training images for a split that the lists lack', async () => {
    const images = Array.from({ length: 20 }, (_, i) => ({
      name: `${i}.jpg`,
      split: i < 18 ? 0 : 2,
      values: valuesWith(...(i % 2 === 1 ? [BLOND] : [])),
    }));
    await putReleased(celebaLists(images));
    const { counts, options } = await loadDataset(folder(), { heldOut: 0.2 });
    expect(counts).toEqual({ train: [7, 0, 7, 0], val: [2, 0, 2, 0], test: [1, 0, 1, 0] });
    expect(options).toMatchObject({ format: 'celeba', heldOut: 0.2 });
  });

  test('takes attributes and names from dataset.json, and the caller\u2019s before them', async () => {
    await putReleased();
    const names = { targetNames: ['serious', 'smiling'] };
    await put(join(folder(), 'dataset.json'), JSON.stringify({ target: 'Smiling', ...names }));
    const dataset = await loadDataset(folder());
    expect(dataset.options).toEqual({ format: 'celeba', target: 'Smiling', spurious: 'Male' });
    expect(dataset.groupNames[2]).toBe('smiling, not Male');
    const young = await loadDataset(folder(), { spurious: 'Young' });
    expect(young.options).toEqual({ format: 'celeba', target: 'Smiling', spurious: 'Young' });
    expect(young.fingerprint).not.toBe(dataset.fingerprint);
  });

  test.each(['img_align_celeba', 'img_align_celeba/img_align_celeba', 'Img/img_align_celeba', '.', 'faces'])(
    'finds and decodes images in %s',
    async (images) => {
      await putReleased();
      for (const [index, { name }] of IMAGES.entries()) {
        await putJpeg(join(folder(), images, name), 22, 18, index);
      }
      const dataset = await loadDataset(folder(), images === 'faces' ? { images } : {});
      expect(dataset.examples[0]?.filename).toBe(join(images, '000001.jpg'));
      const index = await openImageStore(dataset);
      expect([...index.heights, ...index.widths]).toEqual([22, 22, 22, 22, 18, 18, 18, 18]);
      expect(await loadDataset(folder(), dataset.options)).toEqual(dataset);
      await rm(join(folder(), images, '000003.jpg'));
      await failure(openImageStore(dataset), 'IMAGE_INVALID', `${attributeList()}:5`);
    },
  );

  test('has the standard groups', async () => {
    const images = SPLITS.flatMap((split, code) =>
      spreadGroups(CELEBA_COUNTS[split]).map((group) => ({ split: code, group })),
    ).map(({ split, group }, index) => ({
      name: `${String(index + 1).padStart(6, '0')}.jpg`,
      split,
      values: valuesWith(...(group > 1 ? [BLOND] : []), ...(group % 2 === 1 ? [MALE] : [])),
    }));
    expect(images).toHaveLength(202_599);
    await putReleased(celebaLists(images));
    const dataset = await loadDataset(folder());
    for (const split of SPLITS) expect(dataset.counts[split]).toEqual(CELEBA_COUNTS[split]);
    expect(dataset.minorityGroups).toEqual([3]);
    expect(dataset.examples[162_770]).toMatchObject({ split: 'val', line: 162_773 });
    expect(() => {
      requireGroups(dataset, SPLITS);
    }).not.toThrow();
  });
});

describe('loadDataset on CelebA refuses', () => {
  test('an unknown attribute, with the nearest ones, blaming who named it', async () => {
    await putReleased();
    const parts = [`${attributeList()}:2`, '"blond"', '`target`', 'Blond_Hair'];
    const blond = await failure(loadDataset(folder(), { target: 'blond' }), 'USAGE', ...parts);
    expect(blond).toMatchObject({ parameter: 'target', value: 'blond' });
    await put(join(folder(), 'dataset.json'), '{"target": "Gray_Hare"}');
    const place = `target in ${join(folder(), 'dataset.json')}`;
    const described = failure(loadDataset(folder()), 'DATASET_INVALID', place, /nearest are Gray_Hair,/);
    expect((await described).parameter).toBeUndefined();
    await rm(join(folder(), 'dataset.json'));
    // One attribute for both.
    await failure(loadDataset(folder(), { target: 'Male' }), 'USAGE', 'both Male');
  });

  test('a missing list, naming both forms', async () => {
    await failure(loadDataset(folder(), { format: 'celeba' }), 'DATASET_NOT_FOUND');
    await putReleased();
    await rm(partitionList());
    const both = `${join(folder(), 'list_eval_partition')}.txt or .csv`;
    await failure(loadDataset(folder()), 'DATASET_NOT_FOUND', both);
  });

  const { attributes, partitions } = celebaLists(IMAGES);
  const line = (text: string, number: number) => text.split('\n')[number - 1] ?? '';
  const without = (text: string, number: number) => text.replace(`${line(text, number)}\n`, '');

  // Each with the list and line that the message must name, and what else.
  test.each<[string, string, string, 'attr' | 'part', number, string]>([
    ['an empty list', '', partitions, 'attr', 1, 'no header'],
    ['a short row', attributes.replace(/ -1\n$/, '\n'), partitions, 'attr', 6, '40 values'],
    ['a zero', attributes.replace(/-1\n$/, '0\n'), partitions, 'attr', 6, 'value 40 is "0"'],
    ['an image twice', attributes.replace('000002', '000001'), partitions, 'attr', 4, 'earlier line'],
    ['an image in two partitions', attributes, `${partitions}000001.jpg 2\n`, 'part', 5, 'line 1'],
    ['an image without partition', attributes, without(partitions, 2), 'attr', 4, 'list_eval_partition.txt'],
    ['no attributes', without(attributes, 4), partitions, 'part', 2, 'list_attr_celeba.txt'],
    ['an unknown partition', attributes, partitions.replace('4.jpg 2', '4.jpg 3'), 'part', 4, '"3"'],
    ['a partition too many', attributes, partitions.replace('3.jpg 1', '3.jpg 1 1'), 'part', 3, '"1 1"'],
    [
      'a path',
      ...([attributes, partitions].map((l) => l.replace('000001', '../1')) as [string, string]),
      'attr',
      3,
      'climbs',
    ],
  ])('%s', async (_, attributeText, partitionText, list, number, part) => {
    const place = `${list === 'attr' ? attributeList() : partitionList()}:${number}: `;
    await putReleased({ attributes: attributeText, partitions: partitionText });
    await failure(loadDataset(folder()), 'DATASET_INVALID', place, part);
  });

  test.each<[string, keyof Lists, string | RegExp, string, string]>([
    ['another header', 'partitions', 'partition', 'split', 'partition.csv:1'],
    ['no image_id', 'attributes', 'image_id', 'id', 'celeba.csv:1'],
    ['a short row', 'attributes', /,-1$/, '', 'celeba.csv:5'],
    ['a word', 'attributes', /,-1$/, ',no', 'celeba.csv:5'],
    ['a partition', 'partitions', /2$/, '9', 'partition.csv:5'],
  ])('a list of Kaggle with %s', async (_, list, from, to, part) => {
    const lists = kaggleLists(IMAGES);
    await putKaggle({ ...lists, [list]: lists[list].replace(from, to) });
    await failure(loadDataset(folder()), 'DATASET_INVALID', part);
  });
});
