/**
 * The groups that hold less than half of an even share of their class's training examples: on Waterbirds 1 and 2, on
 * CelebA 3 (blond men). A class with one spurious value has none.
 *
 * @param counts training examples of each group = y * numSpurious + a, [numGroups]
 */
export function minorityGroups(counts: readonly number[], numSpurious: number): number[] {
  return counts.flatMap((count, group) => {
    const first = group - (group % numSpurious);
    const ofClass = counts.slice(first, first + numSpurious).reduce((sum, value) => sum + value, 0);
    return count < ofClass / numSpurious / 2 ? [group] : [];
  });
}
