import type { BatchLoader } from '../data/batches.js';
import type { Loss } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import type { Unit } from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import type { ModelLayer, Neuron } from './neuron.js';
import { type MagnitudeOrder, scoresOf, selectTopK } from './select.js';
import type { ChoiceSettings } from './settings.js';

/** How neurons are scored (article, "Identification of critical neurons"). `CRITERIA` lists all of them. */
export interface Criterion {
  /** Its name in options and files. */
  readonly name: string;
  /** After "the neurons with the": `largest gradient`. */
  readonly largest: string;
  /** Whether the article has it, so that its figures show it unless others are asked for. */
  readonly inArticle?: boolean;
  /** Whether its scores depend on the group; if not, all groups share one set of neurons. */
  readonly dependsOnGroup: boolean;
  /** How many seeds each protocol averages random perturbations of its neurons over. */
  readonly repeats: Readonly<Record<Protocol, number>>;
  /** A score for each of the model's neurons, or of its single weights where they are the unit: [M] in layer order. */
  readonly scores: (context: ScoringContext) => Promise<Float32Array>;
  /** The layers that it chooses from, in their order; left out: all of them. */
  readonly layers?: (layers: readonly ModelLayer[], settings: PlaceSettings) => readonly ModelLayer[];
  /** By which end of the scores it chooses; left out: the largest. */
  readonly order?: (settings: PlaceSettings) => MagnitudeOrder;
}

/** The inputs of a criterion's scores. */
export interface ScoringContext extends JobOptions {
  readonly model: Model;
  readonly loader: BatchLoader;
  readonly unit: Unit;
  readonly loss: Loss;
  readonly batchSize: number;
  /** The samples that gradients are taken on; drawn when they are first asked for. */
  readonly samples: () => Promise<GradientSamples>;
  /** Whether the gradients that the model holds already are left in the sum. */
  readonly addsToGradient?: boolean | undefined;
}

/** The samples that gradients are taken on. */
export interface GradientSamples {
  /** Positions in the dataset's examples, [N]. */
  readonly indices: Int32Array;
  /** Classes to take for the samples' own, such as pseudo labels, [N]. */
  readonly labels?: Int32Array | undefined;
}

/** Settings that say where a criterion chooses. */
type PlaceSettings = Pick<ChoiceSettings, 'magnitudeLayers' | 'magnitudeOrder'>;

/** The layers of a model that a criterion chooses from, in the model's order. */
export function candidateLayers(
  criterion: Criterion,
  layers: readonly ModelLayer[],
  settings: PlaceSettings,
): readonly ModelLayer[] {
  return criterion.layers?.(layers, settings) ?? layers;
}

/**
 * The k neurons that a criterion chooses from a whole model, best first; ties go to the lower index.
 *
 * @param scores the criterion's, [M] in the order of `layers`
 * @param layers all of the model's
 * @throws `NEURONS_INVALID` when k exceeds the neurons that it chooses from, or is no positive integer
 */
export function selectByCriterion(
  criterion: Criterion,
  scores: Float32Array,
  layers: readonly ModelLayer[],
  settings: PlaceSettings,
  k: number,
): Neuron[] {
  const candidates = candidateLayers(criterion, layers, settings);
  const ofCandidates = scoresOf(scores, layers, candidates);
  if (criterion.order?.(settings) !== 'smallest') return selectTopK(ofCandidates, candidates, k);
  const negated = ofCandidates.map((score) => -score);
  return selectTopK(negated, candidates, k).map((neuron) => ({ ...neuron, score: -neuron.score }));
}
