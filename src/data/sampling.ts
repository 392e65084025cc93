import { native, type Generator } from '../native/addon.js';

/**
 * An epoch of these examples as PyTorch's `DataLoader(shuffle=True)` shuffles them with the default generator.
 *
 * @param generator stands for PyTorch's default generator
 */
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
 * @param generator stands for PyTorch's default generator
 */
export function weightedDraw(indices: Int32Array, weights: Float64Array, generator: Generator): Int32Array {
  generator.random(); // The base seed, as above. This sampler draws from the same generator.
  const positions = generator.multinomial(weights, indices.length);
  return positions.map((position) => indices[position] as number);
}

/**
 * N / n for each of N examples, where n is the size of its part, as Idrissi et al. 2022 weight classes and groups.
 *
 * @param parts of each example, its class or its group, [N]
 */
export function inverseSizes(parts: Int32Array): Float64Array {
  const sizes = sizesOf(parts);
  return Float64Array.from(parts, (part) => parts.length / (sizes.get(part) as number));
}

/**
 * As many examples of each part as its smallest one has, each set of them equally likely.
 *
 * @param parts of each example, its class or its group, [N]
 * @returns examples in random order
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

function sizesOf(parts: Int32Array): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const part of parts) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  return sizes;
}
