import { crc32 } from 'node:zlib';
import type { BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Unit } from '../native/interface.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import { type ModelLayer, type Neuron, type NeuronLayer, placeText } from './neuron.js';
import type { GradientSamples } from './samples.js';
import { countNeurons, placeAt, selectTopK, startOf } from './select.js';
import { type ChoiceSettings, MAGNITUDE_ORDERS, type MagnitudeOrder } from './settings.js';

/** The names that criteria may have, also as parts of file names. */
export const CRITERION_NAME = /^[a-z][a-z\d-]{0,39}$/;

/** A way to score neurons (article, "Identification of critical neurons"); `CRITERIA` lists those of the package. */
export interface Criterion {
  readonly name: string;
  /** Figures of the article show these by default. */
  readonly inArticle?: boolean;
  /** Whether single weights have no such score. */
  readonly neuronsOnly?: boolean;
  /** If false, all groups share one set of neurons. */
  readonly dependsOnGroup: boolean;
  /** Seeds that each protocol averages random perturbations of its neurons over; default: 10. */
  readonly repeats?: Readonly<Record<Protocol, number>>;
  /** A score for each neuron or single weight of the model, [M] in layer order. */
  readonly scores: (context: ScoringContext) => Promise<Float32Array>;
  /** The layers that it chooses from, in their order; default: all. */
  readonly layers?: (layers: readonly ModelLayer[], settings: PlaceSettings) => readonly ModelLayer[];
  /** Whether it chooses the largest (default) or the smallest scores. */
  readonly order?: (settings: PlaceSettings) => MagnitudeOrder;
}

/** A model to score, its data, and how. */
export interface ScoringContext extends JobOptions, Pick<ChoiceSettings, 'loss'> {
  readonly model: Model;
  readonly loader: BatchLoader;
  readonly batchSize: number;
  /** Default: whole neurons. */
  readonly unit?: Unit | undefined;
  /** Draws the samples that gradients are taken on. */
  readonly samples: () => Promise<GradientSamples>;
  /** Draws them of the other groups of the class. Throws `DATASET_EMPTY_GROUP` if there are none. */
  readonly others: () => Promise<GradientSamples>;
  /** Whether the gradients are added to those that the model holds. */
  readonly addsToGradient?: boolean | undefined;
}

/** Settings that restrict the layers of a criterion. */
type PlaceSettings = Pick<ChoiceSettings, 'magnitudeLayers' | 'magnitudeOrder'>;

function gave(name: string, problem: string): SpurmemError {
  return new SpurmemError('NEURONS_INVALID', `The criterion ${name} gave ${problem}.`, {
    parameter: 'criteria',
  });
}

/** Scores by a criterion of one's own. Throws `NEURONS_INVALID` if its promise cannot settle, or it changes the model. */
export async function ownScores({ name, scores }: Criterion, context: ScoringContext): Promise<unknown> {
  const { model } = context;
  const before = await fingerprint(model);
  let onExit = (): void => undefined;
  // Node.js would end the process without a word.
  const never = new Promise<never>((_, reject) => {
    onExit = () => {
      reject(gave(name, 'a promise that never settles'));
    };
    process.once('beforeExit', onExit);
  });
  try {
    const given = await Promise.race([scores(context), never]);
    if ((await fingerprint(model)) === before) return given;
  } finally {
    process.off('beforeExit', onExit);
  }
  throw gave(name, 'scores, and changed the weights of the model, of which the results are to be');
}

async function fingerprint(model: Model): Promise<number> {
  const tensors = Object.values(await model.stateDict());
  return tensors.reduce(
    (sum, { data }) => crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sum),
    0,
  );
}

/** Returns the scores of a criterion of one's own. Throws `NEURONS_INVALID` unless they are a Float32Array of a finite one per neuron. */
export function checkedScores(name: string, scores: unknown, layers: readonly NeuronLayer[]): Float32Array {
  const refused = (problem: string): SpurmemError => gave(name, problem);
  if (Object.prototype.toString.call(scores) !== '[object Float32Array]') throw refused('no Float32Array');
  const given = scores as Float32Array;
  const count = countNeurons(layers);
  if (given.length > count) throw refused(`${given.length} scores for ${count} neurons`);
  const odd = Array.from({ length: count }).findIndex((_, place) => !Number.isFinite(given[place]));
  if (odd < 0) return given;
  throw refused(`${given[odd] ?? 'no score'} for the neuron ${placeText(placeAt(odd, layers))}`);
}

/** The layers of a model that a criterion chooses from, in the model's order. Throws `NEURONS_INVALID` if it names none of the model's. */
export function candidateLayers(
  criterion: Criterion,
  layers: readonly ModelLayer[],
  settings: PlaceSettings,
): readonly ModelLayer[] {
  if (criterion.layers === undefined) return layers;
  const given: unknown = criterion.layers(layers, settings);
  const names = Array.isArray(given) ? given.map((one) => (one as Partial<ModelLayer> | null)?.name) : [];
  const chosen = layers.filter(({ name }) => names.includes(name));
  if (chosen.length > 0 && chosen.length === names.length) return chosen;
  throw gave(criterion.name, 'no list of some of the layers that it got');
}

/**
 * The k neurons that a criterion chooses by its scores of all of a model's layers, best first; ties go to the lower index. Throws
 * `NEURONS_INVALID` when k exceeds the neurons that it chooses from, or is no positive integer.
 */
export function selectByCriterion(
  criterion: Criterion,
  scores: Float32Array,
  layers: readonly ModelLayer[],
  settings: PlaceSettings,
  k: number,
): Neuron[] {
  const candidates = candidateLayers(criterion, layers, settings);
  const isAll = candidates.length === layers.length;
  const ofCandidates = isAll ? scores : new Float32Array(countNeurons(candidates));
  let to = 0;
  for (const { name } of isAll ? [] : candidates) {
    const { start, size } = startOf(layers, name);
    ofCandidates.set(scores.subarray(start, start + size), to);
    to += size;
  }
  const order: unknown = criterion.order?.(settings) ?? 'largest';
  if (!MAGNITUDE_ORDERS.includes(order as MagnitudeOrder))
    throw gave(criterion.name, `the order ${String(order)}, and not one of ${MAGNITUDE_ORDERS.join(', ')}`);
  if (order !== 'smallest') return selectTopK(ofCandidates, candidates, k);
  const negated = ofCandidates.map((score) => -score);
  return selectTopK(negated, candidates, k).map((neuron) => ({ ...neuron, score: -neuron.score }));
}
