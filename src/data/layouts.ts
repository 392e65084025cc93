import { celeba } from './layouts/celeba.js';
import { csv } from './layouts/csv.js';
import { imageFolder } from './layouts/imageFolder.js';
import { waterbirds } from './layouts/waterbirds.js';

/** The layouts that `loadDataset` reads, in the order in which a folder is taken for one of them. */
export const LAYOUTS = [waterbirds, celeba, imageFolder, csv] as const;

/** A layout of the list. */
export type AnyLayout = (typeof LAYOUTS)[number];
export type DatasetFormat = AnyLayout['name'];

export function layoutOf(format: DatasetFormat): AnyLayout {
  const layout = LAYOUTS.find(({ name }) => name === format);
  if (layout === undefined) throw new RangeError(`No layout is named ${format}`);
  return layout;
}

/** The layout that the folder's files tell. */
export async function detectLayout(root: string): Promise<AnyLayout> {
  for (const layout of LAYOUTS) {
    if (await layout.looksLike(root)) return layout;
  }
  throw new RangeError('No layout takes the folder');
}

/** The advice for a folder that is no dataset. */
export const LAYOUTS_ADVICE: readonly string[] = [
  `A dataset is a folder with images and either ${LAYOUTS.map(({ description }) => description).join(', or ')}.`,
  'To try one: spurmem dataset dominoes.',
];
