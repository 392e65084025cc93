import { takeData } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { resolveSettings } from '../../src/settings/setting.js';
import { finetuneLoss } from '../../src/train/finetune/loss.js';
import { FINETUNE_SETTINGS } from '../../src/train/finetune/settings.js';
import { newModel } from '../networks.js';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

test.each([
  ['mse', 12],
  ['cross-entropy', 4],
] as const)('the supervised %s is a mean over %d numbers, or their sum', async (supervised, count) => {
  const addon = native();
  const generator = new addon.Generator(1);
  using model = await newModel('resnet20', { numClasses: 3, generator });
  using images = await addon.tensor(generator.randn(4 * 3 * 16 * 16), [4, 3, 16, 16], 'cpu');
  const classes = [0, 2, 1, 2];
  using labels = await addon.tensor(Int32Array.from(classes), [4], 'cpu');
  const defaults = resolveSettings(FINETUNE_SETTINGS, 'article', {});
  const gradients: number[] = [];
  for (const supervisedReduction of ['mean', 'sum'] as const) {
    const settings = { ...defaults, contrast: false, lambda: 3, supervised, supervisedReduction };
    const views = { images, second: images, labels };
    const { loss, logits, terms = {} } = await finetuneLoss(settings, model, undefined, {}, views);
    const outputs = [...((await logits.data()) as Float32Array)].map(Math.exp);
    const errors = classes.flatMap((label, i) => {
      const row = outputs.slice(3 * i, 3 * i + 3);
      const shares = row.map((value) => value / sum(row));
      return supervised === 'mse'
        ? shares.map((share, y) => (share - Number(y === label)) ** 2)
        : [-Math.log(shares[label] as number)];
    });
    expect(errors).toHaveLength(count);
    expect(await loss.item()).toBeCloseTo((3 * sum(errors)) / (supervisedReduction === 'sum' ? 1 : count), 4);
    // As a half of a batch, whose step counts by that half: the sum of the whole needs the mean twice as often.
    const half = { ...views, part: { offset: 0, total: 8 } };
    const ofHalf = await finetuneLoss(settings, model, undefined, {}, half);
    const times = supervisedReduction === 'sum' ? 2 : 1;
    expect((await ofHalf.loss.item()) / (await loss.item())).toBeCloseTo(times, 4);
    for (const made of [ofHalf.loss, ofHalf.logits, ...Object.values(ofHalf.terms ?? {})]) made.dispose();
    await model.network.zeroGrad();
    await loss.backward();
    const { 'fc.bias': bias } = await takeData(await model.network.gradients());
    gradients.push(Number(bias?.data[0]));
    for (const made of [loss, logits, ...Object.values(terms)]) made.dispose();
  }
  const [ofMean = Number.NaN, ofSum = Number.NaN] = gradients;
  expect(ofSum / ofMean).toBeCloseTo(count, 3);
});
