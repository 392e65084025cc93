import { groupCounts } from '../data/dataset.js';
import { minorityGroups } from '../data/minorityGroups.js';
import { SpurmemError } from '../errors.js';
import { evaluate } from '../metrics/evaluate.js';
import type { ModelLayer, Neuron, NeuronLayer } from '../neurons/neuron.js';
import { gradientScores, magnitudeScores, worstSamples, type ScoredExample } from '../neurons/score.js';
import {
  countNeurons,
  fractionToCount,
  magnitudeLayers,
  scoresOf,
  selectTopK,
  unitLayers,
} from '../neurons/select.js';
import type { FinetuneConfig } from './runConfig.js';
import type { Trainer } from './trainer.js';

/**
 * The neurons that the auxiliary model f(m * theta, .) lacks in an epoch (article, "Spurious memorization by critical
 * neurons"): ceil(fraction * M) by the criterion, scored on the target model as it is; for `combined` as many by each
 * criterion, without repeats; for `random` drawn from all neurons.
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
  switch (config.criterion) {
    case 'none':
      return [];
    case 'random':
      return randomNeurons(count, layers, trainer);
    case 'gradient':
      return selectTopK(await gradientOf(trainer, epoch), layers, count);
    case 'magnitude':
      return byMagnitude(trainer, layers, count);
    case 'combined': {
      const byGradient = selectTopK(await gradientOf(trainer, epoch), layers, count);
      const places = new Set(byGradient.map(placeOf));
      const others = (await byMagnitude(trainer, layers, count)).filter(
        (neuron) => !places.has(placeOf(neuron)),
      );
      return [...byGradient, ...others];
    }
  }
}

function placeOf({ layer, index }: Neuron): string {
  return `${layer}[${index}]`;
}

async function byMagnitude(
  { model, config }: Trainer<FinetuneConfig>,
  layers: readonly ModelLayer[],
  count: number,
): Promise<Neuron[]> {
  const candidates = magnitudeLayers(layers, config.magnitudeLayers);
  const scores = scoresOf(await magnitudeScores(model, config.unit), layers, candidates);
  if (config.magnitudeOrder === 'largest') return selectTopK(scores, candidates, count);
  const negated = scores.map((score) => -score);
  return selectTopK(negated, candidates, count).map((neuron) => ({ ...neuron, score: -neuron.score }));
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

/** Scores by the gradient on the worst samples of the source, [M]. */
async function gradientOf(trainer: Trainer<FinetuneConfig>, epoch: number): Promise<Float32Array> {
  const { config, model, loader, generator, job } = trainer;
  const { dataset } = loader;
  const usesPseudoLabels = config.gradientSource === 'pseudo-labels';
  const indices = sourceIndices(trainer);
  const { losses, predictions } = await evaluate(model, loader, indices, {
    ...job,
    batchSize: config.batchSize,
    loss: config.loss,
    lossLabels: usesPseudoLabels ? 'predicted' : 'own',
    task: `epoch ${epoch}/${config.epochs}, losses`,
  });
  const examples = Array.from(indices, (index, i): ScoredExample => ({ index, loss: losses[i] as number }));
  const source = worstSamples(examples, {
    worst: config.gradientWorst,
    drawn: config.gradientDrawn,
    order: config.gradientOrder,
    generator,
  });
  const predicted = new Map(Array.from(indices, (index, i) => [index, predictions[i] as number]));
  return gradientScores(model, loader, source, {
    ...job,
    batchSize: config.batchSize,
    unit: config.unit,
    loss: config.loss,
    labels: source.map((index) =>
      usesPseudoLabels ? (predicted.get(index) as number) : (dataset.labels[index] as number),
    ),
    addsToGradient: config.staleGradient,
  });
}

function sourceIndices({ config, loader: { dataset } }: Trainer<FinetuneConfig>): Int32Array {
  const { train } = dataset.splits;
  if (config.gradientSource !== 'minority-groups') return train;
  const minorities = new Set(minorityGroups(dataset));
  if (minorities.size === 0) {
    throw new SpurmemError(
      'USAGE',
      `--gradient-source is minority-groups, and ${dataset.name} has none: its training groups have ` +
        `${groupCounts(dataset, 'train').join(', ')} examples. Choose another --gradient-source.`,
    );
  }
  return train.filter((index) => minorities.has(dataset.groups[index] as number));
}
