import { celeba } from './layouts/celeba.js';
import { imageFolder } from './layouts/imageFolder.js';
import { csv, waterbirds } from './layouts/tables.js';

/** The layouts that `loadDataset` reads, in the order in which a folder is taken for one of them. */
export const LAYOUTS = [waterbirds, celeba, imageFolder, csv] as const;

/** A layout of the list. */
export type AnyLayout = (typeof LAYOUTS)[number];
export type DatasetFormat = AnyLayout['name'];

export function layoutOf(format: DatasetFormat): AnyLayout {
  return LAYOUTS.find(({ name }) => name === format) as AnyLayout;
}

/** The layout of a folder, by its files; with held-out splits, folders of classes alone are image folders. */
export async function detectLayout(root: string, isHeldOut = false): Promise<AnyLayout> {
  for (const layout of LAYOUTS) {
    if (await layout.looksLike(root, isHeldOut)) return layout;
  }
  return csv;
}

/** The advice for a folder that is no dataset. */
export const LAYOUTS_ADVICE: readonly string[] = [
  `A dataset is a folder with images and either ${LAYOUTS.map(({ description }) => description).join(', or ')}.`,
  'To try one: spurmem dataset dominoes.',
];
