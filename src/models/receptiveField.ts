import { architectureOf } from './architectures.js';
import type { Model } from './model.js';

/** The part of an image that a neuron sees, in pixels; its edges may lie outside of the image. */
export interface ReceptiveField {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Along one side: the number of pixels that a position sees, the first position's first pixel, and the distance between positions. */
interface Reach {
  readonly size: number;
  readonly start: number;
  readonly step: number;
}

/**
 * The field of a position of a layer's feature map, from the kernels and strides of all calls before it (Araujo et al. 2019): all pixels
 * that it can depend on. Undefined for networks in which these are not all: vision transformers, and exported programs.
 */
export function receptiveField(
  { arch, plan }: Pick<Model, 'arch' | 'plan'>,
  layer: string,
  { row, column }: { readonly row: number; readonly column: number },
): ReceptiveField | undefined {
  if (architectureOf(arch).family !== 'resnet') return undefined;
  const kernels = new Map(plan.inputs.map(({ value, shape }) => [value, shape[2]]));
  const reaches = new Map<number, Reach>([[0, { size: 1, start: 0, step: 1 }]]);
  for (const { arguments: given, results, layer: name } of plan.nodes) {
    const taken = Object.values(given).flatMap(({ values = [] }) =>
      values.flatMap((one) => reaches.get(one) ?? []),
    );
    // For a block's sum, the field of its layers, which contains the shortcut's.
    const [input] = taken.sort((a, b) => b.size - a.size);
    const [made] = results;
    if (input === undefined || typeof made !== 'number') continue;
    const { size, start, step } = input;
    const first = (argument: string): number | undefined => given[argument]?.numbers?.[0];
    const kernel = kernels.get(given.weight?.values?.[0] ?? -1) ?? first('kernel_size') ?? 1;
    const reach = {
      size: size + (kernel - 1) * step,
      start: start - (first('padding') ?? 0) * step,
      step: step * (first('stride') ?? 1),
    };
    if (name === layer) {
      const [top, left] = [row, column].map((place) => reach.start + place * reach.step) as [number, number];
      return { top, left, height: reach.size, width: reach.size };
    }
    reaches.set(made, reach);
  }
  return undefined;
}
