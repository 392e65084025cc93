import type { BatchLoader } from '../data/batches.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { Generator, Unit } from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import { type CriterionName, criterionNamed } from './criteria.js';
import type { GradientSamples } from './criterion.js';
import { worstSamples } from './score.js';
import type { ChoiceSettings } from './settings.js';

/** A model whose neurons are chosen, its data, and the settings of the choice. */
export interface ChoiceContext extends JobOptions {
  readonly model: Model;
  readonly loader: BatchLoader;
  readonly settings: ChoiceSettings;
  readonly batchSize: number;
}

/**
 * The samples that gradients are taken on (article, Methods), drawn by `worstSamples` from each pool.
 *
 * @param options.pools parts of `indices`, in the order of the draws; default: one of all
 * @param options.labels classes of losses and gradient: the samples' own, or the predicted ones
 */
export async function gradientSamples(
  { model, loader, settings, ...job }: ChoiceContext,
  indices: Int32Array,
  options: {
    readonly generator: Generator;
    readonly task: string;
    readonly pools?: readonly Int32Array[];
    readonly labels?: 'own' | 'predicted';
  },
): Promise<GradientSamples[]> {
  const { generator, task, pools = [indices], labels = 'own' } = options;
  const { loss } = settings;
  const found = await evaluate(model, loader, indices, { ...job, loss, task, lossLabels: labels });
  const places = new Map(Array.from(indices, (index, place) => [index, place]));
  const valueIn = (values: ArrayLike<number>) => (index: number) =>
    values[places.get(index) as number] as number;
  const [lossOf, predictionOf] = [valueIn(found.losses), valueIn(found.predictions)];
  return pools.map((pool) => {
    const examples = Array.from(pool, (index) => ({ index, loss: lossOf(index) }));
    const chosen = worstSamples(examples, settings, generator);
    return { indices: chosen, labels: labels === 'own' ? undefined : chosen.map(predictionOf) };
  });
}

/** A criterion's score of each neuron or single weight, [M] in layer order; `samples` are drawn when it asks for them. */
export function scoreNeurons(
  { settings, ...context }: ChoiceContext,
  criterion: CriterionName,
  samples: () => Promise<GradientSamples>,
  options: { readonly unit?: Unit; readonly addsToGradient?: boolean } = {},
): Promise<Float32Array> {
  const { unit, loss } = settings;
  return criterionNamed(criterion).scores({ ...context, unit, loss, samples, ...options });
}
