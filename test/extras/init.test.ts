import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { loadDataset } from '../../src/data/dataset.js';
import { interview } from '../../src/extras/init.js';
import { answer, words } from '../cli/support.js';
import { failure, put, useTemporaryFolder } from '../data/support.js';

const folder = useTemporaryFolder();

/** Answers questions by their words, and keeps them. */
function asked(answers: Readonly<Record<string, string>>) {
  const questions: string[] = [];
  const ask = (question: string, fallback: string): Promise<string> => {
    questions.push(`${question} [${fallback}]`);
    const found = Object.entries(answers).find(([words]) => question.includes(words));
    return Promise.resolve(found?.[1] ?? fallback);
  };
  return { ask, questions };
}

const SPLIT_FILES = ['train', 'val', 'test'].flatMap((split) => [`${split}/cat/1.jpg`, `${split}/dog/1.jpg`]);

async function putFiles(names: readonly string[]): Promise<void> {
  for (const name of names) await put(join(folder(), name), '');
}

test('a table: four questions, of which the columns give the fallbacks', async () => {
  await put(
    join(folder(), 'labels.csv'),
    'image_path,species,fold,habitat\na.jpg,cat,train,sea\nb.jpg,dog,val,land\nc.jpg,dog,test,sea\n',
  );
  const { ask, questions } = asked({
    'What is the class': 'species',
    'attribute that may mislead': 'habitat',
    'Which model': 'resnet50',
  });
  const { options, dataset } = await interview({ data: folder() }, ask);
  expect(questions).toEqual([
    'What is the class? A column: species, habitat [species]',
    'Is there an attribute that may mislead? A column: habitat; or none [none]',
    expect.stringContaining('Which model? resnet18, '),
  ]);
  expect(options).toEqual({
    data: folder(),
    format: 'csv',
    table: 'labels.csv',
    columns: 'filename=image_path,y=species,split=fold,a=habitat',
    arch: 'resnet50',
  });
  expect(dataset.groupNames).toEqual(['cat, land', 'cat, sea', 'dog, land', 'dog, sea']);
  // Without a terminal, the answers that were taken are printed.
  await put(join(folder(), 'other.csv'), 'file,y,split\n');
  const taken: string[] = [];
  await interview({ data: folder(), arch: 'resnet18' }, undefined, (line) => void taken.push(line));
  expect(taken).toEqual([
    'Which table? labels.csv, other.csv. Taken without asking: labels.csv.',
    'What is the class? A column: species, habitat. Taken without asking: species.',
    'Is there an attribute that may mislead? A column: habitat; or none. Taken without asking: none.',
  ]);
});

test('the Waterbirds layout is kept, and a column of numbers names no image files', async () => {
  const rows = ['train', 'val', 'test'].map((_split, i) => `${i + 1},${i + 1}.jpg,1,${i},0,forest.jpg`);
  const header = 'img_id,img_filename,y,split,place,place_filename';
  await put(join(folder(), 'metadata.csv'), [header, ...rows].join('\n'));
  const arch = 'resnet18';
  const { options } = await interview({ data: folder() }, undefined);
  expect(options).toEqual({ data: folder(), format: 'waterbirds', arch });
  await put(join(folder(), 'metadata.csv'), [header.replace(',y,', ',label,'), ...rows].join('\n'));
  const own = await interview({ data: folder(), attribute: 'place' }, undefined);
  expect(own.options).toEqual({
    data: folder(),
    format: 'csv',
    table: 'metadata.csv',
    columns: 'filename=img_filename,y=label,split=split,a=place',
    arch,
  });
});

test('image folders need no class; those without validation images ask how many to hold out', async () => {
  const files = [
    ...SPLIT_FILES,
    ...[2, 3, 4, 5].flatMap((n) => [`train/cat/${n}.jpg`, `train/dog/${n}.jpg`]),
  ];
  await putFiles(files);
  const whole = asked({});
  expect((await interview({ data: folder() }, whole.ask)).options).toEqual({
    data: folder(),
    format: 'imagefolder',
    arch: 'resnet18',
  });
  expect(whole.questions).toHaveLength(2);
  // A table of two columns next to the folders has the attribute.
  await put(join(folder(), 'light.csv'), `image,light\n${files.map((name) => `${name},day`).join('\n')}\n`);
  const withTable = asked({});
  expect((await interview({ data: folder() }, withTable.ask)).options).toMatchObject({
    attribute: 'light.csv',
  });
  expect(withTable.questions[0]).toContain('[light.csv]');
  await putFiles([1, 2, 3].flatMap((n) => [`other/train/a/${n}.jpg`, `other/train/b/${n}.jpg`]));
  const undivided = asked({ 'What share': '0.3', 'Where are': join(folder(), 'other') });
  const { options, dataset } = await interview({}, undivided.ask);
  expect(options.heldOut).toBe(0.3);
  expect(dataset.counts).toEqual({ train: [1, 1], val: [1, 1], test: [1, 1] });
  expect(undivided.questions[0]).toBe('Where are the images? A folder [data]');
});

test('without a terminal it takes flags, and writes a file that train takes', async () => {
  await putFiles(SPLIT_FILES);
  const rows = SPLIT_FILES.map((name, i) => `${name},${['day', 'night'][i % 2] ?? ''}`);
  await put(join(folder(), 'light.csv'), `image,light\n${rows.join('\n')}\n`);
  const out = join(folder(), 'my settings.yaml');
  const flags = ['--data', folder(), '--attribute', 'light.csv', '--arch', 'resnet20', '--out', out];
  const { exitCode, stdout } = await answer(['init', ...flags]);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`train erm --config '${out}' --dry-run`)]);
  const settings = parse(await readFile(out, 'utf8')) as Record<string, string>;
  expect(settings).toEqual({
    imageSize: 112,
    epochs: 5,
    batchSize: 64,
    data: folder(),
    format: 'imagefolder',
    attribute: 'light.csv',
    arch: 'resnet20',
  });
  expect((await loadDataset(folder(), { attribute: settings.attribute })).numGroups).toBe(4);
  // Empty files: they are named, so that the settings were taken.
  const trained = await answer(words`train erm --config ${out} --epochs 1 --out ${join(folder(), 'run')}`);
  expect(trained.stderr).toContain('the split val has no example of groups');
  const again = await answer(['init', ...flags]);
  expect([again.exitCode, again.stderr]).toEqual([
    1,
    expect.stringContaining('is there already. Nothing was changed.'),
  ]);
  const silent = await answer(['init']);
  expect([silent.exitCode, silent.stderr]).toEqual([
    2,
    expect.stringContaining('There is no terminal to ask on: --data is missing, the folder of the images.'),
  ]);
});

test.each([
  [{ arch: 'resnet51' }, 'USAGE', '`arch` is resnet51. The nearest are resnet50'],
  [{ class: 'species' }, 'USAGE', '`class` names a column, and the classes of image folders are the folders'],
  [{ attribute: 'none.csv' }, 'USAGE', 'the file that `attribute` names is missing'],
] as const)('%j is refused', async (given, code, message) => {
  await putFiles(SPLIT_FILES);
  await failure(interview({ data: folder(), ...given }, undefined), code, message);
});

test('a table without a column of splits says what to do, and a missing folder what a dataset is', async () => {
  await put(join(folder(), 'labels.csv'), 'file,y\na.jpg,0\n');
  await failure(
    interview({ data: folder() }, undefined),
    'DATASET_INVALID',
    'no column looks like that of the split; its header has file, y',
  );
  await failure(
    interview({ data: join(folder(), 'none') }, undefined),
    'DATASET_NOT_FOUND',
    'there is no such folder',
  );
});

test('CelebA\u2019s lists ask for attributes', async () => {
  const names = ['000001.jpg', '000002.jpg', '000003.jpg'];
  await put(
    join(folder(), 'list_attr_celeba.csv'),
    ['image_id,Blond_Hair,Male,Young', ...names.map((name, i) => `${name},${i % 2 ? 1 : -1},1,-1`)].join(
      '\n',
    ),
  );
  await put(
    join(folder(), 'list_eval_partition.csv'),
    ['image_id,partition', ...names.map((name, i) => `${name},${i}`)].join('\n'),
  );
  const { ask, questions } = asked({ 'What is the class': 'Young' });
  const { options } = await interview({ data: folder() }, ask);
  expect(options).toMatchObject({ format: 'celeba', target: 'Young', spurious: 'Male' });
  expect(questions).toHaveLength(3);
});
