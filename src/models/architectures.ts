import { native, type Network, type NetworkOptions, type VitOptions } from '../native/addon.js';

const VIT_DEFAULTS: VitOptions = { imageSize: [224, 224], patchSize: 16, layerNormEps: 1e-6 };

/** By torchvision's and timm's names. */
const DESIGNS = {
  resnet18: { family: 'resnet', blocks: [2, 2, 2, 2], hasBottlenecks: false },
  resnet34: { family: 'resnet', blocks: [3, 4, 6, 3], hasBottlenecks: false },
  resnet50: { family: 'resnet', blocks: [3, 4, 6, 3], hasBottlenecks: true },
  vit_tiny_patch16_224: { family: 'vit', channels: 192 },
  vit_small_patch16_224: { family: 'vit', channels: 384 },
} as const;
export type Architecture = keyof typeof DESIGNS;
export const ARCHITECTURES = Object.keys(DESIGNS) as [Architecture, ...Architecture[]];

/** The family of an architecture, and the options that it takes with their defaults. */
export function architectureOf(name: Architecture): {
  readonly family: 'resnet' | 'vit';
  readonly options: Partial<VitOptions>;
} {
  const { family } = DESIGNS[name];
  return { family, options: family === 'vit' ? VIT_DEFAULTS : {} };
}

export function isArchitecture(value: unknown): value is Architecture {
  return (ARCHITECTURES as readonly unknown[]).includes(value);
}

/** A network with PyTorch's initial weights. Options that its architecture does not take are not read. */
export function createNetwork(
  name: Architecture,
  given: { readonly [Name in keyof VitOptions]?: VitOptions[Name] | undefined },
  options: NetworkOptions,
): Promise<Network> {
  const design = DESIGNS[name];
  if (design.family === 'resnet') return native().createResNet({ ...design, ...options });
  const imageSize = given.imageSize ?? VIT_DEFAULTS.imageSize;
  const patchSize = given.patchSize ?? VIT_DEFAULTS.patchSize;
  const layerNormEps = given.layerNormEps ?? VIT_DEFAULTS.layerNormEps;
  return native().createVit({ ...design, imageSize, patchSize, layerNormEps, ...options });
}
