import { native, type ArchitectureDescription } from '../native/addon.js';

/** Architectures by torchvision's and timm's names, which a test compares with the addon's. */
export const ARCHITECTURES = [
  'resnet18',
  'resnet34',
  'resnet50',
  'vit_tiny_patch16_224',
  'vit_small_patch16_224',
] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The family of an architecture, and the options that it takes with their defaults. */
export function architectureOf(name: Architecture): ArchitectureDescription {
  const found = native().architectures[name];
  if (found === undefined) throw new RangeError(`The addon has no architecture named ${name}`);
  return found;
}

export function isArchitecture(value: unknown): value is Architecture {
  return (ARCHITECTURES as readonly unknown[]).includes(value);
}
