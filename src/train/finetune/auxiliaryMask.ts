import { usageError } from '../../errors.js';
import { type CriterionName, criterionNamed } from '../../neurons/criteria.js';
import { selectByCriterion } from '../../neurons/criterion.js';
import { type Neuron, type NeuronPlace, placeText } from '../../neurons/neuron.js';
import { countByLayer, permutedNeurons, randomNeuronsByLayer } from '../../neurons/nulls.js';
import { type GradientSamples, gradientSamples } from '../../neurons/samples.js';
import { countNeurons, fractionToCount, unitLayers } from '../../neurons/select.js';
import type { Run } from '../run.js';
import type { FinetuneConfig } from './config.js';

/**
 * The neurons that the auxiliary model f(m * theta, .) lacks in an epoch (article, "Spurious memorization by critical neurons"),
 * highest score first: ceil(fraction * M) by the criterion on the target model; for `combined` as many by each criterion of the
 * article, without repeats; for `random-same-layers` as many of each layer as the gradient chooses there.
 */
export async function auxiliaryNeurons(run: Run<FinetuneConfig>, epoch: number): Promise<readonly Neuron[]> {
  const { config, model, loader, generator, job } = run;
  const { criterion, unit, loss, batchSize, staleGradient: addsToGradient } = config;
  const layers = unitLayers(model.description.layers, unit);
  const count = fractionToCount(config.fraction, countNeurons(layers));
  const samples = async (): Promise<GradientSamples> => {
    const task = `${run.title(epoch)}, losses`;
    const labels = config.gradientSource === 'pseudo-labels' ? 'predicted' : 'own';
    const options = { ...job, settings: config, batchSize, generator, task, labels } as const;
    const [found] = await gradientSamples(model, loader, sourceIndices(run), options);
    return found as GradientSamples;
  };
  const chosenBy = async (name: CriterionName): Promise<Neuron[]> => {
    const byName = criterionNamed(name);
    // No mask contrasts groups.
    const how = { batchSize, unit, loss, samples, others: samples, addsToGradient };
    const scores = await byName.scores({ ...job, model, loader, ...how });
    if (scores.some(Number.isNaN)) throw run.diverged(`${name} scores became NaN in epoch ${epoch}.`);
    return selectByCriterion(byName, scores, layers, config, count);
  };
  if (criterion === 'none') return [];
  if (criterion === 'random') return unscored(permutedNeurons(count, layers, generator));
  if (criterion === 'random-same-layers') {
    const counts = countByLayer(await chosenBy('gradient'));
    return unscored(randomNeuronsByLayer(counts, layers, generator));
  }
  if (criterion !== 'combined') return chosenBy(criterion);
  const byGradient = await chosenBy('gradient');
  const places = new Set(byGradient.map(placeText));
  const byMagnitude = await chosenBy('magnitude');
  return [...byGradient, ...byMagnitude.filter((neuron) => !places.has(placeText(neuron)))];
}

function unscored(places: readonly NeuronPlace[]): Neuron[] {
  return places.map((place) => ({ ...place, score: 0 }));
}

function sourceIndices({ config, loader: { dataset } }: Run<FinetuneConfig>): Int32Array {
  const { train } = dataset.splits;
  if (config.gradientSource !== 'minority-groups') return train;
  const minorities = new Set(dataset.minorityGroups);
  const images = train.filter((index) => minorities.has(dataset.groups[index] as number));
  if (images.length > 0) return images;
  const problem =
    `\`gradientSource\` is minority-groups, and ${dataset.name} has no training image of a minority group: its training groups have ` +
    `${dataset.counts.train.join(', ')} images.`;
  const advice = 'Leave `gradientSource` out, or name another `data`.';
  throw usageError('gradientSource', config.gradientSource, 'nothing here', problem, advice);
}
