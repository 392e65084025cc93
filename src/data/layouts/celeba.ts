import { join, posix } from 'node:path';
import { z } from 'zod';
import { SpurmemError } from '../../errors.js';
import { ATTRIBUTES_LIST, joinLists, PARTITIONS_LIST } from '../celebaLists.js';
import { kindOf, readSource, type SourceFile } from '../datasetSource.js';
import { type Asked, type AskedOf, defineLayout, misasked } from '../layout.js';
import { TABLE_NAME } from '../table.js';

/** The class and the spurious attribute of group-DRO and of the article. */
const TARGET = 'Blond_Hair';
const SPURIOUS = 'Male';

/** The release's folders Anno and Eval, or one folder for all, as on Kaggle and in torchvision. */
const LIST_FOLDERS = ['.', 'Anno', 'Eval'];
/** Where the images may lie; Kaggle's archive has the folder twice, the release has it in Img. */
const IMAGE_FOLDERS = ['img_align_celeba/img_align_celeba', 'img_align_celeba', 'Img/img_align_celeba'];

const attribute = { schema: z.string().trim().min(1), placeholder: 'attribute' };
const options = {
  target: { ...attribute, help: `CelebA: the class (default: ${TARGET})` },
  spurious: { ...attribute, help: `CelebA: the spurious attribute (default: ${SPURIOUS})` },
};

/**
 * CelebA as released or as on Kaggle: `list_attr_celeba` and `list_eval_partition`, each .txt or .csv, and the
 * images in `img_align_celeba`, in a folder of that name within it, or beside the lists.
 */
export const celeba = defineLayout({
  name: 'celeba',
  description: `CelebA's ${ATTRIBUTES_LIST} and ${PARTITIONS_LIST} (.txt or .csv)`,
  options,
  /** A table beside the lists goes before them. */
  looksLike: async (root) =>
    (await kindOf(join(root, TABLE_NAME))) === undefined &&
    (await findList(root, ATTRIBUTES_LIST)) !== undefined,
  read,
  fillGroup: () => 'Choose other attributes with `target` and `spurious`.',
});

async function read(root: string, asked: AskedOf<typeof options>) {
  const byDefault = (value: string): Asked<string> => ({ value, code: 'DATASET_INVALID', by: 'the default' });
  const wanted = {
    target: asked.target ?? byDefault(TARGET),
    spurious: asked.spurious ?? byDefault(SPURIOUS),
  };
  const [target, spurious] = [wanted.target.value, wanted.spurious.value];
  if (target === spurious) {
    throw misasked(
      asked.spurious ?? wanted.target,
      `\`target\` and \`spurious\` are both ${target}: every image would be in the group of its class.`,
      'Choose two attributes.',
    );
  }
  const attributes = await readList(root, ATTRIBUTES_LIST);
  const partitions = await readList(root, PARTITIONS_LIST);
  const rows = joinLists(attributes, partitions, wanted);
  return {
    options: { format: 'celeba' as const, target, spurious },
    files: [attributes, partitions] as const,
    rows,
    images: await findImages(root, rows[0]?.filename ?? ''),
    labels: { y: target, a: spurious },
    targetNames: [`not ${target}`, target],
    spuriousNames: [`not ${spurious}`, spurious],
  };
}

async function readList(root: string, name: string): Promise<SourceFile> {
  const found = await findList(root, name);
  if (found !== undefined) return readSource(found, 'the list');
  throw new SpurmemError('DATASET_NOT_FOUND', `${join(root, name)}.txt or .csv: CelebA's list is missing.`);
}

/** The released list goes before Kaggle's copy. */
async function findList(root: string, name: string): Promise<string | undefined> {
  for (const extension of ['txt', 'csv']) {
    for (const folder of LIST_FOLDERS) {
      const path = join(root, folder, `${name}.${extension}`);
      if ((await kindOf(path)) === 'file') return path;
    }
  }
  return undefined;
}

/** Where the first image is; without it, the folder that is there, for the message when images are decoded. */
async function findImages(root: string, first: string): Promise<string> {
  for (const folder of [...IMAGE_FOLDERS, '.']) {
    if ((await kindOf(join(root, posix.join(folder, first)))) === 'file') return folder;
  }
  for (const folder of IMAGE_FOLDERS) {
    if ((await kindOf(join(root, folder))) === 'folder') return folder;
  }
  return 'img_align_celeba';
}
