import { colorPng } from '../../data/pictures.js';
import type { TensorData } from '../../models/safetensors.js';
import { native } from '../../native/addon.js';
import { type NeuronPlace, placeText } from '../../neurons/neuron.js';
import { countByLayer } from '../../neurons/nulls.js';
import { type GivenOf, resolveSettings } from '../../settings/setting.js';
import { severalOf, toggle } from '../../settings/values.js';
import { openRun } from '../../train/runFolder.js';
import { checkTraceOptions, type OfRunOptions, type SessionOptions, TraceSession } from '../traceSession.js';
import { TRACE_SETTINGS } from '../traceSettings.js';
import type { AtlasResult, StrongImage } from './atlasResult.js';
import { type AtlasPlace, namedNeurons, neuronType, randomBeside, tracedNeurons } from './chosenNeurons.js';
import { initialWeights, movedNeurons } from './initialWeights.js';
import { groupActivations, type Observation, observeNeurons, type StrongestAt } from './observe.js';
import { firstOfGroups } from './shownFlips.js';
import { drawShown, strongImage } from './shownImages.js';
import { zeroEach } from './zeroedNeurons.js';

/** Strongest images that are kept, of all and of each group. */
const STRONGEST = { ofAll: 9, ofGroup: 3 } as const;
/** Random neurons of each layer that group means stand beside. */
const BESIDES = 20;

/** What an atlas shows. */
interface AtlasChoices extends GivenOf<(typeof TRACE_SETTINGS)['neurons']> {
  /** Such as `conv1[9]`; default: those that the run's traces chose, beside as many random ones of the same layers. */
  readonly neurons?: readonly string[] | undefined;
  /** Whether images may be shown; default: yes. If not, the result holds none, and the run's report shows none. */
  readonly showImages?: boolean | undefined;
}

/** Options of an atlas. */
export interface NeuronAtlasOptions extends OfRunOptions, Pick<SessionOptions, 'seed'>, AtlasChoices {}

/**
 * Makes the neuron atlas: for each neuron the training images on which it is strongest, its output by group beside random neurons of its
 * layer, the predictions that flip once it is zeroed, and how far training moved it. Writes `results/neuron-atlas.json`.
 *
 * @throws `USAGE` where no neurons are named and the run has no trace; `NEURONS_INVALID` for neurons that the model lacks; and what
 *   `TraceSession.open` throws
 */
export async function neuronAtlas(options: NeuronAtlasOptions): Promise<AtlasResult> {
  checkTraceOptions(TRACE_SETTINGS.neurons, options, {
    neurons: severalOf(neuronType),
    showImages: toggle(),
  });
  using session = await TraceSession.openChecked(options);
  return await neuronAtlasIn(session, options);
}

/** The same in an open session. */
export async function neuronAtlasIn(session: TraceSession, options: AtlasChoices): Promise<AtlasResult> {
  const { dataset, model, seed, loader } = session;
  const { layers } = model.description;
  const { most, samples } = resolveSettings(
    { most: TRACE_SETTINGS.neurons.most, samples: TRACE_SETTINGS.neurons.samples },
    session.settings.protocol,
    { most: options.most, samples: options.samples },
  );
  const generator = new (native().Generator)(seed);
  const chosen = options.neurons ? namedNeurons(options.neurons, layers) : await tracedNeurons(session, most);
  const beside = options.neurons ? [] : randomBeside(chosen, layers, generator);
  const places: AtlasPlace[] = [
    ...chosen,
    ...beside.map((place): AtlasPlace => ({ ...place, role: 'random', chosenBy: [] })),
  ];
  const counts = new Map([...countByLayer(places).keys()].map((layer) => [layer, BESIDES]));
  const others = randomBeside(places, layers, generator, counts);

  const observed = await observeNeurons(session, [...places, ...others], STRONGEST);
  const of = (place: NeuronPlace): Observation => observed.get(placeText(place)) as Observation;
  const zeroed = await zeroEach(session, places, samples);
  const showsImages = options.showImages ?? true;
  const shown = showsImages
    ? await drawShown(
        session,
        places.map((neuron) => ({ neuron, observed: of(neuron) })),
        zeroed.neurons.flatMap(({ flips }) => firstOfGroups(flips).map(({ example }) => example)),
      )
    : undefined;
  const trained = await model.stateDict();
  const initial = await initialWeights(session, await openRun(session.folder.path));
  const parameters = new Map(layers.map(({ name, weight }) => [name, weight]));
  const parameterOf = (layer: string): string => parameters.get(layer) ?? '';
  const moved = movedNeurons(places, parameterOf, trained, initial?.weights);

  const imageOf = (neuron: NeuronPlace, image: StrongestAt): StrongImage => ({
    ...strongImage(session, neuron, of(neuron), image),
    map: shown?.mapOf(neuron, image.example) ?? null,
  });
  const result: AtlasResult = {
    kind: 'neuron-atlas',
    checkpoint: session.checkpoint,
    seed,
    images: dataset.splits.train.length,
    inputSize: loader.inputSize,
    samples,
    baseline: zeroed.baseline,
    besides: BESIDES,
    initial: initial?.source ?? null,
    showsImages,
    pictures: shown?.pictures ?? [],
    neurons: await Promise.all(
      places.map(async ({ layer, index, role, chosenBy }, at) => {
        const own = of({ layer, index });
        const { strongest, strongestOfGroups, moments } = own;
        const [rows, columns] = own.cells;
        return {
          layer,
          index,
          role,
          chosenBy,
          cells: rows * columns > 0 ? ([rows, columns] as const) : null,
          highest: strongest[0]?.activation ?? Number.NaN,
          mean: moments.mean,
          groups: groupActivations(
            own,
            others.filter((other) => other.layer === layer).map((other) => of(other)),
          ),
          strongest: strongest.map((image) => imageOf({ layer, index }, image)),
          strongestOfGroups: strongestOfGroups.map((list) =>
            list.map((image) => imageOf({ layer, index }, image)),
          ),
          ...(zeroed.neurons[at] as (typeof zeroed.neurons)[number]),
          moved: moved[at] ?? null,
          filter: await filterPicture(trained[parameterOf(layer)], index),
        };
      }),
    ),
  };
  await session.record(result);
  return result;
}

/** A filter over red, green and blue as a picture: grey where it is 0, its largest weight at an end of the scale. */
async function filterPicture(weight: TensorData | undefined, index: number): Promise<string | null> {
  const [, channels, height = 0, width = 0] = weight?.shape ?? [];
  if (weight?.shape.length !== 4 || channels !== 3 || height * width === 1) return null;
  const size = 3 * height * width;
  const values = Float32Array.from(weight.data.subarray(index * size, (index + 1) * size), Number);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = values.map((value) => (largest > 0 ? 0.5 + value / largest / 2 : 0.5));
  return colorPng(scaled, [height, width]);
}
