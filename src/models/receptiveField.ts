import { architectureOf } from './architectures.js';
import type { Model } from './model.js';

/** The part of an image that a neuron sees, in pixels; its edges may lie outside of the image. */
export interface ReceptiveField {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Along one side: the pixels that one position sees, where those of the first begin, and the distance to the next one's. */
interface Reach {
  readonly size: number;
  readonly start: number;
  readonly step: number;
}

const PIXEL: Reach = { size: 1, start: 0, step: 1 };

/**
 * The field of a position of a layer's feature map, from the kernels and strides of all layers before it (Araujo et al. 2019): all pixels
 * that it can depend on. Undefined for layers of networks where these are not known: vision transformers, and exported programs.
 */
export function receptiveField(
  { arch, description }: Pick<Model, 'arch' | 'description'>,
  layer: string,
  { row, column }: { readonly row: number; readonly column: number },
): ReceptiveField | undefined {
  if (architectureOf(arch).family !== 'resnet') return undefined;
  const reach = reachesOfResNet(kernelsOf(description)).get(layer);
  if (reach === undefined) return undefined;
  const { size, start, step } = reach;
  return { top: start + row * step, left: start + column * step, height: size, width: size };
}

type Description = Pick<Model['description'], 'layers' | 'parameters'>;

/** The kernel's side of each convolution, in the order of a forward pass but for shortcuts, which end their blocks. */
function kernelsOf({ layers, parameters }: Description): [layer: string, kernel: number][] {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  return layers.map(({ name, weight }) => [name, shapes.get(weight)?.[2] ?? 1]);
}

/** Torchvision's ResNets, and those for small images, whose stem of 3x3 keeps the image's sides. */
function reachesOfResNet(kernels: readonly [layer: string, kernel: number][]): Map<string, Reach> {
  const reaches = new Map<string, Reach>();
  let reach = PIXEL;
  let block = { name: '', input: PIXEL };
  const isBottleneck = kernels.some(([name]) => name.endsWith('.conv3'));
  for (const [name, kernel] of kernels) {
    const [, ofBlock = '', stage = '1', first = '', part = ''] =
      /^(layer(\d+)\.(\d+))\.(.*)$/.exec(name) ?? [];
    if (ofBlock !== block.name) block = { name: ofBlock, input: reach };
    const strides = Number(stage) > 1 && Number(first) === 0 && ofBlock !== '';
    if (part === 'downsample.0') {
      reaches.set(name, after(block.input, kernel, strides ? 2 : 1, 0));
      continue;
    }
    const isStem = ofBlock === '';
    const isStrided = isStem ? kernel === 7 : strides && part === (isBottleneck ? 'conv2' : 'conv1');
    reach = after(reach, kernel, isStrided ? 2 : 1, Math.floor(kernel / 2));
    reaches.set(name, reach);
    // The stem's pooling.
    if (isStem && kernel === 7) reach = after(reach, 3, 2, 1);
  }
  return reaches;
}

function after({ size, start, step }: Reach, kernel: number, stride: number, padding: number): Reach {
  return { size: size + (kernel - 1) * step, start: start - padding * step, step: step * stride };
}
