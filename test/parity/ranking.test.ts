import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { type Loss, LOSSES } from '../../src/metrics/loss.js';
import type { Architecture } from '../../src/models/architectures.js';
import type { Model } from '../../src/models/model.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { setThreads } from '../../src/native/engine.js';
import { type CriterionName, criterionNamed } from '../../src/neurons/criteria.js';
import { candidateLayers, selectByCriterion } from '../../src/neurons/criterion.js';
import type { ModelLayer } from '../../src/neurons/neuron.js';
import { gradientScores, magnitudeScores } from '../../src/neurons/score.js';
import { countNeurons } from '../../src/neurons/select.js';
import { tinyDominoes } from '../fixtures.js';
import { newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin } from './compare.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const TOP_K = 50;
let loader: BatchLoader;

/** One ranking of the reference: [layer, channel, score], highest first, of so many convolutions and channels. */
interface Ranking {
  readonly convolutions: number;
  readonly channels: number;
  readonly top: readonly (readonly [layer: string, index: number, score: number])[];
}

beforeAll(async () => {
  const dataset = await tinyDominoes(join(folder, 'dominoes'), { train: [24, 4, 4, 16] }, 0, 64);
  loader = await BatchLoader.open(dataset, { device: 'cpu' });
  await setThreads(THREADS);
});

afterAll(() => {
  loader[Symbol.dispose]();
});

/** A model whose batch statistics are those of images, and one batch of them, in files for the reference. */
async function prepare(arch: Architecture): Promise<{ model: Model; batch: string; weights: string }> {
  const model = await newModel(arch, { seed: 11 });
  const [batch, weights] = ['batch', 'weights'].map((name) =>
    join(folder, `${arch}-${name}.safetensors`),
  ) as [string, string];
  const { train } = loader.dataset.splits;
  for await (const batchOfAll of loader.evaluation(train, train.length)) {
    using current = batchOfAll;
    (await model.network.run(current.images, { statistics: 'shared' })).logits.dispose();
    const { images, labels } = current;
    await writeSafetensors(batch, {
      images: { shape: images.shape, data: await images.data() },
      labels: { shape: labels.shape, data: await labels.data() },
    });
  }
  await writeSafetensors(weights, await model.stateDict());
  return { model, batch, weights };
}

describe.each([
  { arch: 'resnet18', all: [20, 4800], noDownsample: [17, 3904], hasGradients: true },
  { arch: 'resnet50', all: [53, 26_560], noDownsample: [49, 22_720], hasGradients: false },
] as const)('$arch', ({ arch, all, noDownsample, hasGradients }) => {
  test('the top 50 neurons equal those of successive maxima', async () => {
    const { model: prepared, weights, batch } = await prepare(arch);
    using model = prepared;
    const asked = { arch, classes: 2, weights, top_k: TOP_K, threads: THREADS };
    const rankings = JSON.parse(
      reference('ranking', { ...asked, batch: hasGradients ? batch : null }),
    ) as Record<`gradient, ${Loss}` | 'gradient-x-weight' | `magnitude, ${'all' | 'no-downsample'}`, Ranking>;

    const { layers } = model.description;
    const { train } = loader.dataset.splits;
    const numbers = { batchSize: train.length };
    const norms = await magnitudeScores(model);
    compare('magnitude, all', 'magnitude', norms, layers, rankings['magnitude, all'], all);
    const ranking = rankings['magnitude, no-downsample'];
    compare('magnitude, no-downsample', 'magnitude', norms, layers, ranking, noDownsample);
    if (!hasGradients) return;
    for (const loss of LOSSES) {
      const scores = await gradientScores(model, loader, train, { ...numbers, loss });
      compare(`gradient, ${loss}`, 'gradient', scores, layers, rankings[`gradient, ${loss}`], all);
    }
    const product = await gradientScores(model, loader, train, { ...numbers, timesWeight: true });
    compare('gradient-x-weight', 'gradient-x-weight', product, layers, rankings['gradient-x-weight'], all);
  });

  function compare(
    what: string,
    name: CriterionName,
    scores: Float32Array,
    layers: readonly ModelLayer[],
    ranking: Ranking,
    counts: readonly [convolutions: number, channels: number],
  ): void {
    const criterion = criterionNamed(name);
    const magnitudeLayers = what.endsWith('no-downsample') ? 'no-downsample' : 'all';
    const candidates = candidateLayers(criterion, layers, { magnitudeLayers });
    expect([candidates.length, countNeurons(candidates)]).toEqual(counts);
    expect([ranking.convolutions, ranking.channels]).toEqual(counts);
    const ours = selectByCriterion(criterion, scores, layers, { magnitudeLayers }, TOP_K);
    const worst = Math.max(
      ...ranking.top.map(([, , score], i) => Math.abs((ours[i]?.score ?? Number.NaN) / score - 1)),
    );
    expectWithin(`${arch} ${what}, scores of the top ${TOP_K}, max relative difference`, worst, 1e-6);
    expect(ours.map(({ layer, index }) => [layer, index])).toEqual(
      ranking.top.map(([layer, index]) => [layer, index]),
    );
  }
});
