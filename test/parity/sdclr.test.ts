import { join } from 'node:path';
import { createProjectionHead } from '../../src/models/architectures.js';
import { Model, takeData } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native, type Tensor } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { Adam } from '../../src/train/adam.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { descend } from '../../src/train/trainer.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, relativeDifference, report } from './compare.js';
import { type Oracle, oracleOf } from './oracle.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
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
    const out = join(folder, `${supervision}.safetensors`);
    reference('sdclr', { ...settings, weight: settings.lambda, supervision, threads: THREADS, out });
    const expected = oracleOf((await readSafetensors(out)).tensors);
    const addon = native();
    await setThreads(THREADS);
    const live = addon.liveTensors();
    const generator = new addon.Generator(settings.seed);
    using model = await Model.create({ arch: 'resnet20', numClasses: 2, generator, device: 'cpu' });
    const { network } = model;
    const design = { inputs: 64, hidden: 64, outputs: 128 };
    const head = await createProjectionHead(design, generator, model.context);
    const norms = await network.copyNorms();
    const own = norms.describe();
    expect([own.parameters.length, own.buffers.length]).toEqual([42, 63]);
    const parts = [model.network, head, norms].map((part) => ({
      network: part,
      optimizer: new Adam({ network: part }, settings.lr),
    }));
    const batch = async (name: string, shape: readonly number[]): Promise<Tensor> =>
      addon.tensor(expected(name).data, shape, 'cpu');
    {
      using a = await batch('nt.a', [16, 64]);
      using b = await batch('nt.b', [16, 64]);
      using viewA = await head.forward(a);
      using viewB = await head.forward(b);
      using value = await addon.ntXent(viewA, viewB, settings.temperature);
      const difference = Math.abs((await value.item()) - Number(expected('nt.value').data[0]));
      report('the published loss, difference', difference, 1e-6);
      expect(difference).toBeLessThanOrEqual(1e-6);
    }
    let lossDifference = 0;
    for (let epoch = 0; epoch < settings.epochs; epoch += 1) {
      const masks = await network.magnitudeMasks(settings.share);
      await compareMasks(masks, expected, epoch);
      for (let step = epoch * settings.steps; step < (epoch + 1) * settings.steps; step += 1) {
        using x1 = await batch(`x1.${step}`, [8, 3, 32, 16]);
        using x2 = await batch(`x2.${step}`, [8, 3, 32, 16]);
        using labels = await batch(`labels.${step}`, [8]);
        using images = await x1.channelsLast();
        using second = await x2.channelsLast();
        const ofBatch = { images, second, labels };
        const {
          loss,
          logits,
          terms = {},
        } = await finetuneLoss({ ...LOSS, ...settings, supervision }, model, head, { masks, norms }, ofBatch);
        await descend(loss, parts);
        for (const name of ['contrast', 'supervised'] as const) {
          const seen = (await terms[name]?.item()) ?? Number.NaN;
          lossDifference = Math.max(lossDifference, Math.abs(seen - Number(expected(name).data[step])));
        }
        for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
      }
      for (const mask of Object.values(masks)) mask.dispose();
    }
    report(`losses of ten steps, ${supervision}, difference`, lossDifference, 1e-5);
    expect(lossDifference).toBeLessThanOrEqual(1e-5);
    const final = await model.stateDict();
    const ofNorms = await takeData(await norms.state());
    // The branches' statistics and parameters have parted.
    for (const name of ['bn1.running_mean', 'layer3.2.bn2.weight']) {
      expect(maxDifference(dataOf(final, name), dataOf(ofNorms, name))).toBeGreaterThan(1e-5);
    }
    expect(Number(dataOf(ofNorms, 'bn1.num_batches_tracked')[0])).toBe(10);
    const states = { final, head: await takeData(await head.state()), norms: ofNorms };
    for (const [which, state] of Object.entries(states)) {
      const worst = Math.max(
        ...Object.entries(state).map(([name, { data }]) =>
          relativeDifference(data, expected(`${which}.${name}`).data),
        ),
      );
      report(`${which} after ten steps, ${supervision}, relative difference`, worst, 1e-5);
      expect(worst).toBeLessThanOrEqual(1e-5);
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
  report(`mask of epoch ${epoch + 1}, share of weights that differ`, different / all, tolerance);
  expect(different / all).toBeLessThanOrEqual(tolerance);
  expect(pruned).toBe(Math.ceil(settings.share * all));
}

function dataOf(state: Readonly<Record<string, TensorData>>, name: string): TensorData['data'] {
  return (state[name] as TensorData).data;
}
