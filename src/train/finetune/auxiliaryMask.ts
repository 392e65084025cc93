import { SpurmemError } from '../../errors.js';
import { evaluate } from '../../metrics/evaluate.js';
import { criterionNamed, type CriterionName } from '../../neurons/criteria.js';
import { selectByCriterion, type GradientSamples } from '../../neurons/criterion.js';
import type { ModelLayer, Neuron, NeuronLayer } from '../../neurons/neuron.js';
import { countByLayer, randomNeuronsByLayer } from '../../neurons/randomNeurons.js';
import { worstSamples, type ScoredExample } from '../../neurons/score.js';
import { countNeurons, fractionToCount, selectTopK, unitLayers } from '../../neurons/select.js';
import type { Trainer } from '../trainer.js';
import type { FinetuneConfig } from './config.js';

/**
 * The neurons that the auxiliary model f(m * theta, .) lacks in an epoch (article, "Spurious memorization by critical
 * neurons"): ceil(fraction * M) by the criterion, scored on the target model as it is; for `combined` as many by each
 * criterion of the article, without repeats; for `random` drawn from all neurons, and for `random-same-layers` as many of
 * each layer as the gradient chooses there.
 *
 * @returns highest score first
 */
export async function auxiliaryNeurons(
  trainer: Trainer<FinetuneConfig>,
  epoch: number,
): Promise<readonly Neuron[]> {
  const { config, model } = trainer;
  const layers = unitLayers(model.description.layers, config.unit);
  const count = fractionToCount(config.fraction, countNeurons(layers));
  const chosenBy = (name: CriterionName): Promise<Neuron[]> => chosen(trainer, epoch, name, layers, count);
  const { criterion } = config;
  if (criterion === 'none') return [];
  if (criterion === 'random') return randomNeurons(count, layers, trainer);
  if (criterion === 'random-same-layers') {
    const places = randomNeuronsByLayer(countByLayer(await chosenBy('gradient')), layers, trainer.generator);
    return places.map((place) => ({ ...place, score: 0 }));
  }
  if (criterion !== 'combined') return chosenBy(criterion);
  const byGradient = await chosenBy('gradient');
  const places = new Set(byGradient.map(placeOf));
  const byMagnitude = await chosenBy('magnitude');
  return [...byGradient, ...byMagnitude.filter((neuron) => !places.has(placeOf(neuron)))];
}

function placeOf({ layer, index }: Neuron): string {
  return `${layer}[${index}]`;
}

async function chosen(
  trainer: Trainer<FinetuneConfig>,
  epoch: number,
  name: CriterionName,
  layers: readonly ModelLayer[],
  count: number,
): Promise<Neuron[]> {
  const { config, model, loader, job } = trainer;
  const criterion = criterionNamed(name);
  const scores = await criterion.scores({
    ...{ ...job, model, loader, unit: config.unit, loss: config.loss, batchSize: config.batchSize },
    samples: () => gradientSamples(trainer, epoch),
    addsToGradient: config.staleGradient,
  });
  return selectByCriterion(criterion, scores, layers, config, count);
}

/** Each set equally likely; the score is 0, because nothing was scored. */
function randomNeurons(
  count: number,
  layers: readonly NeuronLayer[],
  { generator }: Trainer<FinetuneConfig>,
): Neuron[] {
  const draws = Float32Array.from(generator.randperm(countNeurons(layers)));
  return selectTopK(draws, layers, count).map((neuron) => ({ ...neuron, score: 0 }));
}

/** The worst samples of the source, and the labels that they are taken under. */
async function gradientSamples(trainer: Trainer<FinetuneConfig>, epoch: number): Promise<GradientSamples> {
  const { config, model, loader, generator, job } = trainer;
  const usesPseudoLabels = config.gradientSource === 'pseudo-labels';
  const source = sourceIndices(trainer);
  const { losses, predictions } = await evaluate(model, loader, source, {
    ...job,
    batchSize: config.batchSize,
    loss: config.loss,
    lossLabels: usesPseudoLabels ? 'predicted' : 'own',
    task: `epoch ${epoch}/${config.epochs}, losses`,
  });
  const examples = Array.from(source, (index, i): ScoredExample => ({ index, loss: losses[i] as number }));
  const indices = worstSamples(examples, {
    worst: config.gradientWorst,
    drawn: config.gradientDrawn,
    order: config.gradientOrder,
    generator,
  });
  const predicted = new Map(Array.from(source, (index, i) => [index, predictions[i] as number]));
  const labels = usesPseudoLabels ? indices.map((index) => predicted.get(index) as number) : undefined;
  return { indices, labels };
}

function sourceIndices({ config, loader: { dataset } }: Trainer<FinetuneConfig>): Int32Array {
  const { train } = dataset.splits;
  if (config.gradientSource !== 'minority-groups') return train;
  const minorities = new Set(dataset.minorityGroups);
  const ofMinorities = train.filter((index) => minorities.has(dataset.groups[index] as number));
  if (ofMinorities.length === 0) {
    throw new SpurmemError(
      'USAGE',
      `\`gradientSource\` is minority-groups, and ${dataset.name} has no example of any: its training groups have ` +
        `${dataset.counts.train.join(', ')} examples.`,
      {
        ...{ parameter: 'gradientSource', value: 'minority-groups', expected: 'another source here' },
        advice: ['Choose another `gradientSource`.'],
      },
    );
  }
  return ofMinorities;
}
