import {
  type Generator,
  native,
  type Network,
  type NetworkOptions,
  type Precision,
} from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';

/** Options of vision transformers. */
interface VitOptions {
  /** [height, width] of the images in pixels. */
  readonly imageSize: readonly [number, number];
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** eps of every LayerNorm. */
  readonly layerNormEps: number;
}

interface Design {
  /** A file of `native/nn` registers it. */
  readonly family: string;
  /** The difference from others of its family. */
  readonly design: NetworkOptions['design'];
  /** Further options, with their defaults. */
  readonly options?: VitOptions;
}

const VIT_OPTIONS: VitOptions = { imageSize: [224, 224], patchSize: 16, layerNormEps: 1e-6 };

const IMAGENET = { stem: 7, width: 64 };
/** By torchvision's and timm's names; `resnet20` is He et al.'s for small images (2016, section 4.2), with 1x1 shortcuts. */
const DESIGNS = {
  resnet18: { family: 'resnet', design: { ...IMAGENET, blocks: [2, 2, 2, 2], expansion: 1 } },
  resnet34: { family: 'resnet', design: { ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 1 } },
  resnet50: { family: 'resnet', design: { ...IMAGENET, blocks: [3, 4, 6, 3], expansion: 4 } },
  resnet20: { family: 'resnet', design: { stem: 3, width: 16, blocks: [3, 3, 3], expansion: 1 } },
  vit_tiny_patch16_224: { family: 'vit', design: { channels: 192 }, options: VIT_OPTIONS },
  vit_small_patch16_224: { family: 'vit', design: { channels: 384 }, options: VIT_OPTIONS },
} as const satisfies Record<string, Design>;
export type Architecture = keyof typeof DESIGNS;
export const ARCHITECTURES = Object.keys(DESIGNS) as [Architecture, ...Architecture[]];

/** The family of an architecture, and the options that it takes with their defaults. */
export function architectureOf(name: Architecture): Design {
  return DESIGNS[name];
}

/** The choices for a network. */
export interface ArchitectureOptions {
  readonly arch: Architecture;
  readonly numClasses: number;
  readonly generator: Generator;
  /** Default: float32. */
  readonly precision?: Precision | undefined;
  /** Settings of vision transformers, as the next two; defaults: the architecture's. */
  readonly imageSize?: VitOptions['imageSize'] | undefined;
  readonly patchSize?: number | undefined;
  readonly layerNormEps?: number | undefined;
}

/** A network with PyTorch's initial weights. Options that its architecture does not take are not read. */
export async function createNetwork(
  { arch, numClasses, generator, precision = 'fp32', ...given }: ArchitectureOptions,
  { device, memoryFormat }: ComputeContext,
): Promise<Network> {
  const { family, design: own, options } = architectureOf(arch);
  const ofVit = options && {
    imageSize: given.imageSize ?? options.imageSize,
    patchSize: given.patchSize ?? options.patchSize,
    layerNormEps: given.layerNormEps ?? options.layerNormEps,
  };
  const design = { ...own, ...ofVit, numClasses };
  return native().createNetwork({ family, design, generator, device, memoryFormat, precision });
}

/** SimCLR's projection head, Linear, ReLU, Linear: maps features [N, inputs] to projections [N, outputs]. */
export async function createProjectionHead(
  design: { readonly inputs: number; readonly hidden: number; readonly outputs: number },
  generator: Generator,
  { device }: ComputeContext,
): Promise<Network> {
  return native().createNetwork({ family: 'projection head', design, generator, device });
}
