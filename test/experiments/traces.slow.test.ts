import { appendFile, cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { traceOverlap } from '../../src/experiments/traceOverlap.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { type TraceOptions, traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { mean, median } from '../../src/metrics/statistics.js';
import { Model } from '../../src/models/model.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { ARTICLE_CRITERIA } from '../../src/neurons/criteria.js';
import { gradient } from '../../src/neurons/criteria/gradient.js';
import type { Criterion } from '../../src/neurons/criterion.js';
import { placeText } from '../../src/neurons/neuron.js';
import { maskNeurons, perturbedVariants } from '../../src/neurons/perturb.js';
import { gradientScores, magnitudeScores } from '../../src/neurons/score.js';
import { setsOf } from '../../src/report/changes.js';
import { lostImages } from '../../src/report/figures/lostImages.js';
import { groupLabels } from '../../src/report/groupLabels.js';
import { changeRows } from '../../src/report/rows.js';
import { readRunReport, writeReport } from '../../src/report/writeReport.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf, recordedIn, tracedRun } from '../fixtures.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const common = { seed: 0, device: 'cpu', threads: 0 };
const traced = { ...common, nullDraws: 0 };
const options: TraceOptions = { ...traced, run, criteria: ARTICLE_CRITERIA, topK: [1, 2, 3] };

beforeAll(async () => {
  await tracedRun(data, run);
});

/** The positions in a split of a group's examples. */
const ofGroup = ({ groups }: Dataset, examples: Int32Array, group: number): number[] =>
  [...examples.keys()].filter((i) => groups[examples[i] as number] === group);

const meanChange = (before: Float32Array, after: Float32Array, positions: readonly number[]): number =>
  mean(positions.map((i) => (after[i] as number) - (before[i] as number)));

test('zeroes the top k for each criterion and group, and measures every group', async () => {
  const result = await traceUnstructured(options);
  expect(result.groups?.map(({ minority }) => minority)).toEqual([false, true, true, false]);
  expect(result.groups?.[2]?.name).toBe('coat, digit 0');
  expect(result.entries).toHaveLength(2 * 4 * 3);
  for (const { neurons, k, accuracy, change } of result.entries) {
    expect(neurons).toHaveLength(k);
    expect(neurons.map(({ score }) => score)).toEqual(
      neurons.map(({ score }) => score).sort((a, b) => b - a),
    );
    for (const [g, value] of accuracy.entries()) {
      expect(change[g]).toBeCloseTo(value - (result.baseline.accuracy[g] ?? 0), 12);
    }
  }
  const magnitude = result.entries.filter(({ criterion }) => criterion === 'magnitude');
  for (const k of [1, 2, 3]) {
    const ofGroups = magnitude
      .filter((entry) => entry.k === k)
      .map(({ neurons, change }) => ({ neurons, change }));
    expect(ofGroups).toHaveLength(4);
    expect(new Set(ofGroups.map((entry) => JSON.stringify(entry))).size).toBe(1);
  }
  // JSON leaves out what is undefined.
  expect(recordedIn(new RunFolder(run).result('trace-unstructured'))).toEqual(
    JSON.parse(JSON.stringify(result)),
  );
  // Again, by the defaults: the article's criteria, the top 1, 2 and 3, seed 0.
  const { seed: _seed, criteria: _criteria, topK: _topK, ...rest } = options;
  expect(await traceUnstructured(rest)).toEqual(result);
});

test('names and shows what a group lost to its own neurons, and is not read without that', async () => {
  // Without all neurons a network has one answer.
  const topK = [1, 60, 784];
  const result = await traceUnstructured({ ...options, criteria: ['gradient'], topK });
  const dataset = await loadDataset(data);
  const own = result.entries.flatMap(({ group, lost }) => lost[group] ?? []);
  expect(own).toHaveLength(4 * topK.length);
  expect(own.some(({ count }) => count > 0)).toBe(true);
  for (const { lost, change } of result.entries) {
    for (const [group, { count, first }] of lost.entries()) {
      expect(first).toHaveLength(Math.min(count, 12));
      expect(count / (result.baseline.total[group] ?? 0)).toBeGreaterThanOrEqual(
        -(change[group] ?? 0) - 1e-12,
      );
      for (const { example, predicted } of first) {
        expect(dataset.groups[example]).toBe(group);
        expect(predicted).not.toBe(dataset.labels[example]);
      }
    }
  }
  const shown = new Set(own.flatMap(({ first }) => first.map(({ example }) => example)));
  expect(new Set(result.pictures.map(({ example }) => example))).toEqual(shown);
  const [picture] = result.pictures;
  const original = dataset.examples[picture?.example ?? 0]?.filename ?? '';
  expect(picture?.filename).toBe(original);
  // As large as the file's own pixels, and the same ones.
  expect(picture?.image).toMatchObject({ width: 16, height: 32 });
  const png = Buffer.from(picture?.image.dataUri.split(',')[1] ?? '', 'base64');
  const pixelsOf = async (from: Buffer | string) =>
    (await sharp(from).removeAlpha().raw().toBuffer()).toString('hex');
  expect(await pixelsOf(png)).toBe(await pixelsOf(join(data, original)));

  const shownImages = lostImages(result, groupLabels(dataset), dataset.targetNames)?.text ?? '';
  const name = dataset.groupNames[picture?.group ?? 0] ?? '';
  const alt = new RegExp(`alt="${original} of group G\\d\\*? ${name}: class \\w+, predicted \\w+"`);
  expect(alt.test(shownImages)).toBe(true);
  const path = new RunFolder(run).result('trace-unstructured');
  await writeFile(path, JSON.stringify({ ...result, checkpoint: 'replaced' }));
  await failure(
    readRunReport({ run }),
    'RUN_INVALID',
    'The result trace-unstructured of',
    'of other weights',
  );
  // A result of another format.
  const { pictures: _pictures, ...rest } = result;
  const entries = rest.entries.map(({ lost: _lost, ...entry }) => entry);
  await writeFile(path, JSON.stringify({ ...rest, entries }));
  const { message } = await failure(readRunReport({ run }), 'RUN_INVALID');
  expect(message).toMatch(
    /trace-unstructured\.json is damaged: pictures: .*; entries\.0\.lost: .*; and \d+ more\. Delete it and run again\.$/,
  );
});

test('in another precision than the run\u2019s, the result counts the predictions that it changes', async () => {
  const top = { ...options, topK: [1] };
  const { precision, baseline, entries } = await traceUnstructured({ ...top, precision: 'bf16' });
  expect(precision).toMatchObject({ precision: 'bf16', ofRun: 'fp32', total: 82 });
  // Counted from both sessions' predictions.
  const inFp32 = await traceUnstructured(top);
  expect(inFp32).not.toHaveProperty('precision');
  expect(baseline.correct).toHaveLength(inFp32.baseline.correct.length);
  const found: Int32Array[] = [];
  for (const own of ['bf16', 'fp32'] as const) {
    using session = await TraceSession.open({ ...common, run, precision: own });
    const { model, loader, dataset } = session;
    found.push(
      (await evaluateModel(model, loader, dataset.splits.train, { batchSize: 32, task: own })).predictions,
    );
  }
  expect(precision?.changed).toBe(found[0]?.filter((label, i) => label !== found[1]?.[i]).length);
  // It computes otherwise, and the neurons are nearly the same.
  const scoresOf = (result: typeof inFp32) => result.entries.map(({ neurons }) => neurons[0]?.score ?? 0);
  expect(scoresOf({ ...inFp32, entries })).not.toEqual(scoresOf(inFp32));
  for (const [i, score] of scoresOf({ ...inFp32, entries }).entries()) {
    expect(Math.abs(score / (scoresOf(inFp32)[i] ?? 0) - 1)).toBeLessThan(0.2);
  }
});

test('takes a dataset that is loaded already', async () => {
  const dataset = await loadDataset(data);
  using session = await TraceSession.open({ ...common, run, data: dataset });
  expect(session.dataset).toBe(dataset);
});

test('k beyond the model\u2019s neurons is refused before the long work', async () => {
  const steps: string[] = [];
  const onProgress = ({ task }: { task: string }) => steps.push(task);
  const compared = traceUnstructured({ ...options, comparedTopK: [1, 4], onProgress });
  await expect(compared).rejects.toThrow('`comparedTopK` names 4, which is none of `topK`: 1, 2, 3.');
  const attempt = traceUnstructured({ ...options, topK: [1, 785], onProgress });
  await expect(attempt).rejects.toThrow(/top 785 neurons \(`topK`\): the model has 784/);
  expect(steps).toEqual([]);
});

test('structured tracing gives what zeroing each layer\u2019s neurons alone gives', async () => {
  const result = await traceStructured({ ...traced, run, criteria: ARTICLE_CRITERIA, topK: [1, 2] });
  expect(result.layers).toHaveLength(21);
  expect(result.entries).toHaveLength(2 * 4 * 21 * 2);
  expect(result.cost.ratio).toBeLessThan(0.3);

  using session = await TraceSession.open({ ...common, run });
  const { model, loader, dataset } = session;
  const { train: examples } = dataset.splits;
  const evaluated = () => evaluateModel(model, loader, examples, { batchSize: 32, task: 'alone' });
  const before = await evaluated();
  for (const entry of result.entries.filter((_, i) => i % 37 === 0)) {
    expect(entry.neurons.every(({ layer }) => layer === entry.layer)).toBe(true);
    const alone = await whilePerturbed(model, maskNeurons(entry.neurons).edits, evaluated);
    const loss = meanChange(before.losses, alone.losses, ofGroup(dataset, examples, entry.group));
    expect(entry.loss).toBeCloseTo(loss, 4);
    expect(loss).not.toBe(0);
    expect(entry.accuracy).toBe(alone.accuracies.accuracy[entry.group]);
    expect(entry.change).toBeCloseTo(entry.accuracy - (result.baseline.accuracy[entry.group] ?? 0), 12);
  }
});

test('noise is averaged over seeds, for each sigma', async () => {
  const perturbation = 'noise' as const;
  const repeats = 3;
  const sigmas = [0.005, 1];
  const perturbed = { ...options, criteria: ['magnitude'] as const, topK: [2], perturbation, sigmas };
  const result = await traceUnstructured({ ...perturbed, repeats, split: 'test' });
  expect(result.seeds).toEqual([0, 1, 2]);
  expect(result.entries.map(({ sigma }) => sigma)).toEqual([0.005, 1, 0.005, 1, 0.005, 1, 0.005, 1]);

  const alone: (typeof result)[] = [];
  for (const seed of result.seeds) {
    alone.push(await traceUnstructured({ ...perturbed, seed, repeats: 1, split: 'test' }));
  }
  // The seeds draw different values.
  const entries = alone.map((one) => one.entries[1]);
  expect(new Set(entries.map((entry) => JSON.stringify(entry?.loss))).size).toBe(repeats);
  // One of them as perturbing its neurons alone gives it.
  const [, own] = entries;
  using session = await TraceSession.open({ ...common, run });
  const { model, loader, dataset } = session;
  const { test: examples } = dataset.splits;
  const evaluated = () => evaluateModel(model, loader, examples, { batchSize: 32, task: 'alone' });
  const [variant] = perturbedVariants(
    own?.neurons ?? [],
    { kind: perturbation, sigma: own?.sigma ?? 0, seeds: [1] },
    model.description.layers,
  );
  const before = await evaluated();
  const after = await whilePerturbed(model, variant?.edits ?? [], evaluated);
  expect(own?.accuracy).toEqual(after.accuracies.accuracy);
  for (const [group, change] of (own?.loss ?? []).entries()) {
    const loss = meanChange(before.losses, after.losses, ofGroup(dataset, examples, group));
    expect(change).toBeCloseTo(loss, 4);
    expect(change).not.toBe(0);
  }
  for (const [i, entry] of result.entries.entries()) {
    const changes = alone.map(({ entries }) => entries[i]?.change ?? []);
    for (const [g, change] of entry.change.entries()) {
      const ofSeeds = changes.map((row) => row[g] ?? Number.NaN);
      const mean = ofSeeds.reduce((sum, value) => sum + value, 0) / repeats;
      const variance = ofSeeds.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (repeats - 1);
      expect(change).toBeCloseTo(mean, 12);
      expect(entry.changeStd?.[g]).toBeCloseTo(Math.sqrt(variance), 12);
    }
  }
});

test('the overlap ranks each criterion\u2019s top neurons under the other', async () => {
  const fraction = 0.003;
  const result = await traceOverlap({ ...common, run, fraction });
  expect(result.count).toBe(3);
  expect(result.entries).toHaveLength(4 * 2 * 3);
  using session = await TraceSession.open({ ...common, run });
  // By the first value above it: counting 270,256 values for each of the weights takes half a minute.
  const rank = (ascending: Float32Array, score: number): number => {
    let [low, high] = [0, ascending.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ascending[middle] as number) <= score) low = middle + 1;
      else high = middle;
    }
    return (100 * low) / ascending.length;
  };
  const ofScores = new Map<string, readonly [Float32Array, Float32Array, Float32Array]>();
  for (const { reading, group, rankedBy, neurons, counts } of result.entries) {
    const key = `${rankedBy} ${group}`;
    const known = ofScores.get(key);
    const all = known ?? [await session.scores(rankedBy, group), await session.weightScores(rankedBy, group)];
    const [scores, weights, sortedWeights = weights.toSorted()] = all;
    ofScores.set(key, [scores, weights, sortedWeights]);
    expect([scores.length, weights.length]).toEqual([784, 270_256]);
    const ofWeights: number[] = [];
    for (const neuron of neurons) {
      const score = scores[session.position(neuron)] ?? Number.NaN;
      if (reading === 'weights') {
        const own = session.weightsOf(weights, neuron);
        // The neuron's score is the norm of its weights' scores.
        expect(Math.hypot(...own)).toBeCloseTo(score, 4);
        const ranks = Array.from(own, (value) => rank(sortedWeights, value));
        expect(neuron.percentile).toBeCloseTo(median(ranks), 10);
        ofWeights.push(...ranks);
      } else {
        const among = reading === 'layer' ? session.ofLayer(scores, neuron.layer) : scores;
        expect(neuron.percentile).toBeCloseTo(rank(among.toSorted(), score), 10);
      }
    }
    const inRightmost = ofWeights.filter((percentile) => percentile >= 95).length;
    expect(counts?.slice(-2).reduce((sum, count) => sum + count, 0)).toBe(
      reading === 'weights' ? inRightmost : undefined,
    );
  }
});

test('the overlap ranks the criteria that are asked for, two at least', async () => {
  const criteria = ['gradient', 'gradient-x-weight'] as const;
  const { entries } = await traceOverlap({ ...common, run, criteria, fraction: 0.006 });
  const pairs = new Set(entries.map(({ chosenBy, rankedBy }) => `${chosenBy} by ${rankedBy}`));
  expect([...pairs].sort()).toEqual(['gradient by gradient-x-weight', 'gradient-x-weight by gradient']);
  const { entries: ofOutputs } = await traceOverlap({ ...common, run, criteria: ['gradient', 'unitmem'] });
  const readings = ofOutputs.filter(({ rankedBy }) => rankedBy === 'unitmem').map(({ reading }) => reading);
  expect(new Set(readings)).toEqual(new Set(['model', 'layer']));
  for (const few of [['gradient'], ['gradient', 'gradient']] as const) {
    const error = await failure(traceOverlap({ ...common, run, criteria: few }), 'USAGE');
    expect(error).toMatchObject({ parameter: 'criteria', value: few });
    expect(error.message).toContain('2 different ones or more');
  }
});

test('gradient x weight is the growth of the loss where a neuron shrinks', async () => {
  using session = await TraceSession.open({ ...common, run });
  const { model, loader, dataset } = session;
  const indices = dataset.splits.train.filter((index) => dataset.groups[index] === 2);
  const scores = await gradientScores(model, loader, indices, { batchSize: 5, timesWeight: true });
  const byScore = [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const share = 0.001;
  const weights = await model.stateDict();
  for (const position of [...byScore.slice(0, 3), ...byScore.slice(-3)]) {
    const [layer, index] = placeOf(session, position);
    const parameter = weights[`${layer}.weight`];
    if (!parameter) throw new Error(`${layer} has no weight`);
    const size = parameter.data.length / (parameter.shape[0] as number);
    const weight = (parameter.data as Float32Array).slice(index * size, (index + 1) * size);
    const lossAfter = async (step: number): Promise<number> => {
      const values = weight.map((value) => step * value);
      const edit = { layer, unit: 'neuron', kind: 'add', neurons: Int32Array.of(index), values } as const;
      const { loss } = await whilePerturbed(model, [edit], () =>
        evaluateModel(model, loader, indices, { batchSize: 32, task: 'changed' }),
      );
      return loss;
    };
    // Central, so that the loss's curvature cancels.
    const growth = ((await lossAfter(-share)) - (await lossAfter(share))) / (2 * share);
    const score = scores[position] as number;
    expect(Math.abs(growth - score)).toBeLessThan(0.05 * Math.abs(score));
  }
});

test('the contrast takes gradient x weight of the other groups of the class away, which must have images', async () => {
  using session = await TraceSession.open({ ...common, run });
  for (const [group, other] of [1, 0, 3, 2].entries()) {
    const contrast = await session.scores('gradient-x-weight-contrast', group);
    const own = await session.scores('gradient-x-weight', group);
    const others = await session.scores('gradient-x-weight', other);
    expect(contrast).toEqual(own.map((score, i) => score - (others[i] as number)));
  }

  const columns = { filename: 'img_filename', y: 'y', split: 'split' };
  const classes = { ...common, data, datasetOptions: { columns }, out: join(folder, 'classes') };
  await trainErm({ ...classes, arch: 'resnet20', epochs: 1, batchSize: 20, select: 'last' });
  const criteria = ['magnitude', 'gradient-x-weight-contrast'] as const;
  const trace = traceUnstructured({ ...traced, run: classes.out, criteria });
  const error = await failure(trace, 'DATASET_EMPTY_GROUP');
  expect(error.message).toContain('`gradient-x-weight-contrast` needs images of another group');
});

test('a trace takes criteria of a script, and its report tells those that choose alike for all groups', async () => {
  const reversed: Criterion = {
    name: 'reversed',
    dependsOnGroup: false,
    scores: async ({ model }) => (await magnitudeScores(model)).map((score) => -score),
  };
  const first: Criterion = { ...reversed, name: 'first', dependsOnGroup: true, scores: gradient.scores };
  const own = { ...traced, run: join(folder, 'own'), topK: [1] };
  await cp(run, own.run, { recursive: true });
  const made = await traceUnstructured({ ...own, criteria: ['gradient', reversed, first] });
  expect(made.criteria).toEqual(['gradient', 'reversed', 'first']);
  expect(made.ownCriteria).toEqual([
    { name: 'reversed', dependsOnGroup: false },
    { name: 'first', dependsOnGroup: true },
  ]);
  const of = (criterion: string) => made.entries.filter((entry) => entry.criterion === criterion);
  expect(of('first').map(({ neurons }) => neurons)).toEqual(of('gradient').map(({ neurons }) => neurons));
  const sets = setsOf(changeRows([made], ['a', 'b', 'c', 'd'])).filter(({ group }) => group === 0);
  expect(sets.map(({ criterion, chosenFor }) => [criterion, chosenFor])).toEqual([
    ...[0, 1, 2, 3].map((group) => ['gradient', group]),
    ['reversed', 'every group'],
    ...[0, 1, 2, 3].map((group) => ['first', group]),
  ]);
  await writeReport({ run: own.run });
  const page = await readFile(join(own.run, 'report.html'), 'utf8');
  for (const name of ['reversed', 'first']) expect(page).toContain(name);

  const taken = { ...reversed, name: 'gradient' };
  for (const criteria of [[taken], [first, { ...reversed, name: 'first' }]])
    await failure(traceUnstructured({ ...own, criteria }), 'USAGE', 'Another criterion is called');
  const broken = { ...reversed, scores: () => Promise.resolve(new Float32Array(3)) };
  const result = await readFile(new RunFolder(own.run).result('trace-unstructured'));
  await failure(
    traceUnstructured({ ...own, criteria: [broken] }),
    'NEURONS_INVALID',
    'reversed gave no score',
  );
  expect(await readFile(new RunFolder(own.run).result('trace-unstructured'))).toEqual(result);
});

test('a trace takes a perturbation of a script, which makes new weights of a neuron\u2019s own', async () => {
  const own = { ...traced, run: join(folder, 'perturbed'), topK: [1], nullDraws: 2 };
  await cp(run, own.run, { recursive: true });
  const silent = { name: 'silent', weights: (weights: Float32Array) => weights.fill(0) };
  const zeroed = await traceUnstructured(own);
  const made = await traceUnstructured({ ...own, perturbation: silent });
  const of = ({ perturbation, entries, sigmas, seeds }: typeof made) => ({
    perturbation,
    entries,
    sigmas,
    seeds,
  });
  expect(of(made)).toEqual({ ...of(zeroed), perturbation: 'silent' });
  expect(recordedIn(new RunFolder(own.run).result('trace-unstructured-silent'))).toMatchObject({
    perturbation: 'silent',
  });
  const places = new Set<string>();
  const same = {
    name: 'same',
    weights(weights: Float32Array, { layer, index }: { readonly layer: string; readonly index: number }) {
      places.add(`${layer}[${index}]`);
      return weights;
    },
  };
  const kept = await traceUnstructured({ ...own, nullDraws: 0, unit: 'weight', perturbation: same });
  for (const { change, margin } of kept.entries)
    expect(new Set([...change, ...margin])).toEqual(new Set([0]));
  expect(places).toEqual(new Set(kept.entries.flatMap(({ neurons }) => neurons.map(placeText))));
  await writeReport({ run: own.run });
  const page = await readFile(join(own.run, 'report.html'), 'utf8');
  expect(page).toContain('Neurons changed by silent');

  const before = await readdir(join(own.run, 'results'));
  const broken = { name: 'broken', weights: () => Float32Array.of(1) };
  await failure(
    traceUnstructured({ ...own, perturbation: broken }),
    'NEURONS_INVALID',
    /broken gave 1 instead of \d+ weights for the neuron \S+\[\d+\]/,
  );
  const taken = { ...silent, name: 'zero' };
  await failure(
    traceUnstructured({ ...own, perturbation: taken }),
    'USAGE',
    'Another perturbation is called zero',
  );
  expect(await readdir(join(own.run, 'results'))).toEqual(before);
});

function placeOf(session: TraceSession, position: number): [layer: string, index: number] {
  let index = position;
  for (const { name, size } of session.unitLayers) {
    if (index < size) return [name, index];
    index -= size;
  }
  throw new RangeError(`There is no neuron ${position}`);
}

test('a fraction of more neurons than a criterion chooses from is refused', async () => {
  // Magnitude leaves out the downsample layers.
  const released = { ...common, run, protocol: 'released', fraction: 1 } as const;
  const of = /\(`fraction`\): the part of the model that magnitude chooses from has \d+\./;
  await failure(traceOverlap(released), 'NEURONS_INVALID', of);
});

test('a checkpoint of another architecture is refused', async () => {
  const best = bestOf(new RunFolder(run));
  const whole = await readFile(best);
  try {
    const generator = new (native().Generator)(0);
    using other = await Model.create({ arch: 'resnet18', numClasses: 2, device: 'cpu', generator });
    await writeSafetensors(best, await other.stateDict());
    const { message } = await failure(traceUnstructured(options), 'WEIGHTS_INVALID');
    expect(message).toMatch(
      /weights\.safetensors does not fit resnet20:\n {2}missing: [\s\S]*\n\S* was trained with resnet20, 2 classes: restore/,
    );
  } finally {
    await writeFile(best, whole);
  }
});

test('single weights can be the unit', async () => {
  const result = await traceUnstructured({ ...options, unit: 'weight', criteria: ['magnitude'], topK: [2] });
  expect(result.numNeurons).toBe(270_256);
  const [first, second] = result.entries[0]?.neurons ?? [];
  expect(first?.score).toBeGreaterThanOrEqual(second?.score ?? Number.NaN);

  const criteria = ['gradient-x-weight'] as const;
  const signed = await traceUnstructured({ ...options, unit: 'weight', criteria, topK: [2] });
  expect(signed.entries).toHaveLength(4);
  for (const { neurons } of signed.entries) expect(neurons.every(({ score }) => score > 0)).toBe(true);
});

test('a dataset that changed since training is refused', async () => {
  await appendFile(join(data, 'metadata.csv'), ' \n');
  await failure(traceUnstructured(options), 'DATASET_INVALID');
});
