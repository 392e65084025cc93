import { describeResNets } from './resnetCases.js';

const float32 = { memoryFormat: 'channels_last', precision: 'fp32' } as const;

// Deeper ones, other memory formats and bfloat16: resnet.slow.test.ts.
describeResNets([
  { ...float32, arch: 'resnet18', batch: 16, height: 64, width: 32 },
  { ...float32, arch: 'resnet20', batch: 16, height: 32, width: 16 },
]);
