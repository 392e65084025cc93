import { open } from 'node:fs/promises';
import { SpurmemError } from '../errors.js';
import { requireReadable } from '../files.js';
import { unreadable } from './fingerprint.js';
import { canonicalNames } from './parameterNames.js';
import { resaveLine, UnusableContent } from './pytorchAdvice.js';
import { readPytorch } from './pytorchFile.js';
import { readSafetensors, type TensorData } from './safetensors.js';

/** Tensors by their names. */
type Tensors = Readonly<Record<string, TensorData>>;

/** Weights by the names that a model's `state_dict()` has. */
export interface WeightsFile {
  readonly tensors: Tensors;
  /** The file's own names, which a model may have as they are. */
  readonly named: Tensors;
  /** The format, the place in the file and the renamed names, in words. */
  readonly source: string;
}

/** The magic number that torch.save wrote before its zip format, as the pickled integer that a file begins with. */
const LEGACY_MAGIC = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
const PREFIX_BYTES = 512;

/**
 * Reads a weights file: safetensors, or what torch.save wrote (.pth, .pt, .pth.tar). The content decides, not the name.
 * The prefixes of DataParallel and torch.compile are taken off, and a `fc.0` or `head.0` becomes `fc` or `head`.
 *
 * @throws `WEIGHTS_INVALID` naming the file and what to do
 */
export async function readWeights(path: string): Promise<WeightsFile> {
  const format = await formatOf(path);
  const { tensors, source } =
    format === 'safetensors'
      ? { tensors: (await readSafetensors(path)).tensors, source: 'safetensors' }
      : await readPytorchWeights(path);
  try {
    const { values, changes } = canonicalNames(tensors);
    return { tensors: values, named: tensors, source: [source, ...changes].join(', ') };
  } catch (error) {
    if (!(error instanceof UnusableContent)) throw error;
    throw new SpurmemError('WEIGHTS_INVALID', `${path}: ${error.message}`, { cause: error });
  }
}

async function readPytorchWeights(path: string): Promise<Pick<WeightsFile, 'tensors' | 'source'>> {
  const { tensors, keys } = await readPytorch(path);
  return { tensors, source: keys.length === 0 ? 'PyTorch' : `PyTorch, ${keys.join('.')}` };
}

async function formatOf(path: string): Promise<'safetensors' | 'pytorch'> {
  const start = await readStart(path);
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04')) return 'pytorch';
  // A JSON object after the 8 bytes of its length.
  if (text[8] === '{' || path.endsWith('.safetensors')) return 'safetensors';
  // Before the zip format, torch.save wrote pickles in a row, and tar files in its first year.
  const isLegacy = start.subarray(0, 32).includes(LEGACY_MAGIC) || text.slice(257, 262) === 'ustar';
  throw new SpurmemError(
    'WEIGHTS_INVALID',
    isLegacy
      ? `${path} is in PyTorch's legacy format, from before its zip format. Convert it with this line of Python:\n${resaveLine(path)}`
      : `${path} is neither a safetensors nor a PyTorch file${hint(text)}.`,
  );
}

/** The advice for files that users often have in place of the one that they meant. */
function hint(text: string): string {
  if (text.length === 0) return ': it is empty. Copy or download it again';
  if (text.startsWith('version https://git-lfs')) return ": it is Git LFS's pointer to one. Run git lfs pull";
  if (/^\s*<(!doctype|html)/i.test(text)) return ': it is a web page. Download the file itself';
  if (text.startsWith('\x1f\x8b')) return ': it is compressed. Unpack it with gunzip';
  return '. Copy or download it again, or save one: torch.save(model.state_dict(), ...)';
}

async function readStart(path: string): Promise<Buffer> {
  try {
    await requireReadable(path);
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PREFIX_BYTES), 0, PREFIX_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(path, error);
  }
}
