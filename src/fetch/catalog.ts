/** A file that can be fetched from its official address. */
export interface Fetchable {
  readonly title: string;
  readonly url: string;
  /** The name of the file there. */
  readonly file: string;
  /** Its SHA-256 by its publishers, or the first digits, as in torchvision's file names. */
  readonly sha256?: string;
  /** The weights' architecture, if it differs from their name. */
  readonly arch?: string;
  /** The terms of its use, in a line. */
  readonly terms: string;
}

/** ImageNet weights of torchvision, whose file names end in the first digits of their SHA-256. */
function torchvision(arch: string, sha256: string, name: string, version: 'V1' | 'V2', note = '') {
  const file = `${arch}-${sha256}.pth`;
  return {
    terms:
      'torchvision is under the BSD 3-Clause license; the weights were trained on ImageNet, whose images are for non-commercial research',
    title: `${name}, ImageNet (torchvision, IMAGENET1K_${version})${note}`,
    url: `https://download.pytorch.org/models/${file}`,
    file,
    sha256,
  };
}

/** ImageNet weights of timm. */
function timm(arch: string, size: string, tag = 'augreg_in21k_ft_in1k') {
  const name = `${arch}.${tag}`;
  const data = tag.includes('in21k') ? 'ImageNet-21k and ImageNet' : 'ImageNet';
  return {
    title: `${size}, ${data} (timm, ${tag})`,
    url: `https://huggingface.co/timm/${name}/resolve/main/model.safetensors`,
    file: `${name}.safetensors`,
    terms: `Apache 2.0; trained on ${data}, whose images are for non-commercial research`,
  };
}

/** The data sets, by name: archives that are unpacked, their outermost folder left out. */
export const DATASETS = {
  waterbirds: {
    title: 'Waterbirds (Sagawa et al. 2020)',
    url: 'https://nlp.stanford.edu/data/dro/waterbird_complete95_forest2water2.tar.gz',
    file: 'waterbird_complete95_forest2water2.tar.gz',
    terms:
      'made of CUB-200-2011 (non-commercial research and education) and Places (its images belong to their photographers)',
  },
} as const satisfies Readonly<Record<string, Fetchable>>;
export type FetchableDataset = keyof typeof DATASETS;

/** ImageNet weights, by architecture; the older ones of two by their version besides. */
export const WEIGHTS = {
  resnet18: torchvision('resnet18', 'f37072fd', 'ResNet-18', 'V1'),
  resnet34: torchvision('resnet34', 'b627a593', 'ResNet-34', 'V1'),
  resnet50: torchvision('resnet50', '11ad3fa6', 'ResNet-50', 'V2', ', which the article starts from'),
  resnet50_v1: { ...torchvision('resnet50', '0676ba61', 'ResNet-50', 'V1'), arch: 'resnet50' },
  resnet101: torchvision('resnet101', 'cd907fc2', 'ResNet-101', 'V2'),
  resnet152: torchvision('resnet152', 'f82ba261', 'ResNet-152', 'V2'),
  wide_resnet50_2: torchvision('wide_resnet50_2', '9ba9bcbe', 'Wide ResNet-50-2', 'V2'),
  resnext50_32x4d: torchvision('resnext50_32x4d', '1a0047aa', 'ResNeXt-50 32x4d', 'V2'),
  vit_base_patch16_224: timm('vit_base_patch16_224', 'ViT-B/16'),
  deit_small_patch16_224: timm('deit_small_patch16_224', 'DeiT-S/16', 'fb_in1k'),
  vit_small_patch16_224: timm('vit_small_patch16_224', 'ViT-S/16'),
  vit_tiny_patch16_224: timm('vit_tiny_patch16_224', 'ViT-Ti/16'),
} as const satisfies Readonly<Record<string, Fetchable>>;
export type FetchableWeights = keyof typeof WEIGHTS;
