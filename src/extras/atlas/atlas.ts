import type { Example } from '../../data/dataset.js';
import { colorPng } from '../../data/pictures.js';
import { invalidParameter, SpurmemError } from '../../errors.js';
import { evaluateVariants } from '../../experiments/evaluateVariants.js';
import { readOf, readUnstructured } from '../../experiments/resultFiles.js';
import { measuredExamples } from '../../experiments/samples.js';
import { structured as structuredTrace } from '../../experiments/traces.js';
import {
  checkTraceOptions,
  type OfRunOptions,
  type SessionOptions,
  TraceSession,
} from '../../experiments/traceSession.js';
import { changeInterval } from '../../metrics/intervals.js';
import { readProgramFile } from '../../models/exported/archive.js';
import type { TensorData } from '../../models/safetensors.js';
import { readWeights } from '../../models/weights.js';
import { weightsFingerprint } from '../../models/weightsFile.js';
import { native } from '../../native/addon.js';
import type { Generator } from '../../native/interface.js';
import { type NeuronLayer, type NeuronPlace, placeText, unknownLayer } from '../../neurons/neuron.js';
import { countByLayer, randomNeuronsByLayer } from '../../neurons/nulls.js';
import { maskNeurons } from '../../neurons/perturb.js';
import { type GivenOf, resolveSettings } from '../../settings/setting.js';
import { metaOf, severalOf, text, toggle } from '../../settings/values.js';
import { isFile, openRun } from '../../train/runFolder.js';
import { createModel } from '../../train/runModel.js';
import { drawShown, groupActivations, type Observation, observeNeurons, strongImage } from './observe.js';
import { ATLAS_SETTINGS, type AtlasNeuron, type AtlasResult, type Flip, shownFlips } from './result.js';

/** Random neurons of each layer whose group means are compared with a neuron's. */
const MAX_RANDOM = 20;

/** The choices of an atlas. */
interface AtlasChoices extends GivenOf<typeof ATLAS_SETTINGS> {
  /** Such as `conv1[9]`; default: the neurons that the run's traces chose, and as many random ones of the same layers. */
  readonly neurons?: readonly string[] | undefined;
  /** Whether images may be shown; default: yes. If not, the result holds none, and the run's report shows none. */
  readonly showImages?: boolean | undefined;
}

/** Options of an atlas. */
export interface NeuronAtlasOptions extends OfRunOptions, Pick<SessionOptions, 'seed'>, AtlasChoices {}

type AtlasPlace = Pick<AtlasNeuron, 'layer' | 'index' | 'role' | 'chosenBy'>;
type Weights = Readonly<Record<string, TensorData>>;

const neuronType = text('a neuron by its layer and number, such as conv1[9]');

/**
 * Makes the neuron atlas: for each neuron the training images on which it is strongest, its output by group and that of random neurons of its
 * layer, the predictions that flip once it is zeroed, and how far training moved it. Writes `results/neuron-atlas.json`.
 *
 * @throws `USAGE` if no neurons are named and the run has no trace; `NEURONS_INVALID` for neurons that the model lacks; and what
 *   `TraceSession.open` throws
 */
export async function neuronAtlas(options: NeuronAtlasOptions): Promise<AtlasResult> {
  checkTraceOptions(ATLAS_SETTINGS, options, { neurons: severalOf(neuronType), showImages: toggle() });
  using session = await TraceSession.openChecked(options);
  return await neuronAtlasIn(session, options);
}

/** Like `neuronAtlas`, in an open session. */
export async function neuronAtlasIn(
  session: TraceSession,
  { neurons, showImages = true, ...given }: AtlasChoices,
): Promise<AtlasResult> {
  const { dataset, model, seed, loader } = session;
  const { maxNeurons, samples } = resolveSettings(ATLAS_SETTINGS, session.settings.protocol, given);
  const { places, others } = await choosePlaces(session, neurons, maxNeurons);
  const observed = await observeNeurons(session, [...places, ...others]);
  const of = (place: NeuronPlace): Observation => observed.get(placeText(place)) as Observation;
  const zeroed = await zeroEach(session, places, samples);
  const flipped = zeroed.neurons.flatMap(({ flips }) => shownFlips(flips).map(({ example }) => example));
  const shown = showImages ? await drawShown(session, places, observed, flipped) : undefined;
  const trained = await model.stateDict();
  const initial = await initialWeights(session);
  const parameters = new Map(model.description.layers.map(({ name, weight }) => [name, weight]));
  const described = places.map(async ({ layer, index, role, chosenBy }, at): Promise<AtlasNeuron> => {
    const place = { layer, index };
    const own = of(place);
    const parameter = parameters.get(layer) ?? '';
    const images = (list: Observation['strongest']) =>
      list.map((image) => ({
        ...strongImage(session, place, own, image),
        map: shown?.mapOf(place, image.example) ?? null,
      }));
    const random = others.filter((other) => other.layer === layer).map(of);
    return {
      layer,
      index,
      role,
      chosenBy,
      cells: own.cells.includes(0) ? null : own.cells,
      highest: own.strongest[0]?.activation ?? Number.NaN,
      mean: own.moments.mean,
      groups: groupActivations(own, random),
      strongest: images(own.strongest),
      strongestOfGroups: own.strongestOfGroups.map(images),
      ...(zeroed.neurons[at] as (typeof zeroed.neurons)[number]),
      moved: movedOf(index, trained[parameter], initial?.weights[parameter]),
      filter: await filterPicture(trained[parameter], index),
    };
  });
  const result: AtlasResult = {
    kind: 'neuron-atlas',
    checkpoint: session.checkpoint,
    seed,
    images: dataset.splits.train.length,
    inputSize: loader.inputSize,
    samples,
    baseline: zeroed.baseline,
    maxRandom: MAX_RANDOM,
    initial: initial?.source ?? null,
    showsImages: showImages,
    pictures: shown?.pictures ?? [],
    neurons: await Promise.all(described),
  };
  await session.record(result);
  return result;
}

/** Chooses the neurons to show, and random ones of their layers to compare them with. */
async function choosePlaces(session: TraceSession, neurons: readonly string[] | undefined, max: number) {
  const { layers } = session.model.description;
  const generator = new (native().Generator)(session.seed);
  const chosen = neurons ? namedNeurons(neurons, layers) : await tracedNeurons(session, max);
  const random = neurons ? [] : randomOfLayers(chosen, layers, generator);
  const places: AtlasPlace[] = [
    ...chosen,
    ...random.map((place) => ({ ...place, role: 'random' as const, chosenBy: [] })),
  ];
  const counts = new Map([...countByLayer(places).keys()].map((layer) => [layer, MAX_RANDOM]));
  return { places, others: randomOfLayers(places, layers, generator, counts) };
}

/** The neurons of these names. Throws `USAGE` for a name of another form, and `NEURONS_INVALID` for neurons that the model lacks. */
function namedNeurons(names: readonly string[], layers: readonly NeuronLayer[]): AtlasPlace[] {
  return names.map((name) => {
    const [, layer, number] = /^(.+)\[(\d+)\]$/.exec(name) ?? [];
    if (layer === undefined) throw invalidParameter('neurons', name, metaOf(neuronType).expected);
    const found = layers.find((one) => one.name === layer);
    if (!found) throw unknownLayer(layer, layers);
    const index = Number(number);
    if (index < found.size) return { layer, index, role: 'asked', chosenBy: [] };
    const problem = `The model has no neuron ${name}: ${layer} has those from 0 to ${found.size - 1}.`;
    throw new SpurmemError('NEURONS_INVALID', problem, { parameter: 'neurons', value: name });
  });
}

/**
 * The neurons that the traces of a run's weights chose: of unstructured traces those that rank first for a group, then second; without
 * any, those of structured ones by the size of what zeroing them did.
 *
 * @throws `USAGE` if there is no such trace
 */
async function tracedNeurons(session: TraceSession, max: number): Promise<AtlasPlace[]> {
  const traces = await readUnstructured(session.folder);
  const layers = await readOf(session.folder, structuredTrace);
  const isOurs = (trace: { checkpoint: string; unit: string }): boolean =>
    trace.checkpoint === session.checkpoint && trace.unit === 'neuron';
  const unstructured = traces.filter(isOurs).flatMap(({ entries }) => entries);
  const structured = layers && isOurs(layers) ? layers.entries : [];
  const byEffect = structured.toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change));
  const found = new Map<string, AtlasPlace>();
  for (const { criterion, group, neurons } of unstructured.length > 0 ? unstructured : byEffect) {
    for (const [at, { layer, index }] of neurons.entries()) {
      const key = placeText({ layer, index });
      const chosenBy = found.get(key)?.chosenBy ?? [];
      const isKnown = chosenBy.some((one) => one.criterion === criterion && one.group === group);
      const choices = isKnown ? chosenBy : [...chosenBy, { criterion, group, rank: at + 1 }];
      found.set(key, { layer, index, role: 'chosen', chosenBy: choices });
    }
  }
  const firstRank = ({ chosenBy }: AtlasPlace): number => Math.min(...chosenBy.map(({ rank }) => rank));
  const chosen = [...found.values()].sort((a, b) => firstRank(a) - firstRank(b)).slice(0, max);
  if (chosen.length > 0) return chosen;
  const has = traces.length > 0 || layers !== undefined ? ' of its weights and of whole neurons' : '';
  const problem = `${session.folder.path} has no trace${has}, whose neurons could be shown.`;
  const advice = ['Run spurmem trace unstructured on it first, or name `neurons`, such as conv1[9].'];
  throw new SpurmemError('USAGE', problem, { parameter: 'neurons', advice });
}

/** As many neurons of the same layers, none of them chosen; fewer if a layer has no more. */
function randomOfLayers(
  chosen: readonly NeuronPlace[],
  layers: readonly NeuronLayer[],
  generator: Generator,
  counts = countByLayer(chosen),
): NeuronPlace[] {
  const taken = countByLayer(chosen);
  const isChosen = new Set(chosen.map(placeText));
  return [...counts].flatMap(([layer, count]) =>
    randomNeuronsByLayer(new Map([[layer, count + (taken.get(layer) ?? 0)]]), layers, generator)
      .filter((place) => !isChosen.has(placeText(place)))
      .slice(0, count),
  );
}

/** Zeroes each neuron alone: what it does to each group, and the predictions that flip. */
async function zeroEach(session: TraceSession, neurons: readonly NeuronPlace[], samples: number) {
  const { dataset, loader, model, job, seed } = session;
  const indices = measuredExamples(dataset, session.judgedOn('train'), samples, seed);
  const variants = neurons.map((neuron) => maskNeurons([neuron]));
  const flips = new Map<string, Flip[]>(variants.map(({ key }) => [key, []]));
  const measured = await evaluateVariants(model, loader, indices, variants, {
    ...job,
    task: 'zeroed neurons',
    onJudged(key, examples, before, after) {
      for (const [i, index] of examples.entries()) {
        const [was, is] = [before.predicted[i] as number, after.predicted[i] as number];
        if (was === is) continue;
        const { filename, group, y } = dataset.examples[index] as Example;
        flips.get(key)?.push({ example: index, filename, group, label: y, before: was, after: is });
      }
    },
  });
  return {
    /** The model as it is, on the same examples. */
    baseline: measured.baseline,
    /** In the order of the neurons. */
    neurons: variants.map(({ key }, i): Pick<AtlasNeuron, 'zeroed' | 'flips'> => {
      const groups = (measured.variants[i] ?? []).flatMap((outcome) => {
        if (!outcome) return [];
        const { total, correct, lost, gained } = outcome;
        const change = (gained - lost) / total;
        const interval = changeInterval({ total, lost, gained });
        return { total, accuracy: correct / total, change, changeInterval: interval, lost, gained };
      });
      return { zeroed: { groups }, flips: flips.get(key) ?? [] };
    }),
  };
}

/**
 * The weights of a run before training: those of epoch 0, if it kept them, else the file that it started from, if that is still the
 * same, else those that its seed draws. Undefined if there are none of them.
 */
async function initialWeights({ config, loader, folder: { path } }: TraceSession) {
  const { folder, environment } = await openRun(path);
  const first = folder.weights(0);
  const from = (source: NonNullable<AtlasResult['initial']>, weights: Weights) => ({ source, weights });
  if (await isFile(first)) return from('epoch 0', (await readWeights(first)).named);
  if (config.weights === null) {
    using model = await createModel(config, loader, new (native().Generator)(config.seed));
    return from('seed', await model.stateDict());
  }
  const { weightsPath, archPath } = environment;
  // A file of torch.export holds its own.
  const file = weightsPath ?? archPath;
  if (file === undefined || !(await isFile(file))) return undefined;
  if ((await weightsFingerprint(file)) !== config.weights) return undefined;
  if (weightsPath !== null) return from('weights file', (await readWeights(file)).tensors);
  const { weights } = await readProgramFile(file);
  return weights && from('program', weights);
}

/** ||w - w0||_2 / ||w0||_2 of a neuron, and its rank in its layer; null if its initial weights are not known. */
function movedOf(
  index: number,
  trained: TensorData | undefined,
  initial: TensorData | undefined,
): AtlasNeuron['moved'] {
  const size = trained?.shape[0] ?? 0;
  if (!trained || initial?.data.length !== trained.data.length || size === 0) return null;
  const each = trained.data.length / size;
  const distances = Array.from({ length: size }, (_, neuron) => {
    let [moved, before] = [0, 0];
    for (let at = neuron * each; at < (neuron + 1) * each; at += 1) {
      const [now, then] = [Number(trained.data[at]), Number(initial.data[at])];
      moved += (now - then) ** 2;
      before += then ** 2;
    }
    // A neuron of zeros that stayed one.
    return moved === 0 ? 0 : Math.sqrt(moved / before);
  });
  const distance = distances[index] as number;
  return { distance, rank: distances.filter((other) => other < distance).length / size };
}

/** Returns a filter over red, green and blue as a picture: a weight of 0 is grey, the largest one is at an end of the scale. */
async function filterPicture(weight: TensorData | undefined, index: number): Promise<string | null> {
  const [, channels, height = 0, width = 0] = weight?.shape ?? [];
  if (weight?.shape.length !== 4 || channels !== 3 || height * width === 1) return null;
  const size = 3 * height * width;
  const values = Float32Array.from(weight.data.subarray(index * size, (index + 1) * size), Number);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = values.map((value) => (largest > 0 ? 0.5 + value / largest / 2 : 0.5));
  return colorPng(scaled, [height, width]);
}
