import type { BatchLoader } from '../data/batches.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { Generator, Unit } from '../native/addon.js';
import type { JobOptions } from '../progress.js';
import { type CriterionName, criterionNamed } from './criteria.js';
import type { GradientSamples } from './criterion.js';
import { worstSamples } from './score.js';
import type { ChoiceSettings } from './settings.js';

/** A model whose neurons are chosen, its data, and how they are chosen. */
export interface ChoiceContext extends JobOptions {
  readonly model: Model;
  readonly loader: BatchLoader;
  readonly settings: ChoiceSettings;
  readonly batchSize: number;
}

/**
 * The samples that gradients are taken on (article, Methods): of each pool, those that `worstSamples` draws by their losses, which
 * are computed once for all pools.
 *
 * @param indices positions in the dataset's examples, [N]
 * @param options.pools parts of `indices`, in the order of the draws; default: one of all
 * @param options.labels whose losses count: the samples' own classes, or the predicted ones, which the gradient then takes as well
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
  const valueOf = (values: ArrayLike<number>, index: number): number =>
    values[places.get(index) as number] as number;
  return pools.map((pool) => {
    const examples = Array.from(pool, (index) => ({ index, loss: valueOf(found.losses, index) }));
    const chosen = worstSamples(examples, settings, generator);
    return {
      indices: chosen,
      labels: labels === 'own' ? undefined : chosen.map((index) => valueOf(found.predictions, index)),
    };
  });
}

/**
 * The score of each neuron by a criterion, or of each single weight where that is the unit: [M] in layer order.
 *
 * @param samples of the gradient; drawn when the criterion asks for them
 * @param options.unit default: that of the settings
 */
export function scoreNeurons(
  { settings, ...context }: ChoiceContext,
  criterion: CriterionName,
  samples: () => Promise<GradientSamples>,
  options: { readonly unit?: Unit; readonly addsToGradient?: boolean } = {},
): Promise<Float32Array> {
  const { unit, loss } = settings;
  return criterionNamed(criterion).scores({ ...context, unit, loss, samples, ...options });
}
