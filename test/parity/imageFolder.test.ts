import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { put } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { python } from './python.js';

const folder = temporaryFolder();

const SAMPLES = `
import json, os, sys
from torchvision.datasets import ImageFolder
found = ImageFolder(os.path.join(sys.argv[1], 'train'))
print(json.dumps([found.classes, [[os.path.relpath(path, sys.argv[1]), y] for path, y in found.samples]]))
`;

test('classes, images and their order are those of torchvision\u2019s ImageFolder', async () => {
  const files = ['b', 'a', 'A', 'a b', '10', '9'].flatMap((name) => [
    `${name}/2.png`,
    `${name}/10.JPG`,
    `${name}/in/1.webp`,
    `${name}/in-between/1.bmp`,
    `${name}/in/deep/1.tiff`,
    `${name}/.hidden.jpeg`,
    `${name}/text.txt`,
  ]);
  for (const split of ['train', 'val', 'test'])
    for (const file of files) await put(join(folder, split, file), '');
  const { targetNames, examples } = await loadDataset(folder);
  const ours = examples.filter(({ split }) => split === 'train').map(({ filename, y }) => [filename, y]);
  const theirs = JSON.parse(python(['-c', SAMPLES, folder])) as unknown;
  expect([targetNames, ours]).toEqual(theirs);
  console.log(
    `parity: ${ours.length} images of ${targetNames.length} classes in torchvision's order, differences: 0`,
  );
});
