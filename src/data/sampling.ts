import { native } from '../native/addon.js';
import { type Adjustment, ADJUSTMENTS, type Generator } from '../native/interface.js';
import { type Rectangle, roundToEven, type Size } from './geometry.js';
import type { Augmentation } from './preprocessing.js';

type Augmenting = NonNullable<Augmentation>;
type RandomResizedCrop = NonNullable<Augmenting['randomResizedCrop']>;

/** Draws of a crop until one fits into the image, as in torchvision. */
const CROP_ATTEMPTS = 10;

// Each generator stands for PyTorch's default generator.

/** An epoch of these examples as PyTorch's `DataLoader(shuffle=True)` shuffles them with the default generator. */
export function shuffled(indices: Int32Array, generator: Generator): Int32Array {
  generator.random(); // DataLoader draws the workers' base seed first, with or without workers.
  const order = new (native().Generator)(generator.random()).randperm(indices.length);
  return order.map((position) => indices[position] as number);
}

/**
 * An epoch of as many examples, drawn with replacement as `DataLoader(sampler=WeightedRandomSampler(weights, N))` draws them
 * with the default generator.
 *
 * @param weights of each example, [N]; they need not add up to 1
 */
export function weightedDraw(indices: Int32Array, weights: Float64Array, generator: Generator): Int32Array {
  generator.random(); // The base seed, as above. This sampler draws from the same generator.
  const positions = generator.multinomial(weights, indices.length);
  return positions.map((position) => indices[position] as number);
}

/**
 * N / n for each of N examples, where n is the size of its part (its class or group), as Idrissi et al. 2022 weight them.
 *
 * @param parts of each example, [N]
 */
export function inverseSizes(parts: Int32Array): Float64Array {
  const sizes = sizesOf(parts);
  return Float64Array.from(parts, (part) => parts.length / (sizes.get(part) as number));
}

/**
 * As many examples of each part as the smallest one has, in random order, each set of them equally likely.
 *
 * @param parts of each example, its class or its group, [N]
 */
export function balancedSubset(indices: Int32Array, parts: Int32Array, generator: Generator): Int32Array {
  const smallest = Math.min(...sizesOf(parts).values());
  const taken = new Map<number, number>();
  return generator
    .randperm(indices.length)
    .filter((position) => {
      const part = parts[position] as number;
      const count = (taken.get(part) ?? 0) + 1;
      taken.set(part, count);
      return count <= smallest;
    })
    .map((position) => indices[position] as number);
}

/** `count` of these numbers, each set equally likely and in no random order, in as many draws (Floyd's algorithm: Bentley and Floyd 1987). */
export function drawnWithoutRepeats(from: Int32Array, count: number, generator: Generator): Int32Array {
  const places = new Set<number>();
  for (let last = from.length - count; last < from.length; last += 1) {
    const place = generator.randint(last + 1);
    places.add(places.has(place) ? last : place);
  }
  return Int32Array.from(places, (place) => from[place] as number);
}

/** torchvision's `RandomResizedCrop.get_params`: the part of an image that becomes the crop. */
export function randomResizedCrop(
  [height, width]: Size,
  { scale, ratio }: Pick<RandomResizedCrop, 'scale' | 'ratio'>,
  generator: Generator,
): Rectangle {
  for (let attempt = 0; attempt < CROP_ATTEMPTS; attempt += 1) {
    const area = height * width * generator.uniform(...scale);
    const aspect = generator.logUniform(...ratio);
    const size = {
      height: roundToEven(Math.sqrt(area / aspect)),
      width: roundToEven(Math.sqrt(area * aspect)),
    };
    if (size.height < 1 || size.height > height || size.width < 1 || size.width > width) continue;
    const top = generator.randint(height - size.height + 1);
    return { top, left: generator.randint(width - size.width + 1), ...size };
  }
  // The largest crop in the middle whose ratio is allowed.
  const [least, most] = ratio;
  const cropHeight = width / height < least ? roundToEven(width / least) : height;
  const cropWidth = width / height > most ? roundToEven(height * most) : width;
  return {
    top: Math.trunc((height - cropHeight) / 2),
    left: Math.trunc((width - cropWidth) / 2),
    height: cropHeight,
    width: cropWidth,
  };
}

/** Whether torchvision's `RandomHorizontalFlip` or `RandomGrayscale` applies. One that never does is no transform, and draws nothing. */
export function happens(probability: number, generator: Generator): boolean {
  // PyTorch compares a float32 with a number in float32.
  return probability > 0 && generator.uniform(0, 1) < Math.fround(probability);
}

/**
 * The changes of one image, drawn as torchvision's `RandomApply([ColorJitter(...)])`, `RandomGrayscale` and
 * `RandomApply([GaussianBlur(...)])` draw them one after the other; changes that the augmentation lacks draw nothing.
 */
export function randomAdjustments(
  { colorJitter, grayscale, gaussianBlur }: Augmenting,
  generator: Generator,
): Adjustment[] {
  const adjustments: Adjustment[] = [];
  if (colorJitter && applies(colorJitter.probability, generator)) {
    adjustments.push(...jitter(colorJitter, generator));
  }
  if (happens(grayscale ?? 0, generator)) adjustments.push({ kind: 'grayscale', amount: 0 });
  if (gaussianBlur && applies(gaussianBlur.probability, generator)) {
    adjustments.push({ kind: 'blur', amount: generator.uniform(...gaussianBlur.sigma) });
  }
  return adjustments;
}

/** Whether torchvision's `RandomApply(..., probability)` applies its change. If the probability is 0, no random number is drawn. */
function applies(probability: number, generator: Generator): boolean {
  return probability > 0 && !(Math.fround(probability) < generator.uniform(0, 1));
}

/** torchvision's `ColorJitter`: the changes in random order, without those whose range is a point. */
function jitter(
  { brightness, contrast, saturation, hue }: NonNullable<Augmenting['colorJitter']>,
  generator: Generator,
): Adjustment[] {
  const order = generator.randperm(4);
  const aroundOne = (spread: number): number | undefined =>
    spread === 0 ? undefined : generator.uniform(Math.max(0, 1 - spread), 1 + spread);
  const amounts = [
    ...[aroundOne(brightness), aroundOne(contrast), aroundOne(saturation)],
    hue === 0 ? undefined : generator.uniform(-hue, hue),
  ];
  return [...order].flatMap((place) => {
    const [kind, amount] = [ADJUSTMENTS[place], amounts[place]];
    return kind === undefined || amount === undefined ? [] : [{ kind, amount }];
  });
}

function sizesOf(parts: Int32Array): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const part of parts) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  return sizes;
}
