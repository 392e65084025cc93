import { join } from 'node:path';
import { RANK_BIN } from '../../src/experiments/results.js';
import { minimalScores } from '../../src/experiments/traceMinimal.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { selectTopK } from '../../src/neurons/select.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { trainOptions } from '../cli/support.js';
import { bestOf, ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, relativeDifference } from './compare.js';
import { askOracle } from './oracle.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);
let session: TraceSession;

beforeAll(async () => {
  await tinyDominoes(at('data'));
  await ermRun(trainOptions(at('data'), at('run')));
  // Batches of 7, whose gradients add up in another order than the reference's.
  session = await TraceSession.open({ run: at('run'), device: 'cpu', threads: THREADS, batchSize: 7 });
});

afterAll(() => {
  session[Symbol.dispose]();
});

test('a step\u2019s scores are PyTorch\u2019s, whatever is zeroed already', async () => {
  const { model, loader, dataset } = session;
  const { train } = dataset.splits;
  const [example = -1, ...others] = [...train.slice(40, 61)];
  await writeSafetensors(at('weights'), await model.stateDict());
  for await (const batch of loader.evaluation(Int32Array.of(example, ...others), 21)) {
    using current = batch;
    const { images, labels } = current;
    await writeSafetensors(at('batch'), {
      images: { shape: images.shape, data: await images.data() },
      labels: { shape: labels.shape, data: await labels.data() },
    });
  }
  // The example is left out of the reference examples that it is one of.
  const withExample = Int32Array.of(...others.slice(0, 5), example, ...others.slice(5));
  const zeroed: { layer: string; index: number }[] = [];
  for (let step = 0; step < 3; step += 1) {
    const scores = await minimalScores(session, example, withExample, zeroed);
    const model = { arch: 'resnet20', classes: 2, weights: at('weights'), batch: at('batch') };
    const places = zeroed.map(({ layer, index }) => `${layer}:${index}`);
    const expected = (await askOracle('minimal', { ...model, zeroed: places }))('scores');
    const difference = relativeDifference(scores, expected.data);
    expectWithin(`minimal scores with ${step} neurons zeroed, relative difference`, difference, 5e-6);
    const [top] = selectTopK(scores, session.unitLayers, 1);
    expect([top]).toEqual([
      { ...selectTopK(expected.data as Float32Array, session.unitLayers, 1)[0], score: top?.score },
    ]);
    for (const neuron of zeroed) expect(Math.abs(scores[session.position(neuron)] ?? 1)).toBe(0);
    if (top) zeroed.push(top);
  }
  expect(zeroed).toHaveLength(3);
});

test('ranks by magnitude equal PyTorch\u2019s in all three readings of Fig. 3', async () => {
  const result = await traceOverlap({ run: at('run'), seed: 0, device: 'cpu', threads: 1, fraction: 0.01 });
  const byMagnitude = result.entries.filter(({ rankedBy }) => rankedBy === 'magnitude');
  const groups = new Set(byMagnitude.map(({ group }) => group));
  expect(groups.size).toBe(4);
  for (const group of groups) {
    const entries = byMagnitude.filter((entry) => entry.group === group);
    expect(entries.map(({ reading }) => reading)).toEqual(['model', 'layer', 'weights']);
    const neurons = entries[0]?.neurons ?? [];
    expect(neurons.length).toBe(8);
    const oracle = JSON.parse(
      reference('overlap', {
        weights: bestOf(new RunFolder(at('run'))),
        bin: RANK_BIN,
        neurons: neurons.map(({ layer, index }) => [layer, index]),
      }),
    ) as { ranks: Record<string, number>[]; counts: number[] };
    for (const { reading = '', neurons: ranked, counts } of entries) {
      const worst = Math.max(
        ...ranked.map(({ percentile }, i) =>
          Math.abs(percentile - (oracle.ranks[i]?.[reading] ?? Number.NaN)),
        ),
      );
      expectWithin(`Fig. 3, ranks among ${reading}, group ${group}, max difference in percent`, worst, 1e-9);
      if (counts) expect(counts).toEqual(oracle.counts);
    }
  }
});
