import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { describeIssues } from '../../data/issues.js';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { requireReadable } from '../../files.js';
import { nodeOf, parsePickle } from '../../pickle.js';
import type * as z from '../../zod.js';
import { dtypeOf } from '../dtypes.js';
import { findState, readTensors, rootFolder, type TensorView, withinStorage } from '../pytorchFile.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../safetensors.js';
import { shown, UnusableContent } from '../weightsFile.js';
import { memorySource, ZipArchive } from '../zipArchive.js';
import { payloadSchema, type ProgramJson, programSchema, type Size } from './graph.js';

/** Tensors by their names in PyTorch. */
type Tensors = Readonly<Record<string, TensorData>>;

/** A program with its tensors, by PyTorch's names. */
export interface ProgramFile {
  readonly program: ProgramJson;
  /** SHA-256 of the program and its constants: networks with equal hashes and weights compute the same. */
  readonly hash: string;
  /** Parameters and buffers; undefined in a run's folder, whose checkpoints have them. */
  readonly weights: Tensors | undefined;
  /** Tensors that no checkpoint has: constants, and buffers that are not persistent. */
  readonly constants: Tensors;
}

/** Bounds what a damaged file costs: a Swin's JSON has 3 MB. */
const MAX_JSON_BYTES = 2 ** 26;
/** The key of the JSON in a run's file. */
const METADATA_KEY = 'program';

/** The two layouts of torch.export.save, by a name that each has. */
const FLAT = 'serialized_exported_program.json';
const MODEL = 'models/model.json';

/**
 * Reads what torch.export.save of PyTorch 2.6 or newer wrote, or the file of a run's folder. Nothing in it is executed. Throws
 * `MODEL_INVALID`.
 *
 * @param output of several, the one that is the logits, counted from 0
 */
export async function readProgramFile(path: string, output?: number): Promise<ProgramFile> {
  try {
    return path.endsWith('.safetensors') ? await readKept(path) : await readArchive(path, output);
  } catch (error) {
    // Any error of the parsers is due to a damaged file.
    throw invalid(path, error);
  }
}

/** The error of a file that is not usable as a network. */
export function invalid(path: string, error: unknown): unknown {
  if (error instanceof SpurmemError && error.code !== 'WEIGHTS_INVALID') return error;
  if (systemCode(error) === 'ENOENT') {
    return new SpurmemError('MODEL_INVALID', `Cannot read ${path}: there is no such file.`, {
      cause: error,
      advice: ['Correct the path.'],
    });
  }
  const message = error instanceof UnusableContent ? error.message : undefined;
  return new SpurmemError(
    'MODEL_INVALID',
    message !== undefined
      ? `${path}: ${message}${/[\n.]$/.test(message) || message.includes('\n') ? '' : '.'}`
      : `${path} is no program of torch.export: ${messageOf(error).replace(/\.$/, '')}. Export it again.`,
    { cause: error },
  );
}

/** Writes a program for a run's folder, without weights. Throws `OUTPUT_UNWRITABLE`. */
export async function writeProgram(path: string, { program, constants }: ProgramFile): Promise<void> {
  await writeSafetensors(path, constants, { [METADATA_KEY]: JSON.stringify(program) });
}

async function readKept(path: string): Promise<ProgramFile> {
  const { tensors, metadata } = await readSafetensors(path);
  const program = parseProgram(metadata[METADATA_KEY] ?? '');
  return { program, constants: tensors, weights: undefined, hash: hashOf(program, tensors) };
}

async function readArchive(path: string, output: number | undefined): Promise<ProgramFile> {
  await requireReadable(path);
  await using handle = await open(path, 'r');
  const { size } = await handle.stat();
  const archive = await ZipArchive.open(handle, size);
  const { names } = archive;
  const root = names.includes(FLAT) ? '' : (/^[^/]*\//.exec(names[0] ?? '')?.[0] ?? '');
  const models = names.filter((name) => name.startsWith(`${root}models/`));
  if (!names.includes(FLAT) && !names.includes(root + MODEL)) {
    throw new UnusableContent(
      models.length > 0
        ? `it holds ${models.length} models, and none is named "model". Save one with torch.export.save`
        : 'it holds no program: torch.export.save writes one',
    );
  }
  const text = async (name: string): Promise<string> => {
    if ((archive.sizeOf(name) ?? 0) > MAX_JSON_BYTES) throw new Error(`its entry ${shown(name)} is too long`);
    return Buffer.from(await archive.read(name)).toString('utf8');
  };
  const ofKind = async (kind: 'weights' | 'constants', flat: string): Promise<Tensors> => {
    const folder = `${root}data/${kind}/`;
    for (const pickled of [flat, `${folder}model.pt`]) {
      if (names.includes(pickled)) return readPickled(await archive.read(pickled), path);
    }
    const config = payloadSchema.parse(JSON.parse(await text(`${folder}model_${kind}_config.json`)));
    return readRaw(archive, folder, config, size);
  };
  const whole = parseProgram(await text(names.includes(FLAT) ? FLAT : root + MODEL));
  const program = output === undefined ? whole : withOutput(whole, output);
  const weights = await ofKind('weights', 'serialized_state_dict.pt');
  const constants = await ofKind('constants', 'serialized_constants.pt');
  return { program, weights, constants, hash: hashOf(program, constants) };
}

function parseProgram(text: string): ProgramJson {
  const read = programSchema.safeParse(jsonOf(text));
  if (read.success) return read.data;
  throw new Error(`its graph is damaged (${describeIssues(read.error)})`);
}

/** A program that gives one of its outputs. Throws UnusableContent if it has none of that number. */
function withOutput(program: ProgramJson, output: number): ProgramJson {
  const { graph, signature } = program.graph_module;
  const [chosen, spec] = [graph.outputs[output], signature.output_specs[output]];
  if (chosen === undefined || spec === undefined)
    throw new UnusableContent(`it gives ${graph.outputs.length} outputs, and none is numbered ${output}`);
  const one = { graph: { ...graph, outputs: [chosen] }, signature: { ...signature, output_specs: [spec] } };
  return { ...program, graph_module: { ...program.graph_module, ...one } };
}

/** JSON, in which PyTorch 2.6 wrote infinities as Python does. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/([[:,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])/g, '$1"$2"'));
  }
}

function hashOf(program: ProgramJson, constants: Tensors): string {
  const hash = createHash('sha256').update(JSON.stringify(program));
  for (const [name, { shape, data }] of Object.entries(constants).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, shape, data[Symbol.toStringTag]]));
    hash.update(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** A dict of tensors that torch.save wrote into the archive. */
async function readPickled(bytes: Uint8Array<ArrayBuffer>, path: string): Promise<Tensors> {
  const inner = await ZipArchive.open(memorySource(bytes), bytes.length);
  const folder = rootFolder(path, inner);
  const content = parsePickle(await inner.read(`${folder}data.pkl`));
  if (nodeOf(content, 'dict')?.pairs.length === 0) return {};
  return readTensors(inner, `${folder}data/`, findState(content, path).views, bytes.length);
}

/** Tensors whose storages are entries of their own. */
async function readRaw(
  archive: ZipArchive,
  folder: string,
  { config }: z.output<typeof payloadSchema>,
  fileSize: number,
): Promise<Tensors> {
  const views = new Map<string, TensorView>();
  for (const [name, { path_name: storage, use_pickle: isPickled, tensor_meta: meta }] of Object.entries(
    config,
  )) {
    if (isPickled || meta === null) {
      throw new UnusableContent(`${shown(name)} is an object of a class of its own; nothing of it was run`);
    }
    const dtype = dtypeOf(name, 'exported', meta.dtype);
    const bytes = archive.sizeOf(folder + storage);
    if (bytes === undefined) throw new Error(`its entry ${shown(folder + storage)} is missing`);
    const view = {
      storage,
      dtype,
      storageLength: Math.floor(bytes / dtype.bytes),
      offset: fixed(meta.storage_offset),
      shape: meta.sizes.map(fixed),
      strides: meta.strides.map(fixed),
    };
    views.set(name, withinStorage(name, view));
  }
  return readTensors(archive, folder, views, fileSize);
}

function fixed(size: Size): number {
  if ('as_int' in size && size.as_int >= 0) return size.as_int;
  throw new Error('a tensor has no fixed shape');
}
