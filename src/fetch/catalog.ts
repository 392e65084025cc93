/** Something that can be fetched from its official address. */
export interface Fetchable {
  /** What it is, for people. */
  readonly title: string;
  readonly url: string;
  /** The name of the file there. */
  readonly file: string;
  /** What its publishers say of its SHA-256: the first digits, in torchvision's file names; undefined where they say nothing. */
  readonly sha256?: string;
  /** The architecture that weights are of, where it is not their name. */
  readonly arch?: string;
  /** Under which terms, in a line. */
  readonly terms: string;
}

const TORCHVISION = {
  terms:
    'torchvision is under the BSD 3-Clause license; the weights were trained on ImageNet, whose images are for non-commercial research',
} as const;

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
  resnet18: {
    ...TORCHVISION,
    title: 'ResNet-18, ImageNet (torchvision, IMAGENET1K_V1)',
    url: 'https://download.pytorch.org/models/resnet18-f37072fd.pth',
    file: 'resnet18-f37072fd.pth',
    sha256: 'f37072fd',
  },
  resnet34: {
    ...TORCHVISION,
    title: 'ResNet-34, ImageNet (torchvision, IMAGENET1K_V1)',
    url: 'https://download.pytorch.org/models/resnet34-b627a593.pth',
    file: 'resnet34-b627a593.pth',
    sha256: 'b627a593',
  },
  resnet50: {
    ...TORCHVISION,
    title: 'ResNet-50, ImageNet (torchvision, IMAGENET1K_V2), which the article starts from',
    url: 'https://download.pytorch.org/models/resnet50-11ad3fa6.pth',
    file: 'resnet50-11ad3fa6.pth',
    sha256: '11ad3fa6',
  },
  resnet50_v1: {
    ...TORCHVISION,
    arch: 'resnet50',
    title: 'ResNet-50, ImageNet (torchvision, IMAGENET1K_V1)',
    url: 'https://download.pytorch.org/models/resnet50-0676ba61.pth',
    file: 'resnet50-0676ba61.pth',
    sha256: '0676ba61',
  },
  vit_small_patch16_224: {
    title: 'ViT-S/16, ImageNet-21k and ImageNet (timm, augreg_in21k_ft_in1k)',
    url: 'https://huggingface.co/timm/vit_small_patch16_224.augreg_in21k_ft_in1k/resolve/main/model.safetensors',
    file: 'vit_small_patch16_224.augreg_in21k_ft_in1k.safetensors',
    terms: 'Apache 2.0; trained on ImageNet-21k and ImageNet, whose images are for non-commercial research',
  },
  vit_tiny_patch16_224: {
    title: 'ViT-Ti/16, ImageNet-21k and ImageNet (timm, augreg_in21k_ft_in1k)',
    url: 'https://huggingface.co/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k/resolve/main/model.safetensors',
    file: 'vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors',
    terms: 'Apache 2.0; trained on ImageNet-21k and ImageNet, whose images are for non-commercial research',
  },
} as const satisfies Readonly<Record<string, Fetchable>>;
export type FetchableWeights = keyof typeof WEIGHTS;
