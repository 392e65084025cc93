import type { Split } from '../../src/data/split.js';

/** Images of groups 0 to 3 in the standard splits of a benchmark. */
export type StandardCounts = Readonly<Record<Split, readonly number[]>>;

/** Waterbirds, landbird/waterbird x land/water. */
export const WATERBIRDS_COUNTS: StandardCounts = {
  train: [3498, 184, 56, 1057],
  val: [467, 466, 133, 133],
  test: [2255, 2255, 642, 642],
};

/** CelebA, Blond_Hair x Male. */
export const CELEBA_COUNTS: StandardCounts = {
  train: [71629, 66874, 22880, 1387],
  val: [8535, 8276, 2874, 182],
  test: [9767, 7535, 2480, 180],
};

/** CelebA's attributes in the order of its list. */
export const CELEBA_ATTRIBUTES = (
  '5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair ' +
  'Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male ' +
  'Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks ' +
  'Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace ' +
  'Wearing_Necktie Young'
).split(' ');

/** The groups of a split's images in turn, spread over the split. */
export function spreadGroups(counts: readonly number[]): number[] {
  const groups = counts.flatMap((count, group) => new Array<number>(count).fill(group));
  // A step that shares no factor with the length visits every position once.
  const step = [7919, 7907, 7901].find((prime) => groups.length % prime !== 0) ?? 1;
  return groups.map((_, index) => groups[(index * step) % groups.length] ?? 0);
}

/** The lines of the two lists as released: white space between the values, which are aligned to the right. */
export function celebaLists(
  images: readonly { readonly name: string; readonly split: number; readonly values: readonly number[] }[],
  attributes: readonly string[] = CELEBA_ATTRIBUTES,
): { readonly attributes: string; readonly partitions: string } {
  const rows = images.map(
    ({ name, values }) => `${name} ${values.map((value) => String(value).padStart(2)).join(' ')}`,
  );
  return {
    attributes: [String(images.length), `${attributes.join(' ')} `, ...rows, ''].join('\n'),
    partitions: [...images.map(({ name, split }) => `${name} ${split}`), ''].join('\n'),
  };
}
