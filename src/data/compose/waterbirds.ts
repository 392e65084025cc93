import { join } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { readSource } from '../layout.js';
import type { Split } from '../split.js';

/** A foreground before its mask was looked at. */
export interface ForegroundFile {
  /** Relative to the folder of the foregrounds, with `/`. */
  readonly image: string;
  /** Absolute. */
  readonly mask: string;
  readonly y: number;
  /** Undefined if the source names none. */
  readonly split: Split | undefined;
}

/**
 * Waterbirds as its authors made it (Sagawa et al. 2020, "Distributionally Robust Neural Networks", and the generator published
 * with it): birds of CUB-200-2011, cut out by its segmentations, at their place in the photograph, on scenes of Places, 95 %
 * of each class on scenes of its own kind in training and half of them in validation and test.
 */
const WATER_BIRDS = (
  'albatross auklet cormorant frigatebird fulmar gull jaeger kittiwake pelican puffin tern gadwall grebe mallard merganser ' +
  'guillemot pacific_loon'
).split(' ');

export const WATERBIRDS_CLASSES = ['landbird', 'waterbird'] as const;

export const WATERBIRDS_PLACES = [
  { name: 'land', of: ['b/bamboo_forest', 'f/forest/broadleaf'] },
  { name: 'water', of: ['o/ocean', 'l/lake/natural'] },
] as const;

/** The group counts of the published dataset, which are those of its classes by substring and its own draws. */
export const WATERBIRDS_COUNTS = {
  train: [3498, 184, 56, 1057],
  val: [467, 466, 133, 133],
  test: [2255, 2255, 642, 642],
} as const;

/** A fifth of CUB-200-2011's training half validates. */
export const WATERBIRDS_SHARES = [0.4, 0.1, 0.5] as const;

/**
 * Whether a species, as CUB-200-2011 writes it (`Pacific_Loon`), is a water bird: by whole words, or by substrings as the
 * published generator does, which takes Eastern Towhee, Western Meadowlark and Western Wood Pewee for terns.
 */
export function isWaterBird(species: string, bySubstring: boolean): boolean {
  const name = species.toLowerCase();
  return WATER_BIRDS.some((bird) => (bySubstring ? name.includes(bird) : `_${name}_`.includes(`_${bird}_`)));
}

/** Lists the birds of CUB-200-2011 with their classes and its split into training and test. */
export async function listCub(
  cub: string,
  segmentations: string,
  bySubstring: boolean,
): Promise<ForegroundFile[]> {
  const images = await readList(join(cub, 'images.txt'), /^\d+\.(.+)\/[^/]+\.jpe?g$/i);
  const splits = await readList(join(cub, 'train_test_split.txt'), /^([01])$/);
  return [...images].map(([id, { text, found }]) => {
    const split = splits.get(id);
    if (split === undefined) {
      throw new SpurmemError(
        'DATASET_INVALID',
        `${join(cub, 'train_test_split.txt')}: image ${id} (${text}) is missing. Download the file again.`,
      );
    }
    return {
      image: join('images', text),
      mask: join(segmentations, text.replace(/\.jpe?g$/i, '.png')),
      y: isWaterBird(found, bySubstring) ? 1 : 0,
      split: split.found === '1' ? 'train' : 'test',
    };
  });
}

/** Lines of an id and a text, by id; `found` is what the pattern's group holds. */
async function readList(
  path: string,
  pattern: RegExp,
): Promise<Map<string, { readonly text: string; readonly found: string }>> {
  const { bytes } = await readSource(path, 'the list of CUB-200-2011');
  const entries = new Map<string, { text: string; found: string }>();
  for (const [index, line] of new TextDecoder().decode(bytes).split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [id = '', text = ''] = line.trim().split(/\s+/, 2);
    const found = pattern.exec(text)?.[1];
    if (found === undefined || !/^\d+$/.test(id)) {
      throw new SpurmemError(
        'DATASET_INVALID',
        `${path}:${index + 1}: ${JSON.stringify(line)} is no line of CUB-200-2011's list. Download the file again.`,
      );
    }
    entries.set(id, { text, found });
  }
  return entries;
}
