import { open } from 'node:fs/promises';
import { messageOf, SpurmemError } from '../errors.js';
import { findState } from './checkpointContent.js';
import { unreadable } from './fingerprint.js';
import { parsePickle } from './pickle.js';
import { SAVE_STATE, scriptLine, shown, UnusableContent } from './pytorchAdvice.js';
import type { TensorData } from './safetensors.js';
import { materialize, type TensorView } from './torchTensor.js';
import { ZipArchive } from './zipArchive.js';

/** The state dict of a file that torch.save wrote. */
interface PytorchFile {
  readonly tensors: Readonly<Record<string, TensorData>>;
  /** Keys that lead to the state dict in the checkpoint; none when it is the whole file. */
  readonly keys: readonly string[];
}

/** The most bytes of tied and sliced weights, as multiples of the file's: views of one storage can claim any number. */
const MAX_EXPANSION = 4;

/**
 * Reads the state dict of a .pth, .pt or .pth.tar file in PyTorch's zip format: at the top, or under `model_state_dict`,
 * `state_dict` or `model`. float16 and bfloat16 become float32, bool becomes uint8, and every tensor row-major. Nothing in the
 * file is executed. Throws `WEIGHTS_INVALID`.
 */
export async function readPytorch(path: string): Promise<PytorchFile> {
  await using handle = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const { size } = await handle.stat();
    return await readState(path, await ZipArchive.open(handle, size), size);
  } catch (error) {
    // Whatever a damaged file makes the parsers throw is the file's fault.
    throw new SpurmemError(
      'WEIGHTS_INVALID',
      error instanceof UnusableContent
        ? `${path}: ${error.message}`
        : `${path} is not a valid PyTorch file: ${messageOf(error).replace(/\.$/, '')}. Copy or download it again.`,
      { cause: error },
    );
  }
}

async function readState(path: string, archive: ZipArchive, fileSize: number): Promise<PytorchFile> {
  const folder = rootFolder(path, archive);
  const byteOrder = `${folder}byteorder`;
  if (archive.sizeOf(byteOrder) !== undefined) {
    const order = Buffer.from(await archive.read(byteOrder)).toString('latin1');
    if (order !== 'little') {
      throw new UnusableContent(
        `its byte order is ${shown(order)}; only little-endian files are read. Save it again on a little-endian machine (x86, ARM)`,
      );
    }
  }
  const { keys, views } = findState(parsePickle(await archive.read(`${folder}data.pkl`)), path);
  return { keys, tensors: await readTensors(archive, `${folder}data/`, views, fileSize) };
}

/** The folder that all entries are in, named after the file when it was saved. Throws UnusableContent where torch.save wrote another. */
export function rootFolder(path: string, archive: ZipArchive): string {
  const { names } = archive;
  const folder = /^[^/]*\//.exec(names[0] ?? '')?.[0] ?? '';
  if (names.includes(`${folder}constants.pkl`) || names.some((name) => name.startsWith(`${folder}code/`))) {
    throw new UnusableContent(
      `it is a TorchScript module, not a state dict. Save its weights with this line of Python:\n${scriptLine(path)}`,
    );
  }
  if (!names.includes(`${folder}data.pkl`)) {
    throw new UnusableContent(
      `it is a zip file without data.pkl: torch.save did not write it. ${SAVE_STATE}`,
    );
  }
  return folder;
}

/**
 * The tensors of views, whose storages are entries of a folder.
 *
 * @throws UnusableContent where they are larger than the file
 */
export async function readTensors(
  archive: ZipArchive,
  folder: string,
  views: ReadonlyMap<string, TensorView>,
  fileSize: number,
): Promise<Record<string, TensorData>> {
  const byStorage = new Map<string, Map<string, { view: TensorView; names: string[] }>>();
  let total = 0;
  for (const [name, view] of views) {
    const size = archive.sizeOf(folder + view.storage);
    const claimed = view.storageLength * view.dtype.bytes;
    if (size !== claimed) {
      throw new Error(
        `tensor ${shown(name)} needs a storage of ${claimed} bytes, but ${shown(folder + view.storage)} ${size === undefined ? 'is missing' : `has ${size}`}`,
      );
    }
    // Tied weights are one view under several names, and stay one array.
    const same = `${view.dtype.name} ${view.offset} [${view.shape.join()}] [${view.strides.join()}]`;
    const group = byStorage.get(view.storage) ?? new Map<string, { view: TensorView; names: string[] }>();
    byStorage.set(view.storage, group);
    const known = group.get(same);
    if (known !== undefined) {
      known.names.push(name);
      continue;
    }
    group.set(same, { view, names: [name] });
    const bytes = view.length * view.dtype.bytes;
    total += bytes;
    if (bytes > fileSize || total > MAX_EXPANSION * fileSize) {
      throw new UnusableContent(
        `tensor ${shown(name)} makes the tensors larger than the file: they are expanded views. Save copies: {name: value.clone() for name, value in model.state_dict().items()}`,
      );
    }
  }
  const found = new Map<string, TensorData>();
  // One storage after the other, so that no more than one is held besides the tensors.
  for (const [storage, group] of byStorage) {
    const bytes = await archive.read(folder + storage);
    for (const { view, names } of group.values()) {
      const tensor = materialize(view, bytes);
      for (const name of names) found.set(name, tensor);
    }
  }
  // In the order of the state dict.
  return Object.fromEntries([...views.keys()].map((name) => [name, found.get(name) as TensorData]));
}
