import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { MATMUL_PRECISIONS, setThreads } from '../../src/native/engine.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { python, THREADS } from './python.js';

const folder = temporaryFolder();
const N = 256;
const matrix = (seed: number): Float32Array =>
  Float32Array.from({ length: N * N }, (_, i) => Math.sin(seed + i * 0.37));

const numerics = { cudnnAllowTf32: true, cudnnBenchmark: false, deterministic: false };

afterAll(async () => {
  await native().setNumerics({ ...numerics, float32MatmulPrecision: 'highest' });
});

// On the CPU `medium` takes bfloat16 where the processor has it, and the others are the same.
test('matrix products are those of torch.set_float32_matmul_precision', async () => {
  await setThreads(THREADS);
  const path = (name: string): string => join(folder, `${name}.safetensors`);
  const shape = [N, N];
  await writeSafetensors(path('given'), { a: { shape, data: matrix(1) }, b: { shape, data: matrix(2) } });
  python([
    '-c',
    `
import sys, torch
from safetensors.torch import load_file, save_file
torch.set_num_threads(${THREADS})
given = load_file(sys.argv[1])
out = {}
for precision in ${JSON.stringify(MATMUL_PRECISIONS)}:
    torch.set_float32_matmul_precision(precision)
    out[precision] = given["a"] @ given["b"]
torch.set_float32_matmul_precision("highest")
save_file(out, sys.argv[2])
`,
    path('given'),
    path('expected'),
  ]);
  const expected = (await readSafetensors(path('expected'))).tensors;
  using a = await native().tensor(matrix(1), shape, 'cpu');
  using b = await native().tensor(matrix(2), shape, 'cpu');
  for (const precision of MATMUL_PRECISIONS) {
    await native().setNumerics({ ...numerics, float32MatmulPrecision: precision });
    using product = await native().matmul(a, b);
    const difference = maxDifference(await product.data(), expected[precision]?.data as Float32Array);
    expectWithin(`matrix product, ${precision}, max difference`, difference, 0);
  }
  expect(native().torchVersion).toMatch(/^2\./);
});
