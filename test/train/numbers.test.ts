import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { BatchLoader } from '../../src/data/batches.js';
import { loadDataset } from '../../src/data/dataset.js';
import { lossOf } from '../../src/metrics/loss.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { Adam } from '../../src/train/adam.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import { descend } from '../../src/train/run.js';
import { requireLastBatch } from '../../src/train/stepFailures.js';
import { contentOf } from '../cli/support.js';
import { bestOf } from '../fixtures.js';
import { newModel } from '../networks.js';
import { builtRuns, makeTooLarge } from './support.js';

const runs = builtRuns();
const { folder } = runs;

/** The infinite part of a step on a random batch, where the gradient of its loss is multiplied by both factors. */
async function infiniteAfter(factors: readonly [number, number], lr: number): Promise<string | undefined> {
  const generator = new (native().Generator)(0);
  using model = await newModel('resnet20', { generator });
  using images = await native().tensor(generator.randn(4 * 3 * 16 * 16), [4, 3, 16, 16], 'cpu');
  using zeros = await native().tensor(Int32Array.of(0, 0, 0, 0), [4], 'cpu');
  using ones = await native().tensor(Int32Array.of(1, 1, 1, 1), [4], 'cpu');
  using logits = (await model.network.run(images, { statistics: 'shared', grad: true })).logits;
  using ofZeros = await lossOf(logits, zeros, 'mean');
  using ofOnes = await lossOf(logits, ones, 'mean');
  // Small, with a large gradient.
  using difference = await native().combine([
    { tensor: ofZeros, weight: 1 },
    { tensor: ofOnes, weight: -1 },
  ]);
  using loss = await native().combine([{ tensor: difference, weight: factors[0] }]);
  using raised = await native().combine([{ tensor: loss, weight: factors[1] }]);
  expect(Number.isFinite(await raised.item())).toBe(true);
  return await descend(raised, [{ network: model.network, optimizer: new Adam(model, lr) }]);
}

test('a step says what of it is not finite', async () => {
  expect(await infiniteAfter([1, 1], 1e-3)).toBeUndefined();
  expect(await infiniteAfter([1, 1], 1e39)).toBe('weights');
  expect(await infiniteAfter([3e37, 12], 1e-3)).toBe('gradients');
});

test('a learning rate of 1e10 stops in the batch that it spoils, names its images, saves nothing, and lets go of its optimizer', async () => {
  const out = join(folder, 'spoilt');
  const disposed = jest.spyOn(Adam.prototype, Symbol.dispose);
  await runs.refusal(
    { out, lr: 1e10 },
    'NATIVE_FAILED',
    /^The (loss|gradients|weights) became .* in epoch 1, batch \d+\. Its images are images\/train\/.*\.png, .* and 32 more\. Try a lower `lr`/,
  );
  expect(await readdir(join(out, 'checkpoints'))).toEqual([]);
  expect(disposed).toHaveBeenCalledTimes(1);
  disposed.mockRestore();
  using model = await newModel('resnet20');
  const optimizer = new Adam(model, 1e-3);
  optimizer[Symbol.dispose]();
  expect(() => optimizer.state()).toThrow('This Adam was disposed');
});

test('a model whose activations overflow in evaluation alone is not saved', async () => {
  const out = join(folder, 'overflowing');
  await runs.refusal(
    { out, lr: 1e10, batchSize: 84 },
    'NATIVE_FAILED',
    /^The validation loss became NaN after epoch 1\./,
  );
  expect(await readdir(join(out, 'checkpoints'))).toEqual([]);
});

describe('weights to start from', () => {
  const refusal = (options: Partial<ErmOptions>, ...parts: (string | RegExp)[]): Promise<string> =>
    runs.refusal({ out: join(folder, 'weighted'), ...options }, 'WEIGHTS_INVALID', ...parts);

  test('that are missing or truncated are named, and nothing is created', async () => {
    const weights = join(folder, 'half.safetensors');
    const before = contentOf(folder);
    await refusal({ weights }, weights);
    expect(contentOf(folder)).toEqual(before);
    const whole = await readFile(bestOf(runs.reference));
    await writeFile(weights, whole.subarray(0, whole.length / 2));
    await refusal({ weights }, weights, 'truncated');
  });

  test('of another architecture are refused with the parameters', async () => {
    const best = bestOf(runs.reference);
    const out = join(folder, 'other');
    await refusal(
      { weights: best, arch: 'resnet18', out },
      `${best} does not fit resnet18`,
      /missing: layer4\.0\.conv1\.weight, .* and \d+ more/,
    );
    // Nothing that would take the place of a run with the right weights.
    expect(Object.values(contentOf(out))).toEqual(['folder', 'folder', 'folder']);
  });

  const infinite = /conv1\.weight has 432 of 432 values that are infinite or NaN/;
  test.each([
    ['infinite', 'conv1.weight', Infinity, infinite],
    ['no numbers', 'conv1.weight', Number.NaN, infinite],
    ['variances below 0', 'bn1.running_var', -1, /bn1\.running_var has a variance below 0/],
  ])('that are %s are refused', async (name, tensor, value, expected) => {
    const { tensors } = await readSafetensors(bestOf(runs.reference));
    tensors[tensor]?.data.fill(value as never);
    const weights = join(folder, `${name}.safetensors`);
    await writeSafetensors(weights, tensors);
    const out = join(folder, name);
    await refusal({ weights, out }, expected);
    expect(contentOf(join(out, 'checkpoints'))).toEqual({});
  });
});

test('weights that grow too large later stop that epoch, and the last good checkpoint is kept', async () => {
  const run = await runs.copyOf('too-large');
  await makeTooLarge(run);
  const before = contentOf(run.path);
  await runs.refusal(
    { out: run.path, epochs: 3, resume: true },
    'NATIVE_FAILED',
    /The loss became (NaN|-?Infinity) in epoch 3.* is kept/s,
  );
  // The configuration has the epochs that were asked for; all else is as it was.
  expect({ ...contentOf(run.path), 'config.json': '' }).toEqual({ ...before, 'config.json': '' });
});

test('a last batch of one image is refused before the first step where batch-norm cannot take it', async () => {
  // The training split has 84 images; resnet18's last layers see 1 x 1 px of an image of 32 x 16 px.
  const out = join(folder, 'one-left');
  await runs.refusal(
    { out, arch: 'resnet18', batchSize: 83 },
    'USAGE',
    /^`batchSize` is 83: .*no batch of one image for a process.*84 images/,
  );
  expect(contentOf(join(out, 'checkpoints'))).toEqual({});
  // resnet20 can take it, and resnet18 where its batch-norms keep their statistics.
  using loader = await BatchLoader.open(await loadDataset(runs.base.data), { device: 'cpu' });
  const batches = loader.evaluation(loader.dataset.splits.train, 83);
  for (const [arch, statistics] of [
    ['resnet20', 'shared'],
    ['resnet18', 'frozen'],
  ] as const) {
    using model = await newModel(arch);
    await requireLastBatch(model, loader, batches, statistics);
  }
});
