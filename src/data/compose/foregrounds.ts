import { join } from 'node:path';
import { badOption } from '../layout.js';
import { invalidData, readCsv, readSource, relativePath } from '../sourceFile.js';
import type { Split } from '../split.js';
import { classNames, type ResolvedComposeOptions } from './options.js';
import { isWaterBird } from './waterbirds.js';

/** A foreground whose mask is not checked yet. */
export interface ForegroundFile {
  /** Relative to the folder of the foregrounds, with `/`. */
  readonly image: string;
  /** Absolute. */
  readonly mask: string;
  readonly y: number;
  /** Undefined if the source names none. */
  readonly split: Split | undefined;
}

/** Lists the foregrounds of a table, or of CUB-200-2011, in a fixed order. */
export async function listForegrounds(options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds, table, classes } = options;
  const found = await (table === undefined ? listCub(options) : listTable(table, options));
  for (const [y, name] of classNames(options).entries()) {
    if (found.some((foreground) => foreground.y === y)) continue;
    const problem = `${foregrounds}: no foreground belongs to the class ${name}.`;
    const value = classes?.[y]?.of.join(',');
    throw badOption('classes', value, problem, 'Correct what `classes` says belongs to it.');
  }
  return found;
}

async function listTable(table: string, options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds, maskColumn, classColumn, classes = [] } = options;
  const file = await readSource(table, 'the table of foregrounds');
  const listed: ForegroundFile[] = [];
  const lines = new Map<string, number>();
  readCsv(file, (header) => {
    const names = header.map((name) => name.trim());
    const positions = ['image', maskColumn, classColumn].map((name) => {
      const problem = `${table}: the table lacks the column ${name}; its header has ${names.join(', ')}.`;
      if (!names.includes(name)) throw badOption('table', table, problem);
      return names.indexOf(name);
    });
    return (cells, line) => {
      const [image = '', mask = '', word = ''] = positions.map((at) => (cells[at] ?? '').trim());
      const y = classes.findIndex(({ of }) => of.includes(word));
      // Files that belong to no class are left out.
      if (y < 0) return;
      const [imagePath, maskPath] = [image, mask].map((path) =>
        relativePath(path, (problem) => {
          throw invalidData(`${table}:${line}: ${problem}. Name a file in the folder of the foregrounds.`);
        }),
      ) as [string, string];
      const before = lines.get(imagePath);
      if (before !== undefined) {
        const problem = `${image} is in line ${before} already, and a foreground is in one split only`;
        throw invalidData(`${table}:${line}: ${problem}. Keep one of the lines.`);
      }
      lines.set(imagePath, line);
      listed.push({ image: imagePath, y, mask: join(foregrounds, maskPath), split: undefined });
    };
  });
  return listed;
}

/** Lists the birds of CUB-200-2011 with their classes and its split into training and test. */
async function listCub(options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds: cub, masks = '', substringSpecies } = options;
  const images = await readCubList(join(cub, 'images.txt'), /^(\d+) (\d+\.(.+)\/[^/]+\.jpe?g)$/i);
  const splits = await readCubList(join(cub, 'train_test_split.txt'), /^(\d+) ([01])$/);
  return [...images].map(([id, [, , path = '', species = '']]) => {
    const isTrain = splits.get(id)?.[2];
    if (isTrain === undefined) {
      throw invalidData(
        `${join(cub, 'train_test_split.txt')}: image ${id} (${path}) is missing. Download the file again.`,
      );
    }
    return {
      image: join('images', path),
      mask: join(masks, path.replace(/\.jpe?g$/i, '.png')),
      y: Number(isWaterBird(species, substringSpecies)),
      split: isTrain === '1' ? 'train' : 'test',
    };
  });
}

/** Reads each line's match of the pattern; the keys are the ids, which its first group matches. */
async function readCubList(path: string, pattern: RegExp): Promise<Map<string, readonly string[]>> {
  const { bytes } = await readSource(path, 'the list of CUB-200-2011');
  const entries = new Map<string, readonly string[]>();
  for (const [index, line] of new TextDecoder().decode(bytes).split('\n').entries()) {
    if (line.trim() === '') continue;
    const found = pattern.exec(line.trim().replace(/\s+/, ' '));
    if (found === null) {
      const problem = `${JSON.stringify(line)} is no line of CUB-200-2011's list`;
      throw invalidData(`${path}:${index + 1}: ${problem}. Download the file again.`);
    }
    entries.set(found[1] as string, found);
  }
  return entries;
}
