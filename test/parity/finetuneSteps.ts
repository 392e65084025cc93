import { join } from 'node:path';
import { createProjectionHead } from '../../src/models/architectures.js';
import { Model, takeData } from '../../src/models/model.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { type BatchNormStatistics, native, type Network } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { Adam } from '../../src/train/adam.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { FINETUNE_SETTINGS } from '../../src/train/finetune/settings.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, relativeDifference, report } from './compare.js';
import { type Oracle, oracleOf } from './oracle.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const neurons = [
  { layer: 'conv1', index: 3 },
  { layer: 'layer2.0.conv1', index: 17 },
  { layer: 'layer2.0.conv1', index: 90 },
  { layer: 'layer4.0.downsample.0', index: 400 },
];
const defaults = resolveSettings(FINETUNE_SETTINGS, 'article', {});
const settings = { seed: 5, steps: 10, lr: 2e-4, temperature: 0.5, lambda: 10 };

/** Ten steps of fine-tuning's two branches on ResNet-18 beside plain PyTorch. */
export function testFinetuneSteps(
  cases: readonly (readonly [
    statistics: BatchNormStatistics,
    stopGradient: 'none' | 'target' | 'auxiliary',
  ])[],
): void {
  test.each(cases)(
    'ten steps of both branches equal plain PyTorch, auxiliary statistics %s, stopped gradient %s',
    compareSteps,
  );
}

async function compareSteps(
  statistics: BatchNormStatistics,
  stopGradient: 'none' | 'target' | 'auxiliary',
): Promise<void> {
  const name = `${statistics}, stopped ${stopGradient}`;
  const out = join(folder, `${name}.safetensors`);
  const places = neurons.map(({ layer, index }) => `${layer}:${index}`);
  const branches = { mask: places, statistics, stop_gradient: stopGradient, weight: settings.lambda };
  reference('finetune', { ...settings, ...branches, threads: THREADS, out });
  const expected = oracleOf((await readSafetensors(out)).tensors);
  const addon = native();
  await setThreads(THREADS);

  const live = addon.liveTensors();
  const generator = new addon.Generator(settings.seed);
  using model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const design = { inputs: 512, hidden: 512, outputs: 128 };
  const head = await createProjectionHead(design, generator, model.context);
  const optimizer = new Adam(model, settings.lr);
  const headOptimizer = new addon.Adam(head, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 });
  await compareNtXent(head, expected);
  const mask = maskNeurons(neurons);
  let lossDifference = 0;
  for (let step = 0; step < settings.steps; step += 1) {
    using x1 = await addon.tensor(expected(`x1.${step}`).data, [8, 3, 64, 32], 'cpu');
    using x2 = await addon.tensor(expected(`x2.${step}`).data, [8, 3, 64, 32], 'cpu');
    using labels = await addon.tensor(expected(`labels.${step}`).data, [8], 'cpu');
    using first = await x1.channelsLast();
    using second = await x2.channelsLast();
    const {
      loss,
      logits,
      terms = {},
    } = await finetuneLoss({ ...defaults, ...settings, statistics, stopGradient }, model, head, mask, {
      images: first,
      second,
      labels,
    });
    await model.network.zeroGrad();
    await head.zeroGrad();
    await loss.backward();
    await optimizer.step();
    await headOptimizer.step(settings.lr);
    for (const term of ['contrast', 'supervised'] as const) {
      const difference = Math.abs(((await terms[term]?.item()) ?? NaN) - Number(expected(term).data[step]));
      lossDifference = Math.max(lossDifference, difference);
    }
    for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
  }
  report(`losses of ten steps, ${name}, difference`, lossDifference, 1e-6);
  expect(lossDifference).toBeLessThanOrEqual(1e-6);
  const state = await model.stateDict();
  const headState = await takeData(await head.state());
  const worst = Math.max(
    ...Object.entries(state).map(([parameter, { data }]) =>
      relativeDifference(data, expected(`final.${parameter}`).data),
    ),
    ...Object.entries(headState).map(([parameter, { data }]) =>
      relativeDifference(data, expected(`head.${parameter}`).data),
    ),
  );
  report(`weights after ten steps, ${name}, relative difference`, worst, 1e-5);
  expect(worst).toBeLessThanOrEqual(1e-5);
  head.dispose();
  expect(addon.liveTensors()).toBe(live);
}

/** Value and gradient of NT-Xent, through a projection head's weights, against the published function. */
async function compareNtXent(head: Network, expected: Oracle): Promise<void> {
  const addon = native();
  using a = await addon.tensor(expected('nt.a').data, [16, 512], 'cpu');
  using b = await addon.tensor(expected('nt.b').data, [16, 512], 'cpu');
  using viewA = await head.forward(a, { grad: true });
  using viewB = await head.forward(b, { grad: true });
  using value = await addon.ntXent(viewA, viewB, settings.temperature);
  const difference = Math.abs((await value.item()) - Number(expected('nt.value').data[0]));
  report('NT-Xent, difference', difference, 1e-6);
  expect(difference).toBeLessThanOrEqual(1e-6);
  await value.backward();
  const gradients = await takeData(await head.gradients());
  const worst = Math.max(
    ...Object.entries(gradients).map(([name, { data }]) =>
      maxDifference(data, expected(`nt.grad.${name}`).data),
    ),
  );
  report('NT-Xent, gradient, max difference', worst, 1e-6);
  expect(Object.keys(gradients)).toHaveLength(4);
  expect(worst).toBeLessThanOrEqual(1e-6);
  await head.zeroGrad();
}
