import { BatchLoader } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import type { Augmentation, Preprocessing } from '../data/preprocessing.js';
import { SpurmemError, usageError } from '../errors.js';
import { type Program, readProgram } from '../models/exported/program.js';
import { Model } from '../models/model.js';
import { sameShape } from '../models/safetensors.js';
import { loadWeights, readAhead } from '../models/weights.js';
import { native } from '../native/addon.js';
import type { Generator } from '../native/interface.js';
import { defined } from '../settings/setting.js';
import type { InputConfig } from './inputSettings.js';
import type { RunConfig } from './runConfig.js';
import { requirePatches } from './vitOptions.js';

/** The part of a run's configuration that turns images into its model's input. */
type PreparedConfig = InputConfig & Pick<RunConfig, 'augmentation'>;

type ModelConfig = Pick<
  RunConfig,
  'arch' | 'program' | 'imageSize' | 'patchSize' | 'layerNormEps' | 'precision'
>;

/** Opens a run's images, prepared for its model. */
export async function openImages(
  config: PreparedConfig,
  dataset: Dataset,
  options: Parameters<typeof BatchLoader.open>[1],
): Promise<BatchLoader> {
  return BatchLoader.open(preparedAs(config, dataset), options);
}

/** Returns a dataset with a run's augmentation and preprocessing. */
export function preparedAs(config: PreparedConfig, dataset: Dataset): Dataset {
  const { preprocessing: known } = dataset;
  const { augmentation = known.augmentation, mean = known.mean, std = known.std, imageSize } = config;
  const { interpolation = known.interpolation } = config;
  const size = imageSize ? { resize: imageSize, crop: null } : config;
  const { resize = known.resize, crop = known.crop } = size;
  const preprocessing = { ...known, augmentation, ...defined({ interpolation }), mean, std, resize, crop };
  if (size.resize === undefined && size.crop === undefined) return { ...dataset, preprocessing };
  // Random crops have the size of evaluation.
  const evaluated = crop ?? (Array.isArray(resize) ? resize : undefined);
  return { ...dataset, preprocessing: croppedAs(preprocessing, evaluated) };
}

/**
 * Returns a run's model with initial weights. Throws `USAGE` if a vision transformer's patches do not cover the images, or a program takes
 * images of another size.
 */
export async function createModel(
  { arch, patchSize, layerNormEps, precision }: ModelConfig,
  { dataset, context, inputSize }: BatchLoader,
  generator: Generator,
  program?: Program,
): Promise<Model> {
  if (program !== undefined) {
    requireImages(program, inputSize);
    const options = { numClasses: dataset.numClasses, generator, precision, imageSize: inputSize };
    return Model.ofProgram(program, options, context);
  }
  if (patchSize !== undefined) requirePatches(inputSize, patchSize);
  return Model.create({
    context,
    arch,
    numClasses: dataset.numClasses,
    generator,
    precision,
    imageSize: inputSize,
    patchSize,
    layerNormEps,
  });
}

/** Returns a run's model with the weights of one of its checkpoints. Throws `WEIGHTS_INVALID` when they do not fit the model. */
export async function loadModel(
  config: ModelConfig,
  loader: BatchLoader,
  weights: string,
  folder: { readonly path: string; readonly program: string },
): Promise<Model> {
  const program = config.program === undefined ? undefined : await keptProgram(config, folder);
  const content = readAhead(weights);
  // All drawn weights are replaced, whatever the seed.
  const model = await createModel(config, loader, new (native().Generator)(0), program);
  try {
    const { arch, numClasses } = model;
    const advice = `${folder.path} was trained with ${arch}, ${numClasses} classes: restore the checkpoint that it wrote.`;
    const { newHead } = await loadWeights(model, weights, { advice, content });
    if (newHead.length === 0) return model;
    throw new SpurmemError('WEIGHTS_INVALID', `${weights} has a head of other classes.`, {
      advice: [advice],
    });
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** Reads the program in a run's folder. Throws `MODEL_INVALID` if it is missing or not the run's. */
async function keptProgram(
  { arch, program: hash }: Pick<RunConfig, 'arch' | 'program'>,
  { program: path }: { readonly program: string },
): Promise<Program> {
  const program = await readProgram(path, arch as Program['name']);
  if (program.file.hash === hash) return program;
  throw new SpurmemError('MODEL_INVALID', `${path} is not the program that the run was trained with.`, {
    advice: ['Restore it, or start anew in another folder.'],
  });
}

/** Throws `USAGE` if images differ in size from those that a program was exported for. */
function requireImages({ name, imageSize }: Program, inputSize: readonly [number, number]): void {
  if (imageSize === null || sameShape(imageSize, inputSize)) return;
  const [own, ofData] = [imageSize, inputSize].map((size) => size.join(' x '));
  throw usageError(
    'imageSize',
    inputSize,
    `${own ?? ''} px`,
    `${name} was exported for images of ${own ?? ''} px, and the images are ${ofData ?? ''} px.`,
    `Give \`imageSize\` ${imageSize.join('x')}, or export it for images of that size.`,
  );
}

/** With random crops of a size; undefined: of the size that evaluation gives the images. */
function croppedAs(preprocessing: Preprocessing, size: readonly [number, number] | undefined): Preprocessing {
  const { augmentation, viewAugmentation } = preprocessing;
  return {
    ...preprocessing,
    augmentation: croppedTo(augmentation, size),
    viewAugmentation: viewAugmentation && croppedTo(viewAugmentation, size),
  };
}

function croppedTo(augmentation: Augmentation, size: readonly [number, number] | undefined): Augmentation {
  if (!augmentation?.randomResizedCrop) return augmentation;
  const { size: _size, ...crop } = augmentation.randomResizedCrop;
  return { ...augmentation, randomResizedCrop: size ? { ...crop, size: [...size] } : crop };
}
