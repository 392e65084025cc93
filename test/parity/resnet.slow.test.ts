import { describeResNets, HAS_AMX, testWeightsAndLogits } from './resnetCases.js';

const channelsLast = {
  memoryFormat: 'channels_last',
  precision: 'fp32',
  batch: 2,
  height: 64,
  width: 64,
} as const;
const bfloat16 = { ...channelsLast, precision: 'bf16' } as const;

// resnet101 is as deep between resnet50 and resnet152: its size is held by test/models/architectures.test.ts.
testWeightsAndLogits(['resnet34', 'resnet152', 'wide_resnet50_2']);

// Each kind of block once, at the smallest size whose last layer has more than one pixel.
describeResNets([
  { ...channelsLast, arch: 'resnext50_32x4d', width: 96 },
  { ...channelsLast, arch: 'resnet18', memoryFormat: 'contiguous' },
  ...(HAS_AMX ? [64] : [64, 32]).map((width) => ({
    ...bfloat16,
    arch: 'resnet18' as const,
    batch: 4,
    width,
  })),
  { ...bfloat16, arch: 'resnet50' },
]);
