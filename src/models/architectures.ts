import { SpurmemError } from '../errors.js';

/** Architectures by torchvision's and timm's names; the addon builds them. */
export const ARCHITECTURES = [
  'resnet18',
  'resnet34',
  'resnet50',
  'vit_tiny_patch16_224',
  'vit_small_patch16_224',
] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Throws `USAGE` for a name that is not in the list. */
export function parseArchitecture(name: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture === name);
  if (found === undefined) {
    throw new SpurmemError(
      'USAGE',
      `--arch is ${JSON.stringify(name)}; it takes ${ARCHITECTURES.join(', ')}`,
    );
  }
  return found;
}
