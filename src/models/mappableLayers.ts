import { nearestNames } from '../data/nearest.js';
import { SpurmemError } from '../errors.js';
import type { ModelDescription } from '../native/addon.js';

/**
 * Layers whose output Grad-CAM can map onto the image, in the order of a forward pass: convolutions (within a block, its
 * downsample convolution comes last), and of vision transformers the LayerNorms before attention and MLP. The last block's
 * norm2 and the final norm are left out: behind them only the class token counts, so that their patches have no gradient.
 */
export function mappableLayers({
  parameters,
  stages,
}: Pick<ModelDescription, 'parameters' | 'stages'>): string[] {
  const lastBlock = stages.findLast((stage) => stage.startsWith('blocks.'));
  return parameters
    .filter(({ name, shape }) => shape.length === 4 || /\.norm[12]\.weight$/.test(name))
    .map(({ name }) => name.replace(/\.weight$/, ''))
    .filter((name) => name !== `${lastBlock ?? ''}.norm2`);
}

/**
 * The layer that Grad-CAM maps where none is named: the last one, which is layer4.2.conv3 for ResNet-50, as in the article,
 * layer4.1.conv2 for ResNet-18, and the last block's norm1 for a vision transformer.
 */
export function defaultMappedLayer(layers: readonly string[]): string {
  const last = layers.findLast((name) => !name.includes('.downsample.'));
  if (last === undefined) throw new RangeError('The model has no layer that can be mapped');
  return last;
}

/**
 * @param whose whose layers they are, for the message
 * @throws `USAGE` naming the most similar ones when the layer is not among them
 */
export function requireMappable(layer: string, layers: readonly string[], whose: string): void {
  if (layers.includes(layer)) return;
  throw new SpurmemError(
    'USAGE',
    `\`layer\` is ${JSON.stringify(layer)}, and ${whose} has no convolution or LayerNorm of that name that can be mapped.`,
    {
      parameter: 'layer',
      value: layer,
      expected: 'a convolution or LayerNorm of the model',
      advice: [
        `The most similar: ${nearestNames(layer, layers).join(', ')}.`,
        `By default it is ${defaultMappedLayer(layers)}.`,
      ],
    },
  );
}
