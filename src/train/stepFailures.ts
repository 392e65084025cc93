import type { Batch, Batches, BatchLoader } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { invalidParameter, messageOf, SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { BatchNormStatistics, Tensor } from '../native/interface.js';

/** The max number of images that a message names. */
const NAMED_IMAGES = 10;

/** Returns the error of a batch that does not fit into memory. */
export function tooLarge(size: number, cause: unknown): SpurmemError {
  return new SpurmemError('NATIVE_FAILED', `A batch of ${size} images does not fit into memory.`, {
    parameter: 'batchSize',
    value: size,
    advice: ['Choose a smaller `batchSize`, or free memory.'],
    cause,
  });
}

/**
 * Throws `USAGE` before the first step if a batch cannot be trained: it has fewer images than there are processes, or a process gets a
 * single image, from which a batch-norm layer cannot compute a variance, unless its statistics are frozen.
 */
export async function requireLastBatch(
  model: Model,
  loader: BatchLoader,
  { indices, batchSize }: Batches<Batch>,
  statistics: BatchNormStatistics,
): Promise<void> {
  const smallest = indices.length % batchSize || Math.min(batchSize, indices.length);
  model.context.partOf(indices.subarray(-smallest));
  if (Math.floor(smallest / model.context.worldSize) !== 1 || statistics === 'frozen') return;
  // All processes try one image, so that all fail together.
  using last = await loader.evaluation(indices.slice(-1), 1).start(1);
  try {
    using _logits = (await model.network.run(last.images, { statistics: 'separate' })).logits;
  } catch (error) {
    const expected = 'a size that leaves no batch of one image for a process';
    throw invalidParameter('batchSize', batchSize, expected, [
      `An epoch has ${indices.length} images, and its smallest batch ${smallest}: ${messageOf(error)}`,
    ]);
  }
}

/** Names the images of a batch whose logits are not finite; all if each or none is to blame. */
export async function culprits(
  { examples }: Pick<Dataset, 'examples'>,
  indices: Int32Array,
  logits: Tensor,
): Promise<string> {
  const values = (await logits.data()) as Float32Array;
  const classes = values.length / indices.length;
  const bad = indices.filter((_, i) =>
    values.subarray(i * classes, (i + 1) * classes).some((value) => !Number.isFinite(value)),
  );
  const blamed = bad.length > 0 ? bad : indices;
  const which = blamed.length < indices.length ? 'Of its images, not finite are' : 'Its images are';
  const names = Array.from(blamed, (index) => examples[index]?.filename ?? '');
  const others = names.length > NAMED_IMAGES ? ` and ${names.length - NAMED_IMAGES} more` : '';
  return `${which} ${names.slice(0, NAMED_IMAGES).join(', ')}${others}.`;
}
