import { join } from 'node:path';
import { compareWithRandom } from '../../src/experiments/compareWithRandom.js';
import { evaluateVariants } from '../../src/experiments/evaluateVariants.js';
import { type GroupOutcome, OUTCOMES } from '../../src/experiments/outcomes.js';
import type { SetComparisons } from '../../src/experiments/results.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { monteCarloTest } from '../../src/metrics/monteCarlo.js';
import { native } from '../../src/native/addon.js';
import type { NeuronPlace } from '../../src/neurons/neuron.js';
import { NULL_NAMES, NULLS } from '../../src/neurons/nulls.js';
import { maskNeurons, ZERO } from '../../src/neurons/perturb.js';
import { tracedRun } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const common = { seed: 3, device: 'cpu', threads: 0 };
const rule = { nullDraws: 12, exceedances: 3, nulls: NULL_NAMES };

beforeAll(async () => {
  await tracedRun(data, run);
});

/** Each example's logits under a mask, one by one: right or not, margin, loss. */
async function judgedAlone(session: TraceSession, neurons: readonly NeuronPlace[]): Promise<number[][]> {
  const { dataset, model, loader } = session;
  return whilePerturbed(model, maskNeurons(neurons).edits, async () => {
    const judged: number[][] = [];
    for await (const batch of loader.evaluation(dataset.splits.train, 32)) {
      using current = batch;
      using logits = (await model.network.run(current.images)).logits;
      const values = [...((await logits.data()) as Float32Array)];
      current.indices.forEach((index, i) => {
        const [a = 0, b = 0] = values.slice(2 * i, 2 * i + 2);
        const margin = dataset.labels[index] === 0 ? a - b : b - a;
        const right = dataset.labels[index] === 0 ? a >= b : b > a;
        judged.push([Number(right), margin, Math.log1p(Math.exp(-margin))]);
      });
    }
    return judged;
  });
}

test('each test is that of evaluating each draw alone, on the same examples, for every null and outcome', async () => {
  using session = await TraceSession.open({ ...common, run });
  const { dataset, model, loader } = session;
  const neurons = [
    { layer: 'layer1.0.conv1', index: 3 },
    { layer: 'conv1', index: 1 },
  ];
  const groups = [0, 1, 2, 3];
  const { train } = dataset.splits;
  const live = await settledTensors();
  const { variants } = await evaluateVariants(model, loader, train, [maskNeurons(neurons)], {
    batchSize: 32,
    task: 'chosen',
  });
  const outcomes = variants as (readonly GroupOutcome[])[];
  const set = { neurons, groups, perturbation: ZERO, outcomes };
  const random = await compareWithRandom(session, train, [set], rule);
  expect(native().liveTensors()).toBe(live);
  expect(random?.cost.naiveForwards).toBeGreaterThan(0);

  const before = await judgedAlone(session, []);
  const memberOf = (group: number): ((index: number) => boolean) => {
    return (i) => dataset.groups[train[i] as number] === group;
  };
  const isMinority = (i: number): boolean =>
    dataset.minorityGroups.includes(dataset.groups[train[i] as number] as number);
  const meanChange = (after: number[][], outcome: number, of: (i: number) => boolean): number => {
    const changes = after.map((values, i) => (values[outcome] ?? 0) - (before[i]?.[outcome] ?? 0));
    const own = changes.filter((_, i) => of(i));
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  };
  const chosen = await judgedAlone(session, neurons);
  const seeds = new (native().Generator)(common.seed);
  const magnitudes = await session.magnitudes();
  for (const null_ of NULLS) {
    const generator = new (native().Generator)(seeds.random());
    const draw = null_.drawer(neurons, { layers: session.unitLayers, magnitudes });
    const drawn: number[][][] = [];
    for (let i = 0; i < rule.nullDraws; i += 1) drawn.push(await judgedAlone(session, draw(generator)));
    const found = random?.comparisons[0]?.[null_.name];
    for (const [o, outcome] of OUTCOMES.entries()) {
      const expectTest = (test: object | undefined, statistic: (after: number[][]) => number): void => {
        const alone = monteCarloTest(statistic(chosen), drawn.map(statistic), {
          exceedances: rule.exceedances,
          nullDraws: rule.nullDraws,
        });
        const { interval, ...numbers } = { ...test } as { interval: [number, number] } & Record<
          string,
          number
        >;
        expect(interval[0]).toBeCloseTo(alone?.interval[0] ?? Number.NaN, 4);
        expect(interval[1]).toBeCloseTo(alone?.interval[1] ?? Number.NaN, 4);
        expect(numbers.draws).toBe(alone?.draws);
        expect(numbers.pValue).toBeCloseTo(alone?.pValue ?? Number.NaN, 12);
        expect(numbers.pDrop).toBeCloseTo(alone?.pDrop ?? Number.NaN, 12);
        expect(numbers.mean).toBeCloseTo(alone?.mean ?? Number.NaN, 4);
        expect(numbers.change).toBeCloseTo(statistic(chosen), 4);
      };
      for (const group of groups) {
        expectTest(found?.groups[group]?.[outcome], (after) => meanChange(after, o, memberOf(group)));
      }
      expectTest(
        found?.difference?.[outcome],
        (after) => meanChange(after, o, isMinority) - meanChange(after, o, (i) => !isMinority(i)),
      );
    }
  }
  const alone = await compareWithRandom(session, train, [set], { ...rule, nulls: ['whole-model'] });
  expect(alone?.comparisons).toEqual([{ 'whole-model': random?.comparisons[0]?.['whole-model'] }]);
  expect(await compareWithRandom(session, train, [set], { ...rule, nullDraws: 0 })).toBeNull();
});

test('every trace has them, and the same seed gives the same', async () => {
  const asked = { nullDraws: 5, exceedances: 3, samples: 8 };
  const options = { ...common, run, criteria: ['magnitude'] as const, topK: [1], ...asked };
  const noise = { ...options, perturbation: 'noise', sigmas: [0.5, 0.1], repeats: 2 } as const;
  const result = await traceUnstructured(noise);
  expect(result).toMatchObject({ ...asked, nulls: NULL_NAMES, comparedTopK: [1] });
  expect(result.nullCost?.naiveForwards).toBeGreaterThan(0);
  for (const entry of result.entries) {
    const comparisons = entry.comparisons as SetComparisons;
    for (const { groups, difference } of Object.values(comparisons)) {
      expect(groups).toHaveLength(4);
      for (const tests of [...groups, difference]) {
        for (const outcome of OUTCOMES) {
          const { pValue, pDrop, draws, interval } = tests?.[outcome] ?? {};
          expect(pValue).toBeGreaterThanOrEqual(1 / 6);
          expect(pDrop).toBeGreaterThanOrEqual(1 / 6);
          expect(draws).toBeLessThanOrEqual(5);
          expect(interval?.[0]).toBeLessThanOrEqual(interval?.[1] ?? Number.NaN);
        }
      }
    }
  }
  // Random neurons get the noise of their set.
  const meansOf = (wanted: number) =>
    result.entries
      .filter(({ sigma }) => sigma === wanted)
      .map(({ comparisons }) => comparisons?.['same-layers']?.groups.map((tests) => tests?.loss.mean));
  expect(meansOf(0.5)).toHaveLength(4);
  expect(meansOf(0.5)).not.toEqual(meansOf(0.1));
  expect(await traceUnstructured(noise)).toEqual(result);
  // Those that draw have none by default: each draw would take every seed.
  const { nullDraws: _none, ...plain } = noise;
  expect(await traceUnstructured(plain)).toMatchObject({ nullDraws: 0, nullCost: null });

  const layers = await traceStructured({ ...options, nullDraws: 2, exceedances: 1 });
  for (const { comparisons: found, group } of layers.entries) {
    const comparisons = found as SetComparisons;
    for (const { groups, difference } of Object.values(comparisons)) {
      expect(difference).toBeNull();
      expect(groups.map((tests) => tests !== null)).toEqual([0, 1, 2, 3].map((other) => other === group));
    }
  }
  expect((await traceStructured({ ...options, nullDraws: 0 })).nullCost).toBeNull();
  await expect(traceStructured({ ...options, nullDraws: -1 })).rejects.toThrow(
    /`nullDraws` is -1: it takes a whole number from 0 to 100000/,
  );
});
