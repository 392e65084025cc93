import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { describeIssues } from '../data/issues.js';
import { messageOf, SpurmemError } from '../errors.js';
import { writeLargeFile } from '../files.js';
import type { NativeArray, Tensor } from '../native/addon.js';
import { count } from '../recorded.js';
import { dtypeOf, type StoredDtype } from './dtypes.js';
import { unreadable } from './fingerprint.js';

/** Row-major values of a tensor, and its shape. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: NativeArray;
}

export function sameShape(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a?.length === b?.length && a?.every((size, i) => size === b?.[i]) === true;
}

/** A tensor to write: its values, or one of the engine, which is copied out when it is written. */
export type WrittenTensor = TensorData | Tensor;

/** The content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, TensorData>>;
  /** The file's `__metadata__`: text by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The types that are written, with the bytes of a value: widest first, so that every tensor starts at a multiple of its element size. */
const WRITTEN = [
  { dtype: 'F64', name: 'float64', array: 'Float64Array', bytes: 8 },
  { dtype: 'I64', name: 'int64', array: 'BigInt64Array', bytes: 8 },
  { dtype: 'F32', name: 'float32', array: 'Float32Array', bytes: 4 },
  { dtype: 'I32', name: 'int32', array: 'Int32Array', bytes: 4 },
  { dtype: 'U8', name: 'uint8', array: 'Uint8Array', bytes: 1 },
] as const;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
type Entry = z.infer<typeof entrySchema>;
const metadataSchema = z.record(z.string(), z.string());

/** Some 40,000 tensors; a ResNet-50's header has 30 kB. The format's own limit, 100 MB, takes a million entries. */
const MAX_HEADER_BYTES = 4_000_000;

/**
 * Writes tensors in the safetensors format, atomically and one after the other, so that of the engine's only one is in memory twice;
 * `safetensors.torch.load_file` reads it. Throws `OUTPUT_UNWRITABLE`.
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, WrittenTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const entries = Object.entries(tensors)
    .map(([name, tensor]) => ({ name, tensor, type: writtenType(name, tensor) }))
    .sort((a, b) => WRITTEN.indexOf(a.type) - WRITTEN.indexOf(b.type));
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } };
  let offset = 0;
  for (const { name, tensor, type } of entries) {
    const end = offset + tensor.shape.reduce((product, size) => product * size, type.bytes);
    header[name] = { dtype: type.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  await writeLargeFile(
    path,
    async (file) => {
      await file.appendFile(Buffer.concat([length, padded]));
      for (const { tensor } of entries) {
        const data = 'dtype' in tensor ? await tensor.data() : tensor.data;
        await file.appendFile(Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
      }
    },
    () => 8 + padded.length + offset,
  );
}

/**
 * Reads a safetensors file whole; float16 and bfloat16 become float32, and bool becomes uint8. Throws `WEIGHTS_INVALID`
 * when it is missing, damaged or of an unsupported dtype.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const invalid = (reason: string): SpurmemError =>
    new SpurmemError(
      'WEIGHTS_INVALID',
      `${path} is not a valid safetensors file: ${reason}. Copy or download it again.`,
    );
  if (bytes.length < 8) throw invalid(`it has ${bytes.length} bytes, fewer than the header's length needs`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  if (headerLength > MAX_HEADER_BYTES || headerLength > bytes.length - 8) {
    throw invalid(`its header should have ${headerLength} bytes, but the file has ${bytes.length}`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
  } catch (error) {
    throw invalid(`its header is not JSON (${messageOf(error)})`);
  }
  const { entries, metadata } = readHeader(parsed, invalid);
  const bodyStart = 8 + headerLength;
  const stored = entries.map(([name, { dtype, shape, data_offsets: offsets }]) => {
    const [start, end] = offsets;
    const type = storedDtype(path, name, dtype);
    if (end - start !== shape.reduce((product, size) => product * size, type.bytes)) {
      throw invalid(
        `tensor ${name} has ${end - start} bytes, but its shape [${shape.join(', ')}] needs another number`,
      );
    }
    if (bodyStart + end > bytes.length) {
      const ends = `tensor ${name} ends at byte ${bodyStart + end}`;
      throw invalid(`${ends}, but the file has ${bytes.length}: it is truncated`);
    }
    return { name, type, shape, start, end };
  });
  requireWhole(stored, bytes.length - bodyStart, invalid);
  const tensors = stored.map(({ name, type, shape, start, end }): [string, TensorData] => {
    // Copied out, so that every typed array is aligned and the file's buffer can go.
    const copy = new Uint8Array(bytes.subarray(bodyStart + start, bodyStart + end));
    return [name, { shape, data: type.decode(copy.buffer) }];
  });
  // Not by assignment, which would take a tensor named __proto__ for something else.
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** The tensors of a header. Ends at the first entry that is none: a header can have millions. */
function readHeader(
  parsed: unknown,
  invalid: (reason: string) => SpurmemError,
): { readonly entries: readonly (readonly [string, Entry])[]; readonly metadata: Record<string, string> } {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid('its header is malformed (no JSON object)');
  }
  const entries: [string, Entry][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    const isMetadata = name === '__metadata__';
    const read = isMetadata ? metadataSchema.safeParse(value) : entrySchema.safeParse(value);
    if (!read.success) {
      throw invalid(`its header is malformed at ${JSON.stringify(name)} (${describeIssues(read.error)})`);
    }
    if (isMetadata) metadata = read.data as Record<string, string>;
    else entries.push([name, read.data as Entry]);
  }
  return { entries, metadata };
}

/** The format has tensors one behind the other: overlaps let a small file claim much memory, and gaps hide what is in them. */
function requireWhole(
  ranges: readonly { readonly name: string; readonly start: number; readonly end: number }[],
  bodyBytes: number,
  invalid: (reason: string) => SpurmemError,
): void {
  let reached = 0;
  for (const { name, start, end } of ranges.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < reached) throw invalid(`tensor ${name} shares bytes with another`);
    if (start > reached) throw invalid(`${start - reached} bytes before tensor ${name} belong to none`);
    reached = end;
  }
  if (reached < bodyBytes)
    throw invalid(`${bodyBytes - reached} bytes behind the last tensor belong to none`);
}

function storedDtype(path: string, tensor: string, dtype: string): StoredDtype {
  try {
    return dtypeOf(tensor, 'safetensors', dtype);
  } catch (error) {
    throw new SpurmemError('WEIGHTS_INVALID', `${path}: ${messageOf(error)}`, { cause: error });
  }
}

function writtenType(name: string, tensor: WrittenTensor): (typeof WRITTEN)[number] {
  // By tag, since arrays of another realm (a worker, a test sandbox) are instances of other constructors.
  const found =
    'dtype' in tensor
      ? WRITTEN.find((type) => type.name === tensor.dtype)
      : WRITTEN.find((type) => type.array === tensor.data[Symbol.toStringTag]);
  if (found === undefined) throw new RangeError(`${name} has a type that is not written`);
  return found;
}
