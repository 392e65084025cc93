import { join, posix } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import * as z from '../../zod.js';
import { badOption, defineLayout, type Row } from '../layout.js';
import { invalidData, kindOf, readSource, type SourceFile } from '../sourceFile.js';
import { type Split, SPLIT_CODES, SPLITS } from '../split.js';
import { TABLE_NAME } from './tables.js';

/** The class and the spurious attribute of group-DRO and of the article. */
const TARGET = 'Blond_Hair';
const SPURIOUS = 'Male';

/** The lists' names, without .txt or .csv. */
export const ATTRIBUTES_LIST = 'list_attr_celeba';
const PARTITIONS_LIST = 'list_eval_partition';
/** The release's folders Anno and Eval, or one folder for all, as on Kaggle and in torchvision. */
const LIST_FOLDERS = ['.', 'Anno', 'Eval'];
/** Where the images may lie; Kaggle's archive has the folder twice, the release has it in Img. */
const IMAGE_FOLDERS = ['img_align_celeba/img_align_celeba', 'img_align_celeba', 'Img/img_align_celeba'];

/** Kaggle's copies of the lists begin with a header; the released ones name the attributes only. */
const IMAGE_COLUMN = 'image_id';
const RELEASE = 'Take the lists from one release';

const attribute = { schema: z.string().trim().min(1), placeholder: 'attribute' };

/**
 * CelebA as released or as on Kaggle: `list_attr_celeba` and `list_eval_partition`, each .txt or .csv, and the
 * images in `img_align_celeba`, in a folder of that name within it, or in the lists' folder.
 */
export const celeba = defineLayout({
  name: 'celeba',
  description: `CelebA's ${ATTRIBUTES_LIST} and ${PARTITIONS_LIST} (.txt or .csv)`,
  options: {
    target: { ...attribute, help: `CelebA: the class (default: ${TARGET})` },
    spurious: { ...attribute, help: `CelebA: the spurious attribute (default: ${SPURIOUS})` },
  },
  /** A metadata table in the folder takes precedence over the lists. */
  looksLike: async (root) =>
    (await kindOf(join(root, TABLE_NAME))) === undefined &&
    (await findList(root, ATTRIBUTES_LIST)) !== undefined,
  async read(root, given) {
    const { target = TARGET, spurious = SPURIOUS } = given;
    if (target === spurious) {
      const parameter = given.spurious === undefined ? 'target' : 'spurious';
      const problem = `\`target\` and \`spurious\` are both ${target}: every image would be in the group of its class.`;
      throw badOption(parameter, target, problem, 'Choose two attributes.');
    }
    const [attributes, partitions] = [
      await readList(root, ATTRIBUTES_LIST),
      await readList(root, PARTITIONS_LIST),
    ];
    const rows = joinLists(attributes, partitions, target, spurious);
    return {
      options: { format: 'celeba' as const, target, spurious },
      files: [attributes, partitions],
      rows,
      images: await findImages(root, rows[0]?.filename ?? ''),
      labels: {
        y: { name: target, names: [`not ${target}`, target] },
        a: { name: spurious, names: [`not ${spurious}`, spurious] },
      },
    };
  },
});

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

const isCsv = ({ path }: SourceFile): boolean => path.endsWith('.csv');

/** The lines that are not empty: values with white space between them as released, with commas as on Kaggle. */
function* linesOf(list: SourceFile): Generator<{ readonly cells: string[]; readonly line: number }> {
  for (const [index, text] of new TextDecoder().decode(list.bytes).split('\n').entries()) {
    const trimmed = text.trim();
    if (trimmed === '') continue;
    // A spreadsheet's or R's copies have quotes, which no value needs.
    const cells = isCsv(list) ? trimmed.replaceAll('"', '').split(/ *, */) : trimmed.split(/\s+/);
    yield { cells, line: index + 1 };
  }
}

function invalid({ path }: SourceFile, line: number, problem: string): SpurmemError {
  return invalidData(`${path}:${line}: ${problem}.`);
}

/**
 * Returns a row for each image, in the order of the attributes' list. An attribute of 1 makes y or a 1, and -1 makes it 0.
 * Throws `DATASET_INVALID` with the file and the line if a list is damaged or the two disagree, and the error of an attribute that the
 * list lacks.
 */
function joinLists(attributes: SourceFile, partitions: SourceFile, target: string, spurious: string): Row[] {
  const left = readPartitions(partitions);
  const rows: Row[] = [];
  let names: readonly string[] | undefined;
  let [y, a] = [0, 0];
  for (const { cells, line } of linesOf(attributes)) {
    // The release begins with the number of images.
    if (names === undefined && cells.length === 1) continue;
    if (names === undefined) {
      names = isCsv(attributes) ? cells : [IMAGE_COLUMN, ...cells];
      [y, a] = positionsIn(names, `${attributes.path}:${line}`, target, spurious);
      continue;
    }
    const wrong = cells.findIndex((value, i) => i > 0 && value !== '1' && value !== '-1');
    if (cells.length !== names.length || wrong > 0) {
      const problem =
        cells.length === names.length
          ? `value ${wrong} is ${JSON.stringify(cells[wrong])}, and an attribute is -1 or 1`
          : `${cells.length} values, and the header asks for ${names.length}: a file name and the attributes`;
      throw invalid(attributes, line, `${problem}. Restore the line from the release`);
    }
    const filename = cells[0] as string;
    const split = left.get(filename)?.split;
    if (split === undefined) {
      const problem = `the image ${filename} is not in ${partitions.path}, or is on an earlier line as well`;
      throw invalid(attributes, line, `${problem}. ${RELEASE}`);
    }
    left.delete(filename);
    const valueAt = (position: number): string => (cells[position] === '1' ? '1' : '0');
    rows.push({ filename, y: valueAt(y), a: valueAt(a), split, line });
  }
  if (names === undefined) throw invalid(attributes, 1, `the list has no header. ${RELEASE}`);
  for (const [filename, { line }] of left) {
    throw invalid(partitions, line, `the image ${filename} is not in ${attributes.path}. ${RELEASE}`);
  }
  return rows;
}

/** The positions of class and attribute in a header. */
function positionsIn(
  names: readonly string[],
  place: string,
  target: string,
  spurious: string,
): [number, number] {
  if (names[0] !== IMAGE_COLUMN) {
    const advice = 'Take the list from Kaggle, or read it as a table with `table` and `columns`.';
    throw invalidData(`${place}: the header does not begin with ${IMAGE_COLUMN}.`, advice);
  }
  const positionOf = (parameter: string, name: string): number => {
    const index = names.indexOf(name, 1);
    if (index > 0) return index;
    const problem = `${place}: no attribute is named ${JSON.stringify(name)} (\`${parameter}\`).`;
    const nearest = nearestNames(name, names.slice(1)).join(', ');
    throw badOption(parameter, name, problem, `The nearest are ${nearest}.`);
  };
  return [positionOf('target', target), positionOf('spurious', spurious)];
}

/** The split of each image, and its line. */
function readPartitions(list: SourceFile): Map<string, { readonly split: Split; readonly line: number }> {
  const partitions = new Map<string, { split: Split; line: number }>();
  let isHeader = isCsv(list);
  for (const { cells, line } of linesOf(list)) {
    const [image = '', ...codes] = cells;
    if (isHeader) {
      isHeader = false;
      if (cells.join() === `${IMAGE_COLUMN},partition`) continue;
      throw invalid(
        list,
        line,
        `the header is ${cells.join()} instead of ${IMAGE_COLUMN},partition. Correct it`,
      );
    }
    const code = codes.join(' ');
    const split = /^\d$/.test(code) ? SPLITS[Number(code)] : undefined;
    if (split === undefined) {
      throw invalid(list, line, `${JSON.stringify(code)} is not a partition. Use ${SPLIT_CODES}`);
    }
    const earlier = partitions.get(image);
    if (earlier !== undefined) {
      throw invalid(list, line, `the image ${image} is on line ${earlier.line} as well. Remove one of them`);
    }
    partitions.set(image, { split, line });
  }
  return partitions;
}
