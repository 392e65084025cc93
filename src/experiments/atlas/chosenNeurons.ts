import { invalidParameter, SpurmemError } from '../../errors.js';
import type { Generator } from '../../native/addon.js';
import { type NeuronLayer, type NeuronPlace, placeText, unknownLayer } from '../../neurons/neuron.js';
import { countByLayer, randomNeuronsByLayer } from '../../neurons/nulls.js';
import { metaOf, text } from '../../settings/values.js';
import { readResults } from '../resultFiles.js';
import type { TraceSession } from '../traceSession.js';
import type { AtlasNeuron, NeuronChoice } from './atlasResult.js';

/** A neuron of the atlas, and why it is there. */
export interface AtlasPlace extends NeuronPlace, Pick<AtlasNeuron, 'role'> {
  readonly chosenBy: readonly NeuronChoice[];
}

export const neuronType = text('a neuron by its layer and number, such as conv1[9]');

/** The neurons of these names. Throws `USAGE` for what is no such name, and `NEURONS_INVALID` for neurons that the model lacks. */
export function namedNeurons(names: readonly string[], layers: readonly NeuronLayer[]): AtlasPlace[] {
  return names.map((name) => {
    const [, layer, number] = /^(.+)\[(\d+)\]$/.exec(name) ?? [];
    if (layer === undefined) throw invalidParameter('neurons', name, metaOf(neuronType).expected);
    const index = Number(number);
    const found = layers.find((one) => one.name === layer);
    if (!found) throw unknownLayer(layer, layers);
    if (index < found.size) return { layer, index, role: 'asked', chosenBy: [] };
    throw new SpurmemError(
      'NEURONS_INVALID',
      `The model has no neuron ${name}: ${layer} has those from 0 to ${found.size - 1}.`,
      { parameter: 'neurons', value: name },
    );
  });
}

/**
 * The neurons that the traces of a run's weights chose: of unstructured ones those that stand first for a group, then the second ones;
 * without any, those of structured ones in the order of what zeroing them did.
 *
 * @throws `USAGE` where there is no such trace
 */
export async function tracedNeurons(session: TraceSession, most: number): Promise<AtlasPlace[]> {
  const { traces, layers } = await readResults(session.folder);
  const isOurs = (trace: { checkpoint: string; unit: string }): boolean =>
    trace.checkpoint === session.checkpoint && trace.unit === 'neuron';
  const unstructured = traces.filter(isOurs).flatMap(({ entries }) => entries);
  const structured = layers && isOurs(layers) ? layers.entries : [];
  const byEffect = structured.toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change));
  const entries = unstructured.length > 0 ? unstructured : byEffect;
  const found = new Map<string, AtlasPlace & { chosenBy: NeuronChoice[] }>();
  for (const { criterion, group, neurons } of entries) {
    for (const [at, { layer, index }] of neurons.entries()) {
      const key = placeText({ layer, index });
      const known = found.get(key) ?? { layer, index, role: 'chosen', chosenBy: [] };
      found.set(key, known);
      const choice = { criterion, group, rank: at + 1 };
      const isKnown = known.chosenBy.some((one) => one.criterion === criterion && one.group === group);
      if (!isKnown) known.chosenBy.push(choice);
    }
  }
  const firstRank = ({ chosenBy }: AtlasPlace): number => Math.min(...chosenBy.map(({ rank }) => rank));
  const chosen = [...found.values()].sort((a, b) => firstRank(a) - firstRank(b)).slice(0, most);
  if (chosen.length > 0) return chosen;
  const has = traces.length > 0 || layers !== undefined ? ' of its weights and of whole neurons' : '';
  throw new SpurmemError(
    'USAGE',
    `${session.folder.path} has no trace${has}, whose neurons could be shown.`,
    {
      parameter: 'neurons',
      advice: ['Run spurmem trace unstructured on it first, or name `neurons`, such as conv1[9].'],
    },
  );
}

/** As many neurons of the same layers, none of them chosen; fewer where a layer has no more. */
export function randomBeside(
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
