import { join } from 'node:path';
import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { forEachCsvRow } from './csv.js';
import { kindOf, readSource, type SourceFile } from './datasetSource.js';
import { type LabelCell, numberLabels } from './labels.js';
import { type Asked, misasked, type ValueNames } from './layout.js';
import { relativePath } from './relativePath.js';

/** The spurious attribute of images, from a CSV file. */
export interface AttributeTable {
  readonly file: SourceFile;
  /** The name of the attribute's column. */
  readonly column: string;
  /** [images] */
  readonly values: Int32Array;
  /** The words of the numbers, where the column has words. */
  readonly names: readonly string[] | undefined;
}

/**
 * Reads the attribute of each image: a CSV file with a header and two columns, first the images, then the attribute, a number from 0 or
 * a word. Throws `USAGE` where the caller named a file that is missing, and `DATASET_INVALID` naming the line, or the first image
 * that the file lacks.
 */
export async function readAttributes(
  root: string,
  asked: Asked<string>,
  images: readonly string[],
  { spuriousNames }: ValueNames,
): Promise<AttributeTable> {
  const path = join(root, asked.value);
  if ((await kindOf(path)) !== 'file')
    throw misasked(
      asked,
      `${path}: the file that ${asked.by} names is missing.`,
      'Name a CSV file in the folder.',
    );
  const file = await readSource(path, 'the file of attributes');
  const { column, cells } = cellsOf(file, new Set(images));
  const missing = images.filter((image) => !cells.has(image));
  if (missing.length > 0) {
    throw invalid(
      `${path}: ${missing[0] ?? ''} has no row, as ${missing.length} of ${images.length} images. Give each a row.`,
    );
  }
  const ofImages = images.map((image) => cells.get(image) as LabelCell);
  return { file, column, ...numberLabels({ table: path, column }, ofImages, spuriousNames) };
}

function cellsOf({ path, bytes }: SourceFile, images: ReadonlySet<string>) {
  const cells = new Map<string, LabelCell>();
  let column: string | undefined;
  forEachCsvRow(path, bytes, (row, line) => {
    const [first = '', second = ''] = row;
    if (column === undefined) {
      column = headerOf(`${path}:${line}`, row);
      return;
    }
    const image = relativePath(first.trim(), (problem) => {
      throw invalid(`${path}:${line}: ${problem}. Name an image inside the dataset's folder.`);
    });
    if (!images.has(image)) {
      const nearest = nearestNames(image, [...images], 1).join('');
      throw invalid(
        `${path}:${line}: there is no image ${image}; the nearest is ${nearest}. Correct that row.`,
      );
    }
    const before = cells.get(image);
    if (before !== undefined && before.text.trim() !== second.trim()) {
      throw invalid(
        `${path}:${line}: ${image} is ${JSON.stringify(second)} here, and ${JSON.stringify(before.text)} on line ${before.line}. Keep one.`,
      );
    }
    cells.set(image, { text: second, line });
  });
  if (column === undefined)
    throw invalid(`${path}: the file is empty. Write a header and a row for each image.`);
  return { column, cells };
}

/** The attribute's name. */
function headerOf(where: string, row: readonly string[]): string {
  if (row.length === 2) return row[1]?.trim() ?? '';
  throw invalid(
    `${where}: there ${row.length === 1 ? 'is one column' : `are ${row.length} columns`}, and it takes two: the image, then the attribute.`,
  );
}

function invalid(problem: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', problem);
}
