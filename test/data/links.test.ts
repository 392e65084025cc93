import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describeData } from '../../src/data/dataDescription.js';
import { loadDataset } from '../../src/data/dataset.js';
import { openImageStore } from '../../src/data/imageStore.js';
import { failure, put, putImage, useTemporaryFolder } from './support.js';

const temporary = useTemporaryFolder();

/** A dataset of two images, of which the second lies where `link` leads. */
async function linked(link: string, target: string, second: string): Promise<string> {
  const folder = join(temporary(), 'dataset');
  await putImage(join(folder, 'a.png'), 4, 4, 1);
  await putImage(join(temporary(), 'outside', 'b.png'), 4, 4, 2);
  await putImage(join(folder, 'more', 'b.png'), 4, 4, 3);
  await put(join(folder, 'metadata.csv'), `img_filename,y,split,place\na.png,0,0,0\n${second},1,0,0\n`);
  await symlink(join(temporary(), target), join(folder, link));
  return folder;
}

test.each([
  ['a file', 'b.png', 'outside/b.png', 'b.png'],
  ['a folder', 'images', 'outside', 'images/b.png'],
  ['a folder above', 'up', '.', 'up/outside/b.png'],
])('a link to %s outside is refused', async (_what, link, target, second) => {
  const folder = await linked(link, target, second);
  const dataset = await loadDataset(folder);
  const outside = join(temporary(), 'outside');
  for (const job of [() => openImageStore(dataset), () => describeData(dataset)]) {
    await failure(
      job(),
      'IMAGE_INVALID',
      `a link leads out of the dataset's folder, to ${join(outside, 'b.png')}`,
      'metadata.csv:3',
    );
  }
});

test('a link in the place of decoded images is refused, and nothing behind it changes', async () => {
  const folder = await linked('again', 'dataset/more', 'again/b.png');
  const stored = join(temporary(), 'outside', `${'a'.repeat(64)}.pixels`);
  await put(stored, 'of another dataset');
  await symlink(join(temporary(), 'outside'), join(folder, '.spurmem'));
  const said = ["a link leads out of the dataset's folder", 'Remove the link'];
  for (const allowOutside of [undefined, true]) {
    const dataset = await loadDataset(folder, allowOutside ? { allowOutside } : {});
    const { message } = await failure(openImageStore(dataset), 'IMAGE_INVALID', ...said);
    expect(message).not.toContain('allowOutside');
  }
  expect(existsSync(stored)).toBe(true);
});

test('links inside of the folder are followed, and so is the folder itself', async () => {
  const folder = await linked('again', 'dataset/more', 'again/b.png');
  await symlink(folder, join(temporary(), 'by link'));
  for (const path of [folder, join(temporary(), 'by link')]) {
    expect([...(await openImageStore(await loadDataset(path))).heights]).toEqual([4, 4]);
  }
});

test('allowOutside follows links, tables and paths of one\u2019s own out of the folder, and is recorded', async () => {
  const folder = await linked('b.png', 'outside/b.png', 'b.png');
  const outside = join(temporary(), 'outside');
  const table = join(outside, 'mine.csv');
  const columns = { filename: 'image', y: 'y', split: 'split', a: 'a' };
  const rows = ['a.png,0,train,0', `${join(outside, 'b.png')},1,train,0`, '../outside/b.png,1,train,0'];
  await put(table, `image,y,split,a\n${rows.join('\n')}\n`);
  const allowed = await loadDataset(folder, { allowOutside: true });
  expect([...(await openImageStore(allowed)).heights]).toEqual([4, 4]);
  expect(allowed.options).toMatchObject({ allowOutside: true });
  // Allowing changes no number.
  expect(allowed.fingerprint).toBe((await loadDataset(folder)).fingerprint);
  const given = { table, columns, allowOutside: true };
  const own = await loadDataset(folder, given);
  expect(own.examples.map(({ filename }) => filename)).toEqual([
    'a.png',
    '../outside/b.png',
    '../outside/b.png',
  ]);
  expect([...(await openImageStore(own)).heights]).toEqual([4, 4, 4]);
  expect(own.options).toMatchObject({ table: '../outside/mine.csv', allowOutside: true });
  expect((await loadDataset(folder, own.options)).fingerprint).toBe(own.fingerprint);
  await failure(
    loadDataset(folder, { table, columns }),
    'USAGE',
    'is an absolute path outside of the dataset',
  );
  await put(join(folder, 'own.csv'), `image,y,split,a\n${rows.join('\n')}\n`);
  await failure(loadDataset(folder, { table: 'own.csv', columns }), 'DATASET_INVALID', 'with `allowOutside`');
  await put(join(folder, 'dataset.json'), JSON.stringify({ allowOutside: true }));
  await failure(loadDataset(folder), 'DATASET_INVALID', 'allowOutside');
});
