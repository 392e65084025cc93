import { join } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { forEachCsvRow } from '../csv.js';
import { readSource } from '../layout.js';
import { relativePath } from '../relativePath.js';
import { classNames, type ResolvedComposeOptions } from './options.js';
import { type ForegroundFile, listCub } from './waterbirds.js';

const IMAGE_COLUMN = 'image';

/** Lists the foregrounds in a fixed order: those of a table, or of CUB-200-2011. */
export async function listForegrounds(options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds, masks, table, substringSpecies, classes } = options;
  const found =
    table === undefined
      ? await listCub(foregrounds, masks as string, substringSpecies)
      : await listTable(table, options);
  for (const [y, name] of classNames(options).entries()) {
    if (found.some((foreground) => foreground.y === y)) continue;
    throw new SpurmemError('USAGE', `${foregrounds}: no foreground belongs to the class ${name}.`, {
      parameter: 'classes',
      value: classes?.[y]?.of.join(','),
      advice: ['Correct what `classes` says belongs to it.'],
    });
  }
  return found;
}

async function listTable(table: string, options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds, maskColumn, classColumn, classes = [] } = options;
  const { bytes } = await readSource(table, 'the table of foregrounds');
  const listed: ForegroundFile[] = [];
  const lines = new Map<string, number>();
  let positions: number[] | undefined;
  forEachCsvRow(table, bytes, (cells, line) => {
    if (positions === undefined) {
      const header = cells.map((name) => name.trim());
      positions = [IMAGE_COLUMN, maskColumn, classColumn].map((name) => positionOf(table, header, name));
      return;
    }
    const [image = '', mask = '', word = ''] = positions.map((at) => (cells[at] ?? '').trim());
    const y = classes.findIndex(({ of }) => of.includes(word));
    // Files that belong to no class are left out.
    if (y < 0) return;
    const refuse = (problem: string, advice: string): never => {
      throw new SpurmemError('DATASET_INVALID', `${table}:${line}: ${problem}.`, { advice: [advice] });
    };
    const file = (path: string): string =>
      relativePath(path, (problem) => refuse(problem, 'Name a file inside the folder of the foregrounds.'));
    const before = lines.get(file(image));
    if (before !== undefined) {
      refuse(
        `${image} is in line ${before} already, and a foreground is in one split only`,
        'Keep one of the lines.',
      );
    }
    lines.set(file(image), line);
    listed.push({ image: file(image), y, mask: join(foregrounds, file(mask)), split: undefined });
  });
  return listed;
}

function positionOf(table: string, header: readonly string[], name: string): number {
  const position = header.indexOf(name);
  if (position >= 0) return position;
  const problem = `${table}: the table lacks the column ${name}; its header has ${header.join(', ')}.`;
  const advice = [`The nearest: ${nearestNames(name, header).join(', ')}.`];
  throw new SpurmemError('USAGE', problem, { parameter: 'table', value: table, advice });
}
