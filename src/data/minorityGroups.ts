import { groupCounts, type Dataset } from './dataset.js';

/**
 * The groups that hold less than half of an even share of their class's training examples: on Waterbirds 1 and 2, on
 * CelebA 3 (blond men). A class with one spurious value has none.
 */
export function minorityGroups(dataset: Dataset): number[] {
  const counts = groupCounts(dataset, 'train');
  return counts.flatMap((count, group) => {
    const first = group - (group % dataset.numSpurious);
    const ofClass = counts.slice(first, first + dataset.numSpurious).reduce((sum, value) => sum + value, 0);
    return count < ofClass / dataset.numSpurious / 2 ? [group] : [];
  });
}
