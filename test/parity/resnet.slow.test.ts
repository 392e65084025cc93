import { describeResNets, HAS_AMX, type ResNetCase } from './resnetCases.js';

const channelsLast = { memoryFormat: 'channels_last', precision: 'fp32' } as const;
const bfloat16 = { memoryFormat: 'channels_last', precision: 'bf16' } as const;

describeResNets([
  { ...channelsLast, arch: 'resnet34', batch: 8, height: 64, width: 64 },
  { ...channelsLast, arch: 'resnet50', batch: 4, height: 128, width: 96 },
  { ...channelsLast, arch: 'resnet101', batch: 2, height: 64, width: 64 },
  { ...channelsLast, arch: 'wide_resnet50_2', batch: 2, height: 64, width: 64 },
  { ...channelsLast, arch: 'resnext50_32x4d', batch: 2, height: 64, width: 64 },
  { arch: 'resnet50', memoryFormat: 'contiguous', precision: 'fp32', batch: 2, height: 224, width: 224 },
  ...(HAS_AMX ? [64] : [64, 32]).map((width): ResNetCase => {
    return { ...bfloat16, arch: 'resnet18', batch: 16, height: 64, width };
  }),
  { ...bfloat16, arch: 'resnet50', batch: 4, height: 64, width: 64 },
]);
