import { SpurmemError } from '../errors.js';
import type { Model } from './model.js';
import { readWeights, type WeightsFile } from './readWeights.js';
import { sameShape, type TensorData } from './safetensors.js';

/** A count of training batches that old files lack; batch-norm does not use it. */
const OPTIONAL = '.num_batches_tracked';

/**
 * Loads a weights file (safetensors or PyTorch, see `readWeights`) into a model. A head with another number of classes
 * is replaced: the model keeps its own, freshly drawn one.
 *
 * @param advice what to do about a file that does not fit
 * @param content the file, where it is being read already (`readAhead`)
 * @returns the head's parameters that keep their initial values, because the file's head has other classes
 * @throws `WEIGHTS_INVALID` naming the missing and unexpected parameters, or those of another shape or with values that are not finite
 */
export async function loadWeights(
  model: Model,
  path: string,
  advice = 'Choose the architecture that it was saved from with `arch`.',
  content: Promise<WeightsFile> = readWeights(path),
): Promise<{ readonly newHead: readonly string[] }> {
  const { tensors: renamed, named, source } = await content;
  const head = [model.head.weight, model.head.bias];
  const { parameters, buffers } = model.description;
  const shapes = new Map([...parameters, ...buffers].map(({ name, shape }) => [name, shape]));
  // An exported network's layers may have the very names that training scripts wrap around others.
  const tensors = [...shapes.keys()].every((name) => Object.hasOwn(named, name)) ? named : renamed;
  const hasOtherHead = head.some((name) => !sameShape(tensors[name]?.shape, shapes.get(name)));
  const newHead: readonly string[] = hasOtherHead ? head : [];
  const missing = [...shapes.keys()].filter(
    (name) => !Object.hasOwn(tensors, name) && !newHead.includes(name) && !name.endsWith(OPTIONAL),
  );
  const unexpected = Object.keys(tensors).filter((name) => !shapes.has(name) && !name.endsWith(OPTIONAL));
  const misshapen = Object.entries(tensors).flatMap(([name, { shape }]) => {
    const wanted = shapes.get(name);
    if (wanted === undefined || newHead.includes(name) || sameShape(shape, wanted)) return [];
    return [`${name} is [${shape.join(', ')}], not [${wanted.join(', ')}]`];
  });
  const flaws = Object.entries({ missing, unexpected, 'other shape': misshapen })
    .filter(([, names]) => names.length > 0)
    .map(([flaw, names]) => `  ${flaw}: ${list(names)}\n`);
  if (flaws.length > 0) {
    const origin = source === 'safetensors' ? '' : `  read as: ${source}\n`;
    throw new SpurmemError(
      'WEIGHTS_INVALID',
      `${path} does not fit ${model.arch}:\n${origin}${flaws.join('')}`,
      { advice: [advice] },
    );
  }
  const wanted: Record<string, TensorData> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (newHead.includes(name) || !shapes.has(name)) continue;
    const flaw = flawOf(name, tensor);
    if (flaw !== undefined) {
      const problem = `${path}: ${list([name])} ${flaw}: no model can compute with it.`;
      throw new SpurmemError('WEIGHTS_INVALID', problem, {
        advice: ['Copy or download the file again, or take an earlier checkpoint.'],
      });
    }
    wanted[name] = tensor;
  }
  await model.loadStateDict(wanted);
  return { newHead };
}

/** Reads a weights file while its model is made, which draws its initial weights on another thread. Whoever awaits it sees its error. */
export function readAhead(path: string): Promise<WeightsFile> {
  const content = readWeights(path);
  content.catch(() => undefined);
  return content;
}

/** The flaw of a tensor's values that makes all results NaN; undefined for sound ones. */
function flawOf(name: string, { data }: TensorData): string | undefined {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return undefined;
  const infinite = countInfinite(data instanceof Float64Array ? Float32Array.from(data) : data);
  if (infinite > 0) return `has ${infinite} of ${data.length} values that are infinite or NaN`;
  if (name.endsWith('.running_var') && data.some((value) => value < 0)) return 'has a variance below 0';
  return undefined;
}

/**
 * How many values are infinite or NaN: those whose difference from themselves is not 0. A model has millions, for which `reduce` takes
 * six times as long, and an iterator three times.
 */
function countInfinite(values: Float32Array): number {
  let count = 0;
  let index = values.length;
  while (index > 0) {
    index -= 1;
    const value = values[index] as number;
    if (value - value !== 0) count += 1;
  }
  return count;
}

function list(names: readonly string[]): string {
  // Names come from a file: no control characters on a terminal.
  const shown = names
    .slice(0, 10)
    .join(', ')
    .replace(/\p{Cc}/gu, '?');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
