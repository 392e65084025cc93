import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TraceUnstructuredResult } from '../../src/experiments/results.js';
import { measuredExamples } from '../../src/experiments/samples.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { neuronAtlas, type NeuronAtlasOptions } from '../../src/extras/atlas/atlas.js';
import { reproduceNeurons } from '../../src/extras/atlas/command.js';
import { disposeOutputs } from '../../src/extras/atlas/observe.js';
import type { AtlasNeuron, AtlasResult } from '../../src/extras/atlas/result.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { meanInterval } from '../../src/metrics/intervals.js';
import { momentsOf } from '../../src/metrics/statistics.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { type NeuronPlace, placeText } from '../../src/neurons/neuron.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf, tinyDominoes } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const [data, run, vit] = [join(folder, 'data'), join(folder, 'run'), join(folder, 'vit')];
const common = { run, device: 'cpu', threads: 0 } as const;
let traced: TraceUnstructuredResult;
let atlas: AtlasResult;

beforeAll(async () => {
  await tinyDominoes(data, { train: [40, 12, 6, 24] });
  const recipe = { data, epochs: 8, batchSize: 20, lr: 3e-3, seed: 0, device: 'cpu' } as const;
  await trainErm({ ...recipe, out: run, arch: 'resnet20', keepEpochs: [0] });
  await trainErm({ ...recipe, epochs: 1, out: vit, arch: 'vit_tiny_patch16_224', patchSize: 8 });
  traced = await traceUnstructured({ ...common, criteria: ['gradient'], topK: [1, 2], nullDraws: 2 });
  const live = await settledTensors();
  atlas = await neuronAtlas({ ...common, maxNeurons: 4 });
  expect(native().liveTensors()).toBe(live);
});

/** Highest output, its position and mean of a neuron on each training image, or on some, one image after the other. */
async function outputsOf(path: string, neuron: NeuronPlace, only?: readonly number[]) {
  using session = await TraceSession.open({ ...common, run: path });
  const { splits } = session.dataset;
  const found: { example: number; group: number; highest: number; at: number; mean: number }[] = [];
  for await (const batch of session.loader.evaluation(only ? Int32Array.from(only) : splits.train, 1)) {
    using current = batch;
    const outputs = await session.model.network.neuronOutputs(current.images, maskNeurons([neuron]).edits);
    const values = [...((await outputs.layers[0]?.outputs.data()) as Float32Array)];
    disposeOutputs(outputs);
    const [example = -1] = current.indices;
    const highest = Math.max(...values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const group = session.dataset.groups[example] as number;
    found.push({ example, group, highest, at: values.indexOf(highest), mean });
  }
  return found;
}

test('shows the neurons that the trace chose, the first ones before the second, and as many random ones of their layers', () => {
  const chosen = atlas.neurons.filter(({ role }) => role === 'chosen');
  const random = atlas.neurons.filter(({ role }) => role === 'random');
  const firsts = new Set(
    traced.entries.filter(({ k }) => k === 1).flatMap(({ neurons }) => neurons.map(placeText)),
  );
  const all = new Set(traced.entries.flatMap(({ neurons }) => neurons.map(placeText)));
  expect(chosen).toHaveLength(Math.min(4, all.size));
  expect(chosen.slice(0, firsts.size).every((neuron) => firsts.has(placeText(neuron)))).toBe(true);
  expect(chosen.every((neuron) => all.has(placeText(neuron)))).toBe(true);
  const layersOf = (neurons: readonly AtlasNeuron[]): string[] => neurons.map(({ layer }) => layer).sort();
  expect(layersOf(random)).toEqual(layersOf(chosen));
  expect(new Set(atlas.neurons.map(placeText)).size).toBe(atlas.neurons.length);
  for (const { chosenBy, layer, index } of chosen) {
    for (const { criterion, group, rank } of chosenBy) {
      const entry = traced.entries.find((one) => one.group === group && one.k >= rank);
      expect([criterion, entry?.neurons[rank - 1]]).toMatchObject(['gradient', { layer, index }]);
    }
  }
});

test('the strongest images, their positions, and the means of the groups are those of each image alone', async () => {
  for (const neuron of [atlas.neurons[0], atlas.neurons.at(-1)]) {
    if (!neuron) throw new Error('no neuron');
    const outputs = await outputsOf(run, neuron);
    const ranked = outputs.toSorted((a, b) => b.highest - a.highest || a.example - b.example);
    expect(neuron.strongest).toHaveLength(9);
    for (const [at, image] of neuron.strongest.entries()) {
      expect(image.activation).toBeCloseTo(ranked[at]?.highest ?? Number.NaN, 4);
      const own = outputs.find(({ example }) => example === image.example);
      expect(image.activation).toBeCloseTo(own?.highest ?? Number.NaN, 4);
      const columns = neuron.cells?.[1] ?? 0;
      const [row, column] = [Math.floor((own?.at ?? 0) / columns), (own?.at ?? 0) % columns];
      expect(image.place).toEqual({ row, column });
      expect(image.map).toMatch(/^data:image\/png;base64,/);
    }
    const all = momentsOf(outputs.map(({ mean }) => mean));
    for (const [group, activation] of neuron.groups.entries()) {
      const ofGroup = outputs.filter((one) => one.group === group);
      const moments = momentsOf(ofGroup.map(({ mean }) => mean));
      expect(activation.images).toBe(ofGroup.length);
      expect(activation.mean).toBeCloseTo(moments.mean, 4);
      const [low, high] = meanInterval(moments);
      expect(activation.interval).toEqual([expect.closeTo(low, 3), expect.closeTo(high, 3)]);
      expect(activation.shift).toBeCloseTo((moments.mean - all.mean) / Math.sqrt(all.variance), 3);
      const best = ofGroup.toSorted((a, b) => b.highest - a.highest)[0];
      expect(neuron.strongestOfGroups[group]).toHaveLength(Math.min(3, ofGroup.length));
      expect(neuron.strongestOfGroups[group]?.[0]?.activation).toBeCloseTo(best?.highest ?? Number.NaN, 4);
      expect(activation.random?.[0]).toBeLessThanOrEqual(activation.random?.[1] ?? Number.NaN);
    }
  }
});

test('flips are the differences of two evaluations, and changes those of the trace where it zeroed the neuron alone', async () => {
  using session = await TraceSession.open(common);
  const { dataset, loader, model, seed } = session;
  const indices = measuredExamples(dataset, dataset.splits.train, 128, seed);
  const options = { batchSize: 32, task: 'test' };
  const before = await evaluateModel(model, loader, indices, options);
  const state = await model.stateDict();
  const early = await neuronAtlas({ ...common, neurons: [...Array(6).keys()].map((at) => `conv1[${at}]`) });
  let [flips, compared] = [0, 0];
  for (const { layer, index, ...neuron } of [...atlas.neurons, ...early.neurons]) {
    const name = `${layer}.weight`;
    const weight = state[name];
    if (!weight) throw new Error(`no ${name}`);
    const zeroed = Float32Array.from(weight.data as Float32Array);
    const each = zeroed.length / (weight.shape[0] ?? 1);
    zeroed.fill(0, index * each, (index + 1) * each);
    await model.loadStateDict({ [name]: { shape: weight.shape, data: zeroed } });
    const after = await evaluateModel(model, loader, indices, options);
    await model.loadStateDict({ [name]: weight });
    const wanted = [...indices].flatMap((example, i) => {
      const [was, is] = [before.predictions[i], after.predictions[i]];
      return was === is ? [] : [{ example, before: was, after: is }];
    });
    const found = neuron.flips.map(({ example, before: was, after: is }) => ({
      example,
      before: was,
      after: is,
    }));
    const byExample = (a: { example: number }, b: { example: number }): number => a.example - b.example;
    expect(found.sort(byExample)).toEqual(wanted.sort(byExample));
    flips += wanted.length;

    const entry = traced.entries.find(
      ({ k, neurons: [first] }) => k === 1 && first?.layer === layer && first.index === index,
    );
    for (const [group, effect] of neuron.zeroed.groups.entries()) {
      const { total, lost, gained, change } = effect;
      expect(change).toBeCloseTo((gained - lost) / total, 10);
      if (entry) {
        expect(effect.change).toBe(entry.change[group]);
        compared += 1;
      }
      const ofGroup = neuron.flips.filter((flip) => flip.group === group);
      expect(ofGroup.filter(({ label, before: was }) => label === was)).toHaveLength(lost);
      expect(ofGroup.filter(({ label, after: is }) => label === is)).toHaveLength(gained);
    }
  }
  expect([flips, compared].every((count) => count > 0)).toBe(true);
  const [first] = atlas.neurons;
  if (!first) throw new Error('no neuron');
  const fewer = await neuronAtlas({ ...common, neurons: [placeText(first)], samples: 8 });
  expect(fewer.neurons[0]?.zeroed.groups.map(({ total }) => total)).toEqual(fewer.baseline.total);
  expect(atlas.baseline.correct).toEqual(traced.baseline.correct);
});

test('the way from the initial weights is the same by the kept epoch 0 and by the seed', async () => {
  using session = await TraceSession.open(common);
  const sizes = session.model.description.layers;
  expect(atlas.initial).toBe('epoch 0');
  const first = new RunFolder(run).weights(0);
  await rename(first, `${first}.away`);
  const names = atlas.neurons.map(placeText);
  const again = await neuronAtlas({ ...common, neurons: names });
  await rename(`${first}.away`, first);
  expect(again.initial).toBe('seed');
  expect(again.neurons.map(({ moved }) => moved)).toEqual(atlas.neurons.map(({ moved }) => moved));
  const weightsOf = async (path: string, layer: string): Promise<Float32Array> =>
    (await readSafetensors(path)).tensors[`${layer}.weight`]?.data as Float32Array;
  for (const { layer, index, moved } of atlas.neurons) {
    const [now, before] = [await weightsOf(bestOf(new RunFolder(run)), layer), await weightsOf(first, layer)];
    const { size = 1 } = sizes.find(({ name }) => name === layer) ?? {};
    const each = now.length / size;
    const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, one) => sum + one ** 2, 0));
    const distances = Array.from({ length: size }, (_, at) => {
      const own = before.slice(at * each, (at + 1) * each);
      return norm(now.slice(at * each, (at + 1) * each).map((one, i) => one - (own[i] ?? 0))) / norm(own);
    });
    expect(moved?.distance).toBeCloseTo(distances[index] ?? Number.NaN, 5);
    const less = distances.filter((one) => one < (distances[index] ?? 0) - 1e-7).length;
    expect(moved?.rank).toBeCloseTo(less / size, 5);
  }
  expect(again.neurons.map(({ role }) => role)).toEqual(names.map(() => 'asked'));
});

test('a filter is shown of a first convolution alone; frames lie in the image', async () => {
  const both = await neuronAtlas({ ...common, neurons: ['conv1[3]', 'layer3.2.conv2[5]'] });
  expect(both.neurons.map(({ filter }) => filter !== null)).toEqual([true, false]);
  const [height, width] = both.inputSize;
  const [first, last] = both.neurons;
  for (const { frame } of first?.strongest ?? []) {
    expect(frame?.height).toBeGreaterThanOrEqual(2);
    expect(frame?.height).toBeLessThanOrEqual(3);
  }
  for (const { frame } of last?.strongest ?? []) {
    if (!frame) throw new Error('no frame');
    expect([frame.top, frame.left].every((edge) => edge >= 0)).toBe(true);
    expect([frame.top + frame.height <= height, frame.left + frame.width <= width]).toEqual([true, true]);
  }
});

test('a vision transformer\u2019s tokens are patches, or the class token, which has no place', async () => {
  const result = await neuronAtlas({
    ...common,
    run: vit,
    neurons: ['blocks.0.mlp.fc1[7]', 'blocks.11.mlp.fc1[7]', 'blocks.5.attn.qkv[1]'],
  });
  for (const neuron of result.neurons) {
    expect(neuron.cells).toEqual([4, 2]);
    const shown = neuron.strongest.map(({ example }) => example);
    const outputs = await outputsOf(
      vit,
      neuron,
      shown.toSorted((a, b) => a - b),
    );
    for (const { example, place, frame } of neuron.strongest) {
      const at = outputs.find((one) => one.example === example)?.at ?? -1;
      const wanted = at === 0 ? null : { row: Math.floor((at - 1) / 2), column: (at - 1) % 2 };
      expect(place).toEqual(wanted);
      expect(frame).toEqual(wanted && { top: 8 * wanted.row, left: 8 * wanted.column, height: 8, width: 8 });
    }
  }
});

test('writes JSON, CSV and the report; where images may not be shown, none of them holds one, also later', async () => {
  const { report, csv, json } = await reproduceNeurons({ ...common, maxNeurons: 2 });
  const folderOfRun = new RunFolder(run);
  const images = (text: string): number => text.match(/data:image\/(?:jpeg|png)/g)?.length ?? 0;
  const page = await readFile(report, 'utf8');
  expect(images(page)).toBeGreaterThan(30);
  const rows = (await readFile(csv, 'utf8')).trimEnd().split('\n');
  expect(rows[0]).toMatch(/^layer,index,role,chosenBy,group,name,images,mean,meanLow,meanHigh,shift,/);
  expect(rows).toHaveLength(1 + 4 * 4);
  expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({ kind: 'neurons' });

  const hidden = await reproduceNeurons({ ...common, maxNeurons: 2, showImages: false });
  expect(hidden.atlas.pictures).toEqual([]);
  const written = await readFile(folderOfRun.result('neuron-atlas'), 'utf8');
  const filters = hidden.atlas.neurons.filter(({ filter }) => filter !== null).length;
  expect(images(written)).toBe(filters);
  const bare = await readFile(hidden.report, 'utf8');
  expect(images(bare)).toBe(filters);
  expect(bare).toContain('No images are shown here or in other sections');
});

test('says what is missing', async () => {
  const refusal = async (more: Partial<NeuronAtlasOptions>, code: Parameters<typeof failure>[1]) =>
    (await failure(neuronAtlas({ ...common, ...more }), code)).message;
  expect(await refusal({ run: vit }, 'USAGE')).toMatch(
    /has no trace, whose neurons could be shown\. Run spurmem trace unstructured on it first, or name `neurons`/,
  );
  expect(await refusal({ neurons: ['conv1'] }, 'USAGE')).toMatch(
    /`neurons` is "conv1": it takes a neuron by its/,
  );
  expect(await refusal({ neurons: ['conv9[1]'] }, 'NEURONS_INVALID')).toMatch(
    /no layer of neurons named conv9/,
  );
  expect(await refusal({ neurons: ['conv1[16]'] }, 'NEURONS_INVALID')).toMatch(
    /no neuron conv1\[16\]: conv1 has those from 0 to 15/,
  );
  expect(await refusal({ neurons: [] }, 'USAGE')).toMatch(/`neurons` is empty/);
  expect(await refusal({ maxNeurons: 0 }, 'USAGE')).toMatch(/`maxNeurons` is 0/);
  await rm(join(vit, 'results', 'neuron-atlas.json'), { force: true });
});

test('a stopped job leaves no tensor behind, and no result', async () => {
  const live = await settledTensors();
  const abort = new AbortController();
  const onProgress = (): void => {
    abort.abort();
  };
  const job = { run: vit, neurons: ['blocks.0.mlp.fc1[7]'], batchSize: 8, onProgress, signal: abort.signal };
  const { message } = await failure(neuronAtlas({ ...common, ...job }), 'INTERRUPTED');
  expect(message).toContain('activations');
  expect(native().liveTensors()).toBe(live);
  expect(existsSync(new RunFolder(vit).result('neuron-atlas'))).toBe(false);
});
