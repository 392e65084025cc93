import { BatchLoader } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import type { Augmentation } from '../data/preprocessing.js';
import { SpurmemError } from '../errors.js';
import { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { type Generator, native } from '../native/addon.js';
import type { InContext } from '../native/context.js';
import type { JobOptions } from '../progress.js';
import type { RunConfig } from './runConfig.js';
import { requirePatches } from './vitOptions.js';

type ModelConfig = Pick<RunConfig, 'arch' | 'imageSize' | 'patchSize' | 'layerNormEps' | 'precision'>;

/** A run's images as its model takes them. */
export async function openImages(
  config: ModelConfig & Pick<RunConfig, 'augmentation'>,
  dataset: Dataset,
  options: JobOptions & InContext,
): Promise<BatchLoader> {
  return BatchLoader.open(preparedAs(config, dataset), options);
}

/** A dataset with a run's augmentation and in the size that it asks for, each where it has one. */
export function preparedAs(
  { augmentation, imageSize }: Pick<RunConfig, 'augmentation' | 'imageSize'>,
  dataset: Dataset,
): Dataset {
  const { preprocessing } = dataset;
  const augmented =
    augmentation === undefined ? dataset : { ...dataset, preprocessing: { ...preprocessing, augmentation } };
  return imageSize === undefined ? augmented : resized(augmented, imageSize);
}

/**
 * The model that a run's configuration describes, with initial weights drawn from the generator: the same for training,
 * resuming and tracing.
 *
 * @throws `USAGE` when a vision transformer's patches do not cover the images
 */
export async function createModel(
  { arch, patchSize, layerNormEps, precision }: ModelConfig,
  { dataset, context, inputSize }: BatchLoader,
  generator: Generator,
): Promise<Model> {
  if (patchSize !== undefined) requirePatches(inputSize, patchSize);
  const { numClasses } = dataset;
  return Model.create({
    context,
    arch,
    numClasses,
    generator,
    precision,
    imageSize: inputSize,
    patchSize,
    layerNormEps,
  });
}

/**
 * The model of a run with the weights that it wrote.
 *
 * @param weights one of the run's checkpoints
 * @param folder the run's, for messages
 * @throws `WEIGHTS_INVALID` when they are not those of this model and its classes
 */
export async function loadModel(
  config: ModelConfig,
  loader: BatchLoader,
  weights: string,
  folder: { readonly path: string },
): Promise<Model> {
  // A network begins with drawn weights: all of them are replaced, whatever the seed.
  const model = await createModel(config, loader, new (native().Generator)(0));
  try {
    const { arch, numClasses } = model;
    const advice = `${folder.path} was trained with ${arch}, ${numClasses} classes: restore the checkpoint that it wrote.`;
    const { newHead } = await loadWeights(model, weights, advice);
    if (newHead.length === 0) return model;
    throw new SpurmemError('WEIGHTS_INVALID', `${weights} has a head of other classes.`, {
      advice: [advice],
    });
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** Images resized to a size and not cropped; as they were where a crop gives that size already. */
function resized(dataset: Dataset, size: readonly [number, number]): Dataset {
  const { preprocessing } = dataset;
  const { crop, augmentation, viewAugmentation } = preprocessing;
  if (crop?.[0] === size[0] && crop[1] === size[1]) return dataset;
  return {
    ...dataset,
    preprocessing: {
      ...preprocessing,
      resize: [...size],
      crop: null,
      augmentation: croppedTo(augmentation, size),
      viewAugmentation: viewAugmentation && croppedTo(viewAugmentation, size),
    },
  };
}

/** The same with crops of another size, where it has some. */
function croppedTo(augmentation: Augmentation, size: readonly [number, number]): Augmentation {
  const crop = augmentation?.randomResizedCrop;
  return crop ? { ...augmentation, randomResizedCrop: { ...crop, size: [...size] } } : augmentation;
}
