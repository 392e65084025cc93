import { createProjectionHead } from '../../src/models/architectures.js';
import { takeData } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { BATCH_NORM_STATISTICS, type Network } from '../../src/native/interface.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { Adam } from '../../src/train/adam.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { FINETUNE_SETTINGS } from '../../src/train/finetune/settings.js';
import { descend, type TrainedPart } from '../../src/train/run.js';
import { imagesOf, newModel, settledTensors } from '../networks.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { askOracle, type Oracle } from './oracle.js';

const places = ['conv1:3', 'layer2.0.conv1:17', 'layer2.0.conv1:90', 'layer4.0.downsample.0:400'];
const neurons = places.map((place) => {
  const [layer = '', index] = place.split(':');
  return { layer, index: Number(index) };
});
const defaults = resolveSettings(FINETUNE_SETTINGS, 'article', {});
const DESIGN = { inputs: 512, hidden: 512, outputs: 128 };
const settings = { seed: 5, steps: 5, lr: 2e-4, temperature: 0.5, lambda: 10 };

type LossOf = (views: Parameters<typeof finetuneLoss>[4]) => ReturnType<typeof finetuneLoss>;

test.each(BATCH_NORM_STATISTICS)(
  'steps of both branches equal plain PyTorch, auxiliary statistics %s',
  async (statistics) => {
    const branches = { mask: places, statistics, weight: settings.lambda };
    const expected = await askOracle('finetune', { ...settings, ...branches });
    const addon = native();
    const live = await settledTensors();
    const generator = new addon.Generator(settings.seed);
    using model = await newModel('resnet18', { generator });
    const head = await createProjectionHead(DESIGN, generator, model.context);
    const optimizerOf = (network: Network) => new Adam({ network }, settings.lr);
    const parts = [model.network, head].map((network) => ({ network, optimizer: optimizerOf(network) }));
    await compareNtXent(head, expected);
    const chosen = { ...defaults, ...settings, statistics };
    let lossDifference = 0;
    for (let step = 0; step < settings.steps; step += 1) {
      const lossOf: LossOf = (views) => finetuneLoss(chosen, model, head, maskNeurons(neurons), views);
      lossDifference = Math.max(lossDifference, await takeStep(expected, step, parts, lossOf));
    }
    expectWithin(`losses of all steps, ${statistics}, difference`, lossDifference, 1e-6);
    const ofModel = largest(await model.stateDict(), (parameter) => expected(`final.${parameter}`));
    const headState = await takeData(await head.state());
    const worst = Math.max(
      ofModel,
      largest(headState, (parameter) => expected(`head.${parameter}`)),
    );
    expectWithin(`weights after all steps, ${statistics}, relative difference`, worst, 1e-5);
    head.dispose();
    expect(addon.liveTensors()).toBe(live);
  },
);

/** A step on the oracle's views and labels; how far its losses are from the oracle's. */
async function takeStep(
  expected: Oracle,
  step: number,
  parts: readonly TrainedPart[],
  lossOf: LossOf,
): Promise<number> {
  const [first, other] = [expected(`x1.${step}`), expected(`x2.${step}`)];
  using images = await imagesOf(first.data, first.shape);
  using second = await imagesOf(other.data, other.shape);
  using labels = await native().tensor(expected(`labels.${step}`).data, [8], 'cpu');
  const { loss, logits, terms = {} } = await lossOf({ images, second, labels });
  await descend(loss, parts);
  const names = ['contrast', 'supervised'] as const;
  const seen = await Promise.all(names.map(async (name) => terms[name]?.item()));
  for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
  const wanted = names.map((name) => Number(expected(name).data[step]));
  return Math.max(...wanted.map((value, i) => Math.abs((seen[i] ?? Number.NaN) - value)));
}

/** Value and gradient of NT-Xent, through a projection head's weights, against the published function. */
async function compareNtXent(head: Network, expected: Oracle): Promise<void> {
  using a = await native().tensor(expected('nt.a').data, [16, 512], 'cpu');
  using b = await native().tensor(expected('nt.b').data, [16, 512], 'cpu');
  using viewA = (await head.run(a, { grad: true })).logits;
  using viewB = (await head.run(b, { grad: true })).logits;
  using value = await native().ntXent(viewA, viewB, settings.temperature);
  const difference = Math.abs((await value.item()) - Number(expected('nt.value').data[0]));
  expectWithin('NT-Xent, difference', difference, 1e-6);
  await value.backward();
  const gradients = await takeData(await head.gradients());
  const worst = largest(gradients, (name) => expected(`nt.grad.${name}`), maxDifference);
  expectWithin('NT-Xent, gradient, max difference', worst, 1e-6);
  expect(Object.keys(gradients)).toHaveLength(4);
  await head.zeroGrad();
}
