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

/** The group counts of the published dataset, whose classes are by substring. */
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
