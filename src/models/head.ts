/** Parameters of the classifier of an architecture: `fc` of torchvision's ResNets, `head` of timm's ViTs. */
export function headOf(arch: string): readonly [weight: string, bias: string] {
  const prefix = arch.startsWith('vit') ? 'head' : 'fc';
  return [`${prefix}.weight`, `${prefix}.bias`];
}
