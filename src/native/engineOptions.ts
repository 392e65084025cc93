import { type GivenOf, setting } from '../settings/setting.js';
import { integer, oneOf, text, toggle } from '../settings/values.js';
import { MEMORY_FORMATS } from './addon.js';

/** The precisions of float32 matrix products, by the words of torch.set_float32_matmul_precision. */
export const MATMUL_PRECISIONS = ['highest', 'high', 'medium'] as const;

const source = 'PyTorch\u2019s default';

/** Options that change numbers, if only their last bits. */
export const NUMERICS = {
  memoryFormat: setting({
    type: oneOf(MEMORY_FORMATS),
    argument: 'format',
    help: 'how images and convolutions lie in memory: NHWC or NCHW',
    default: 'channels_last',
    source: 'faster than PyTorch\u2019s default, contiguous',
  }),
  float32MatmulPrecision: setting({
    type: oneOf(MATMUL_PRECISIONS),
    argument: 'precision',
    help: 'as torch.set_float32_matmul_precision: high and medium take TF32 on a GPU',
    default: 'highest',
    source,
  }),
  cudnnAllowTf32: setting({
    type: toggle(),
    argument: 'yes|no',
    help: 'torch.backends.cudnn.allow_tf32',
    default: true,
    source,
  }),
  cudnnBenchmark: setting({
    type: toggle(),
    argument: '',
    help: 'torch.backends.cudnn.benchmark: the fastest kernels, found by trying',
    default: false,
    source,
  }),
  deterministic: setting({
    type: toggle(),
    argument: '',
    help: 'torch.use_deterministic_algorithms: the same bits in each run on one GPU',
    default: false,
    source,
  }),
} as const;

/** The engine's options, declared once: types, checks, options of the command line and schemas of files. */
export const ENGINE_SETTINGS = {
  device: setting({
    type: text('auto, cpu or cuda:n'),
    argument: 'device',
    help: 'auto, cpu or cuda:n',
    default: 'auto',
    source: 'the first GPU, else the CPU',
  }),
  threads: setting({
    type: integer(0),
    argument: 'n',
    help: 'threads of the compute lane; 0: all cores',
    default: 0,
    source,
  }),
  ...NUMERICS,
} as const;

/** Where and how the engine computes. */
export type EngineOptions = GivenOf<typeof ENGINE_SETTINGS>;
