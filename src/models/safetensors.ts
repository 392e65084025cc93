import { type FileHandle, open } from 'node:fs/promises';
import { checksum, NO_CHECKSUM } from '../checksum.js';
import { describeIssues } from '../data/issues.js';
import { messageOf, SpurmemError } from '../errors.js';
import { requireReadable, writeLargeFile } from '../files.js';
import type { NativeArray, Tensor } from '../native/addon.js';
import { count } from '../recorded.js';
import * as z from '../zod.js';
import { dtypeOf, type StoredDtype } from './dtypes.js';
import { unreadable } from './fingerprint.js';
import { readFully } from './zipArchive.js';

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

/**
 * The place of a file's checksum: the first of its metadata, which other readers pass over. It is that of the whole file with zeros there.
 */
const SUM_KEY = 'spurmem.crc32';
const SUM_BEGIN = `{"__metadata__":{"${SUM_KEY}":"`;
const SUM_AT = 8 + SUM_BEGIN.length;

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
  // Not as one object, which would put names that are numbers first.
  let header = `${SUM_BEGIN}${NO_CHECKSUM}",${JSON.stringify({ format: 'pt', ...metadata }).slice(1)}`;
  let offset = 0;
  for (const { name, tensor, type } of entries) {
    const end = offset + tensor.shape.reduce((product, size) => product * size, type.bytes);
    const entry: Entry = { dtype: type.dtype, shape: [...tensor.shape], data_offsets: [offset, end] };
    header += `,${JSON.stringify(name)}:${JSON.stringify(entry)}`;
    offset = end;
  }
  const json = Buffer.from(`${header}}`);
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  await writeLargeFile(
    path,
    async (file) => {
      const head = Buffer.concat([length, padded]);
      await file.appendFile(head);
      let sum = checksum(head);
      for (const { tensor } of entries) {
        const data = 'dtype' in tensor ? await tensor.data() : tensor.data;
        const bytes = Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
        sum = checksum(bytes, sum);
        await file.appendFile(bytes);
      }
      await file.write(sum, SUM_AT);
    },
    () => 8 + padded.length + offset,
  );
}

/**
 * Reads a safetensors file; float16 and bfloat16 become float32, and bool becomes uint8. A file with a checksum is checked against it.
 * Throws `WEIGHTS_INVALID` when it is missing, damaged or of an unsupported dtype.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const invalid = (reason: string): SpurmemError =>
    new SpurmemError('WEIGHTS_INVALID', `${path} is not a valid safetensors file: ${reason}.`, {
      advice: ['Copy or download it again.'],
    });
  try {
    await requireReadable(path);
    await using file = await open(path, 'r');
    return await readOpened(path, file, invalid);
  } catch (error) {
    throw error instanceof SpurmemError ? error : unreadable(path, error);
  }
}

type Invalid = (reason: string) => SpurmemError;

async function readOpened(path: string, file: FileHandle, invalid: Invalid): Promise<SafetensorsFile> {
  const { size } = await file.stat();
  if (size < 8) throw invalid(`it has ${size} bytes, fewer than the header's length needs`);
  const length = Buffer.alloc(8);
  await readFully(file, length, 0);
  const headerLength = Number(length.readBigUInt64LE(0));
  if (headerLength > MAX_HEADER_BYTES || headerLength > size - 8) {
    throw invalid(`its header should have ${headerLength} bytes, but the file has ${size}`);
  }
  const header = Buffer.alloc(8 + headerLength);
  await readFully(file, header, 0);
  let parsed: unknown;
  try {
    parsed = JSON.parse(header.toString('utf8', 8));
  } catch (error) {
    throw invalid(`its header is not JSON (${messageOf(error)})`);
  }
  const { entries, metadata: all } = readHeader(parsed, invalid);
  // Who writes the metadata again, beside other tensors, must not keep it.
  const { [SUM_KEY]: _sum, ...metadata } = all;
  const bodyStart = 8 + headerLength;
  const stored = entries.map(([name, { dtype, shape, data_offsets: offsets }]): Stored => {
    const [start, end] = offsets;
    const type = storedDtype(path, name, dtype);
    if (end - start !== shape.reduce((product, length) => product * length, type.bytes)) {
      throw invalid(
        `tensor ${name} has ${end - start} bytes, but its shape [${shape.join(', ')}] needs another number`,
      );
    }
    if (bodyStart + end > size) {
      throw invalid(
        `tensor ${name} ends at byte ${bodyStart + end}, but the file has ${size}: it is truncated`,
      );
    }
    return { name, type, shape, start, end };
  });
  const inOrder = stored.toSorted((a, b) => a.start - b.start || a.end - b.end);
  requireWhole(inOrder, size - bodyStart, invalid);
  const wanted = sumIn(header);
  let sum = checksum(header);
  const found = new Map<string, TensorData>();
  const read = async ({ start, end }: Stored): Promise<Buffer<ArrayBuffer>> => {
    // A buffer for each tensor, so that every typed array is aligned. It is not cleared, which would take as long as the checksum.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    await readFully(file, bytes, bodyStart + start);
    return bytes;
  };
  // The next one is read while this one is checked.
  for await (const [{ name, type, shape }, bytes] of ahead(inOrder, read)) {
    if (wanted !== undefined) sum = checksum(bytes, sum);
    found.set(name, { shape, data: type.decode(bytes.buffer) });
  }
  if (wanted !== undefined && wanted !== sum) {
    throw invalid(
      `its checksum is ${sum} and should be ${wanted}: bytes of it have changed since it was written`,
    );
  }
  const tensors = stored.map(({ name }) => [name, found.get(name) as TensorData] as const);
  // Not by assignment, which would take a tensor named __proto__ for something else.
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** A tensor in a file's body. */
interface Stored {
  readonly name: string;
  readonly type: StoredDtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** The checksum of a file by its header, where zeros take its place; undefined in files of others. */
function sumIn(header: Buffer): string | undefined {
  const sum = header.toString('latin1', SUM_AT, SUM_AT + NO_CHECKSUM.length);
  if (header.toString('latin1', 8, SUM_AT) !== SUM_BEGIN || !/^[0-9a-f]{8}$/.test(sum)) return undefined;
  header.write(NO_CHECKSUM, SUM_AT);
  return sum;
}

async function* ahead<Item, Result>(
  items: readonly Item[],
  job: (item: Item) => Promise<Result>,
): AsyncGenerator<readonly [Item, Result]> {
  let next: Promise<Result> | undefined;
  for (const [i, item] of items.entries()) {
    const result = await (next ?? job(item));
    const following = items[i + 1];
    next = following === undefined ? undefined : job(following);
    // Its failure is seen in its turn.
    next?.catch(() => undefined);
    yield [item, result];
  }
}

/** The tensors of a header. Ends at the first entry that is none: a header can have millions. */
function readHeader(
  parsed: unknown,
  invalid: Invalid,
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
function requireWhole(inOrder: readonly Stored[], bodyBytes: number, invalid: Invalid): void {
  let reached = 0;
  for (const { name, start, end } of inOrder) {
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
