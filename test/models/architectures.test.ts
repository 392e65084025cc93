import { type Architecture, builtInPlan } from '../../src/models/architectures.js';

// As torchvision and timm document them, for ImageNet's 1000 classes.
test.each<[Architecture, number]>([
  ['resnet18', 11_689_512],
  ['resnet34', 21_797_672],
  ['resnet50', 25_557_032],
  ['resnet101', 44_549_160],
  ['resnet152', 60_192_808],
  ['wide_resnet50_2', 68_883_240],
  ['resnext50_32x4d', 25_028_904],
  ['vit_tiny_patch16_224', 5_717_416],
  ['vit_small_patch16_224', 22_050_664],
  ['deit_small_patch16_224', 22_050_664],
  ['vit_base_patch16_224', 86_567_656],
])('%s has %d parameters', (arch, count) => {
  const { inputs } = builtInPlan({ arch, numClasses: 1000 });
  const sizes = inputs.map(({ kind, shape }) =>
    kind === 'parameter' ? shape.reduce((a, b) => a * b, 1) : 0,
  );
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(count);
});
