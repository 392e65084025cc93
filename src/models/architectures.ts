/** Architectures by torchvision's and timm's names; the addon builds them. */
export const ARCHITECTURES = [
  'resnet18',
  'resnet34',
  'resnet50',
  'vit_tiny_patch16_224',
  'vit_small_patch16_224',
] as const;
export type Architecture = (typeof ARCHITECTURES)[number];
