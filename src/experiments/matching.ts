import { mean } from '../metrics/statistics.js';
import type { ImageChange } from './imageChanges.js';

/** Images are alike if their margins differ by no more, in logits; each is compared with the mean of the nearest ones. */
const [WITHIN, NEAREST] = [0.5, 3] as const;

/** An image with the mean of the images of another kind that have its margin: changes beyond random neurons, in logits. */
interface Matched {
  readonly change: number;
  readonly otherChange: number;
}

/** Returns the images that have three of the others within 0.5 logits of their margin, with the mean of the nearest three. */
export function matched(images: readonly ImageChange[], others: readonly ImageChange[]): Matched[] {
  return images.flatMap((image) => {
    const distance = (other: ImageChange): number => Math.abs(other.margin - image.margin);
    const near = others
      .filter((other) => distance(other) <= WITHIN)
      .sort((a, b) => distance(a) - distance(b));
    if (near.length < NEAREST) return [];
    return [{ change: beyond(image), otherChange: mean(near.slice(0, NEAREST).map(beyond)) }];
  });
}

/** Returns the mean difference; NaN of fewer than `least` images. */
export function meanDifference(pairs: readonly Matched[], least = 1): number {
  if (pairs.length < least) return Number.NaN;
  return mean(pairs.map(({ change, otherChange }) => change - otherChange));
}

function beyond({ change, random }: ImageChange): number {
  return change - (random ?? 0);
}
