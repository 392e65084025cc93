import { createProjectionHead } from '../../src/models/architectures.js';
import { takeData } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { BATCH_NORM_STATISTICS, native, type Network, type Tensor } from '../../src/native/addon.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { Adam } from '../../src/train/adam.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { FINETUNE_SETTINGS } from '../../src/train/finetune/settings.js';
import { descend, type TrainedPart } from '../../src/train/run.js';
import { imagesOf, newModel } from '../networks.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { askOracle, type Oracle } from './oracle.js';

const neurons = [
  { layer: 'conv1', index: 3 },
  { layer: 'layer2.0.conv1', index: 17 },
  { layer: 'layer2.0.conv1', index: 90 },
  { layer: 'layer4.0.downsample.0', index: 400 },
];
const defaults = resolveSettings(FINETUNE_SETTINGS, 'article', {});
const settings = { seed: 5, steps: 5, lr: 2e-4, temperature: 0.5, lambda: 10 };

test.each(BATCH_NORM_STATISTICS)(
  'steps of both branches equal plain PyTorch, auxiliary statistics %s',
  async (statistics) => {
    const places = neurons.map(({ layer, index }) => `${layer}:${index}`);
    const branches = { mask: places, statistics, weight: settings.lambda };
    const expected = await askOracle('finetune', { ...settings, ...branches });
    const addon = native();

    const live = addon.liveTensors();
    const generator = new addon.Generator(settings.seed);
    using model = await newModel('resnet18', { generator });
    const design = { inputs: 512, hidden: 512, outputs: 128 };
    const head = await createProjectionHead(design, generator, model.context);
    const parts = [model.network, head].map((network) => partOf(network, settings.lr));
    await compareNtXent(head, expected);
    const mask = maskNeurons(neurons);
    const chosen = { ...defaults, ...settings, statistics };
    let lossDifference = 0;
    for (let step = 0; step < settings.steps; step += 1) {
      const taken = takeStep(expected, step, parts, (views) =>
        finetuneLoss(chosen, model, head, mask, views),
      );
      lossDifference = Math.max(lossDifference, await taken);
    }
    expectWithin(`losses of all steps, ${statistics}, difference`, lossDifference, 1e-6);
    const state = await model.stateDict();
    const headState = await takeData(await head.state());
    const worst = Math.max(
      largest(state, (parameter) => expected(`final.${parameter}`)),
      largest(headState, (parameter) => expected(`head.${parameter}`)),
    );
    expectWithin(`weights after all steps, ${statistics}, relative difference`, worst, 1e-5);
    head.dispose();
    expect(addon.liveTensors()).toBeLessThanOrEqual(live);
  },
);

function partOf(network: Network, lr: number): TrainedPart {
  return { network, optimizer: new Adam({ network }, lr) };
}

/** A step on the oracle's views and labels; how far its losses are from the oracle's. */
async function takeStep(
  expected: Oracle,
  step: number,
  parts: readonly TrainedPart[],
  lossOf: (views: Parameters<typeof finetuneLoss>[4]) => ReturnType<typeof finetuneLoss>,
): Promise<number> {
  const view = ({ data, shape }: TensorData): Promise<Tensor> => imagesOf(data, shape);
  using images = await view(expected(`x1.${step}`));
  using second = await view(expected(`x2.${step}`));
  using labels = await native().tensor(expected(`labels.${step}`).data, [8], 'cpu');
  const { loss, logits, terms = {} } = await lossOf({ images, second, labels });
  await descend(loss, parts);
  const differences: number[] = [];
  for (const name of ['contrast', 'supervised'] as const) {
    const seen = (await terms[name]?.item()) ?? Number.NaN;
    differences.push(Math.abs(seen - Number(expected(name).data[step])));
  }
  for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
  return Math.max(...differences);
}

/** Value and gradient of NT-Xent, through a projection head's weights, against the published function. */
async function compareNtXent(head: Network, expected: Oracle): Promise<void> {
  const addon = native();
  using a = await addon.tensor(expected('nt.a').data, [16, 512], 'cpu');
  using b = await addon.tensor(expected('nt.b').data, [16, 512], 'cpu');
  using viewA = (await head.run(a, { grad: true })).logits;
  using viewB = (await head.run(b, { grad: true })).logits;
  using value = await addon.ntXent(viewA, viewB, settings.temperature);
  const difference = Math.abs((await value.item()) - Number(expected('nt.value').data[0]));
  expectWithin('NT-Xent, difference', difference, 1e-6);
  await value.backward();
  const gradients = await takeData(await head.gradients());
  const worst = largest(gradients, (name) => expected(`nt.grad.${name}`), maxDifference);
  expectWithin('NT-Xent, gradient, max difference', worst, 1e-6);
  expect(Object.keys(gradients)).toHaveLength(4);
  await head.zeroGrad();
}
