import { join, posix } from 'node:path';
import { SpurmemError } from '../errors.js';
import { joinLists } from './celebaLists.js';
import type { CelebAAttributes } from './celebaLists.js';
import type { Asked, DatasetRequest } from './datasetOptions.js';
import { kindOf, LAYOUTS, readSource } from './datasetSource.js';
import type { DatasetSource } from './datasetSource.js';

/** The class and the spurious attribute of group-DRO and of the article. */
export const CELEBA_TARGET = 'Blond_Hair';
export const CELEBA_SPURIOUS = 'Male';

const ATTRIBUTES = 'list_attr_celeba';
const PARTITIONS = 'list_eval_partition';
/** The release's folders Anno and Eval, or one folder for all, as on Kaggle and in torchvision. */
const LIST_FOLDERS = ['.', 'Anno', 'Eval'];
/** Where the images may lie; Kaggle's archive has the folder twice, the release has it in Img. */
const IMAGE_FOLDERS = ['img_align_celeba/img_align_celeba', 'img_align_celeba', 'Img/img_align_celeba'];

/** Whether a file of that name is one of CelebA's own, whose lists are no tables of examples. */
export function isCelebAList(name: string): boolean {
  return /^list_\w+_celeba\.csv$/.test(name) || name === `${PARTITIONS}.csv`;
}

/** Whether the folder has CelebA's list of attributes. */
export async function isCelebA(root: string): Promise<boolean> {
  return (await findList(root, ATTRIBUTES)) !== undefined;
}

/**
 * Reads CelebA as released or as on Kaggle: `list_attr_celeba` and `list_eval_partition`, each .txt or .csv, and the
 * images in `img_align_celeba`, in a folder of that name within it, or beside the lists.
 *
 * @param root the dataset's folder
 * @throws SpurmemError `DATASET_NOT_FOUND` when a list is missing, `USAGE` for attributes that the caller should not
 *   ask for, and what `joinLists` throws
 */
export async function readCelebA(root: string, request: DatasetRequest): Promise<DatasetSource> {
  const byDefault = (value: string): Asked<string> => ({ value, code: 'DATASET_INVALID', by: 'the default' });
  const wanted: CelebAAttributes = {
    target: request.target ?? byDefault(CELEBA_TARGET),
    spurious: request.spurious ?? byDefault(CELEBA_SPURIOUS),
  };
  const [target, spurious] = [wanted.target.value, wanted.spurious.value];
  if (target === spurious) {
    throw new SpurmemError(
      (request.spurious ?? request.target)?.code ?? 'USAGE',
      `target and spurious are both ${target}: every image would be in the group of its class. Choose two attributes.`,
    );
  }
  const attributes = await readList(root, ATTRIBUTES);
  const partitions = await readList(root, PARTITIONS);
  const rows = joinLists(attributes, partitions, wanted);
  return {
    options: {
      format: 'celeba',
      target,
      spurious,
      ...(request.images === undefined ? {} : { images: request.images }),
    },
    files: [attributes, partitions],
    rows,
    images: request.images ?? (await findImages(root, rows[0]?.filename ?? '')),
    labels: { y: target, a: spurious },
    targetNames: [`not ${target}`, target],
    spuriousNames: [`not ${spurious}`, spurious],
  };
}

async function readList(root: string, name: string) {
  const found = await findList(root, name);
  if (found !== undefined) return readSource(found, 'the list');
  throw new SpurmemError(
    'DATASET_NOT_FOUND',
    `${join(root, name)}.txt or .csv: CelebA's list is missing. ${LAYOUTS}`,
  );
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
