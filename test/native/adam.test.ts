import { join } from 'node:path';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { relativeDifference, report } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';
import { runScript } from './script.js';

const folder = temporaryFolder();

async function weightsAfterSteps(
  name: string,
  environment: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, TensorData>>> {
  const file = join(folder, name);
  expect(runScript('adamSteps.mjs', [file], environment)).toMatchObject({ status: 0, stderr: '' });
  return (await readSafetensors(file)).tensors;
}

test('without libtorch\u2019s fused step, Adam takes the same steps one operation after the other', async () => {
  const fused = await weightsAfterSteps('fused', {});
  const plain = await weightsAfterSteps('plain', { SPURMEM_FUSION: 'off' });
  const worst = Math.max(
    ...Object.entries(fused).map(([name, { data }]) =>
      relativeDifference(data, (plain[name] as TensorData).data),
    ),
  );
  report('weights after 10 Adam steps, fused and not, max relative difference', worst, 1e-5);
  expect(worst).toBeLessThanOrEqual(1e-5);
  // Another computation, and not the fused one again.
  expect(worst).toBeGreaterThan(0);
});
