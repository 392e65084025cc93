import { createProjectionHead } from '../../src/models/architectures.js';
import { takeData } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { native, type Tensor } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { newModel } from '../networks.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { partOf, takeStep } from './finetuneSteps.js';
import { askOracle, type Oracle } from './oracle.js';
import { THREADS } from './python.js';

const settings = { seed: 6, epochs: 2, steps: 5, lr: 2e-4, temperature: 0.2, lambda: 10, share: 0.9 };
const LOSS = {
  contrast: true,
  features: 'projection',
  statistics: 'shared',
  loss: 'cross-entropy',
  supervised: 'cross-entropy',
  supervisedReduction: 'mean',
  supervisedForward: 'shared',
} as const;

test.each(['last-layer', 'all-layers'] as const)(
  'ten steps of SDCLR in two epochs equal plain PyTorch, supervision of %s',
  async (supervision) => {
    const expected = await askOracle('sdclr', { ...settings, weight: settings.lambda, supervision });
    const addon = native();
    await setThreads(THREADS);
    const live = addon.liveTensors();
    const generator = new addon.Generator(settings.seed);
    using model = await newModel('resnet20', { generator });
    const { network } = model;
    const design = { inputs: 64, hidden: 64, outputs: 128 };
    const head = await createProjectionHead(design, generator, model.context);
    const norms = await network.copyNorms();
    const own = norms.describe();
    expect([own.parameters.length, own.buffers.length]).toEqual([42, 63]);
    const parts = [model.network, head, norms].map((part) => partOf(part, settings.lr));
    {
      using a = await addon.tensor(expected('nt.a').data, [16, 64], 'cpu');
      using b = await addon.tensor(expected('nt.b').data, [16, 64], 'cpu');
      using viewA = await head.forward(a);
      using viewB = await head.forward(b);
      using value = await addon.ntXent(viewA, viewB, settings.temperature);
      const difference = Math.abs((await value.item()) - Number(expected('nt.value').data[0]));
      expectWithin('the published loss, difference', difference, 1e-6);
    }
    let lossDifference = 0;
    for (let epoch = 0; epoch < settings.epochs; epoch += 1) {
      const masks = await network.magnitudeMasks(settings.share);
      await compareMasks(masks, expected, epoch);
      for (let step = epoch * settings.steps; step < (epoch + 1) * settings.steps; step += 1) {
        const taken = takeStep(expected, step, parts, (views) =>
          finetuneLoss({ ...LOSS, ...settings, supervision }, model, head, { masks, norms }, views),
        );
        lossDifference = Math.max(lossDifference, await taken);
      }
      for (const mask of Object.values(masks)) mask.dispose();
    }
    expectWithin(`losses of ten steps, ${supervision}, difference`, lossDifference, 1e-5);
    const final = await model.stateDict();
    const ofNorms = await takeData(await norms.state());
    // The branches' statistics and parameters have parted.
    for (const name of ['bn1.running_mean', 'layer3.2.bn2.weight']) {
      const [one, other] = [final, ofNorms].map((state) => (state[name] as TensorData).data);
      expect(one && other && maxDifference(one, other)).toBeGreaterThan(1e-5);
    }
    expect(ofNorms['bn1.num_batches_tracked']?.data).toEqual(BigInt64Array.of(10n));
    const states = { final, head: await takeData(await head.state()), norms: ofNorms };
    for (const [which, state] of Object.entries(states)) {
      const worst = largest(state, (name) => expected(`${which}.${name}`));
      expectWithin(`${which} after ten steps, ${supervision}, relative difference`, worst, 1e-5);
    }
    head.dispose();
    norms.dispose();
    expect(addon.liveTensors()).toBe(live);
  },
);

/** The first epoch's mask to the bit; the second one's but for weights that rounding moved across the threshold. */
async function compareMasks(
  masks: Readonly<Record<string, Tensor>>,
  expected: Oracle,
  epoch: number,
): Promise<void> {
  let different = 0;
  let pruned = 0;
  let all = 0;
  for (const [name, mask] of Object.entries(masks)) {
    const seen = await mask.data();
    const { data } = expected(`mask.${epoch}.${name}`);
    different += seen.filter((value: number | bigint, i: number) => value !== data[i]).length;
    pruned += seen.filter((value: number | bigint) => value === 0).length;
    all += seen.length;
  }
  const tolerance = epoch === 0 ? 0 : 1e-5;
  expectWithin(`mask of epoch ${epoch + 1}, share of weights that differ`, different / all, tolerance);
  expect(pruned).toBe(Math.ceil(settings.share * all));
}
