import type { TensorData } from '../../models/safetensors.js';
import type { Criterion } from '../criterion.js';
import { gradientScores } from '../score.js';
import { countNeurons, unitLayers } from '../select.js';

/**
 * Steps of Adam, their rate, and the weight of the mean scale in the loss. A scale that only the penalty moves reaches 0 in the last step. The
 * penalty was chosen on training images: their loss stays below the start's, and few scales end at 0 or 1, where they tie.
 */
const [STEPS, RATE, PENALTY] = [50, 0.02, 1];
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];
/** At 0 itself the product of gradient and weight would not tell the slope. */
const SMALLEST = 1e-3;

/**
 * The learned mask that Chang et al. call Slimming ("Do Localization Methods Actually Localize Memorized Data in LLMs?", 2024): each neuron's
 * weights get a scale from 0 to 1, and Adam minimizes the loss on a group's worst samples plus a penalty on the mean scale. A scale that stays
 * high is needed. Meanwhile the model's weights are the scaled ones: nothing else may use it.
 */
export const learnedMask = {
  name: 'learned-mask',
  dependsOnGroup: true,
  async scores(context) {
    const { model, loader, unit = 'neuron' } = context;
    const { indices, labels } = await context.samples();
    const state = await model.stateDict();
    const layers = unitLayers(model.description.layers, unit);
    const own = model.description.layers.map(({ weight }) => [weight, state[weight] as TensorData] as const);
    const scales = new Float32Array(countNeurons(layers)).fill(1);
    const [means, squares] = [new Float64Array(scales.length), new Float64Array(scales.length)];
    try {
      for (let step = 1; step <= STEPS; step += 1) {
        const growth = await gradientScores(model, loader, indices, {
          ...context,
          labels,
          timesWeight: true,
        });
        for (const [i, scale] of scales.entries()) {
          const slope = PENALTY / scales.length - (growth[i] as number) / scale;
          const mean = BETA1 * (means[i] as number) + (1 - BETA1) * slope;
          const square = BETA2 * (squares[i] as number) + (1 - BETA2) * slope ** 2;
          [means[i], squares[i]] = [mean, square];
          const change = mean / (1 - BETA1 ** step) / (Math.sqrt(square / (1 - BETA2 ** step)) + EPSILON);
          scales[i] = Math.min(1, Math.max(SMALLEST, scale - RATE * change));
        }
        let first = 0;
        for (const [layer, [name, { shape, data }]] of own.entries()) {
          const { size } = layers[layer] as (typeof layers)[number];
          const [each, from] = [data.length / size, first];
          const scaled = Float32Array.from(
            data as Float32Array,
            (weight, i) => weight * (scales[from + Math.floor(i / each)] as number),
          );
          await model.loadStateDict({ [name]: { shape, data: scaled } });
          first += size;
        }
      }
      return scales;
    } finally {
      await model.loadStateDict(Object.fromEntries(own));
    }
  },
} as const satisfies Criterion;
