import { checksum, NO_CHECKSUM } from '../checksum.js';
import { describeIssues } from '../data/issues.js';
import { writeLargeFile } from '../files.js';
import type { NativeArray, Tensor } from '../native/interface.js';
import { count } from '../recorded.js';
import * as z from '../zod.js';
import { dtypeOf, type StoredDtype, WRITTEN } from './dtypes.js';
import { readWeightsFile } from './weightsFile.js';
import { readFully } from './zipArchive.js';

/** Row-major values of a tensor, and its shape. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: NativeArray;
}

export function sameShape(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a?.length === b?.length && a?.every((size, i) => size === b?.[i]) === true;
}

/** A tensor to write: its values, or an engine tensor, which is copied out when it is written. */
export type WrittenTensor = TensorData | Tensor;

/** The content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: Readonly<Record<string, TensorData>>;
  /** The file's `__metadata__`: text by key. */
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
type Entry = z.infer<typeof entrySchema>;
const metadataSchema = z.record(z.string(), z.string());

/**
 * The key of a file's checksum, the first of its metadata, which other readers ignore. The checksum is of the whole file with zeros in its place.
 */
const SUM_KEY = 'spurmem.crc32';
const SUM_BEGIN = `{"__metadata__":{"${SUM_KEY}":"`;
const SUM_AT = 8 + SUM_BEGIN.length;

/** Some 40,000 tensors; a ResNet-50's header has 30 kB. The format's own limit, 100 MB, takes a million entries. */
const MAX_HEADER_BYTES = 4_000_000;

/**
 * Writes tensors in the safetensors format, atomically and one after the other, so that only one engine tensor is in memory twice;
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
  // Not as one object, which would move numeric names to the front.
  let header = `${SUM_BEGIN}${NO_CHECKSUM}",${JSON.stringify({ format: 'pt', ...metadata }).slice(1)}`;
  let offset = 0;
  for (const { name, tensor, type } of entries) {
    const end = offset + tensor.shape.reduce((product, size) => product * size, type.bytes);
    const entry: Entry = {
      dtype: type.safetensors ?? '',
      shape: [...tensor.shape],
      data_offsets: [offset, end],
    };
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
 * Throws `WEIGHTS_INVALID` if it is missing, damaged or of an unsupported dtype.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return readWeightsFile(path, 'safetensors', async (file, size) => {
    if (size < 8) throw new Error(`it has ${size} bytes, fewer than the header's length needs`);
    const length = Buffer.alloc(8);
    await readFully(file, length, 0);
    const headerLength = Number(length.readBigUInt64LE(0));
    if (headerLength > MAX_HEADER_BYTES || headerLength > size - 8) {
      throw new Error(`its header should have ${headerLength} bytes, but the file has ${size}`);
    }
    const header = Buffer.alloc(8 + headerLength);
    await readFully(file, header, 0);
    const { stored, metadata: all } = readHeader(header, size);
    // Metadata that is written again with other tensors must not keep the checksum.
    const { [SUM_KEY]: _sum, ...metadata } = all;
    const wanted = sumIn(header);
    let sum = checksum(header);
    const found = new Map<string, TensorData>();
    const read = async ({ start, end }: Stored): Promise<Buffer<ArrayBuffer>> => {
      // A buffer per tensor, so that every typed array is aligned. It is not cleared: that would take as long as the checksum.
      const bytes = Buffer.allocUnsafeSlow(end - start);
      await readFully(file, bytes, header.length + start);
      return bytes;
    };
    const ordered = inOrder(stored);
    let next: ReturnType<typeof read> | undefined;
    for (const [i, tensor] of ordered.entries()) {
      const bytes = await (next ?? read(tensor));
      // The next one is read while this one is checked; its error is thrown in its turn.
      const following = ordered[i + 1];
      next = following && read(following);
      next?.catch(() => undefined);
      if (wanted !== undefined) sum = checksum(bytes, sum);
      found.set(tensor.name, { shape: tensor.shape, data: tensor.type.decode(bytes.buffer) });
    }
    if (wanted !== undefined && wanted !== sum) {
      throw new Error(
        `its checksum is ${sum} and should be ${wanted}: bytes of it have changed since it was written`,
      );
    }
    const tensors = stored.map(({ name }) => [name, found.get(name) as TensorData] as const);
    // Not by assignment, which would set the prototype for a tensor named __proto__.
    return { tensors: Object.fromEntries(tensors), metadata };
  });
}

/** A tensor in a file's body. */
interface Stored {
  readonly name: string;
  readonly type: StoredDtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** Returns the checksum in a header, and puts zeros in its place; undefined for other programs' files. */
function sumIn(header: Buffer): string | undefined {
  const sum = header.toString('latin1', SUM_AT, SUM_AT + NO_CHECKSUM.length);
  if (header.toString('latin1', 8, SUM_AT) !== SUM_BEGIN || !/^[0-9a-f]{8}$/.test(sum)) return undefined;
  header.write(NO_CHECKSUM, SUM_AT);
  return sum;
}

/** The tensors and the metadata of a header. Ends at the first bad entry: a header can have millions. */
function readHeader(
  header: Buffer,
  fileSize: number,
): { readonly stored: readonly Stored[]; readonly metadata: Record<string, string> } {
  const parsed = JSON.parse(header.toString('utf8', 8)) as unknown;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error('its header is malformed (no JSON object)');
  }
  const read = <Value>(name: string, schema: z.ZodType<Value>, value: unknown): Value => {
    const { data, error } = schema.safeParse(value);
    if (error === undefined) return data;
    throw new Error(`its header is malformed at ${JSON.stringify(name)} (${describeIssues(error)})`);
  };
  const bodySize = fileSize - header.length;
  const stored: Stored[] = [];
  let metadata: Record<string, string> = {};
  let reached = 0;
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') {
      metadata = read(name, metadataSchema, value);
      continue;
    }
    const {
      dtype,
      shape,
      data_offsets: [start, end],
    } = read(name, entrySchema, value);
    const type = dtypeOf(name, 'safetensors', dtype);
    if (end - start !== shape.reduce((product, side) => product * side, type.bytes)) {
      throw new Error(
        `tensor ${name} has ${end - start} bytes, but its shape [${shape.join(', ')}] needs another number`,
      );
    }
    if (end > bodySize) {
      throw new Error(
        `tensor ${name} ends at byte ${header.length + end}, but the file has ${fileSize}: it is truncated`,
      );
    }
    stored.push({ name, type, shape, start, end });
  }
  // The format has tensors back to back: overlaps would let a small file claim much memory, and gaps would hide content.
  for (const { name, start, end } of inOrder(stored)) {
    if (start !== reached)
      throw new Error(`tensor ${name} begins at ${start}, and the one before ends at ${reached}`);
    reached = end;
  }
  if (reached < bodySize)
    throw new Error(`${bodySize - reached} bytes behind the last tensor belong to none`);
  return { stored, metadata };
}

function inOrder(stored: readonly Stored[]): readonly Stored[] {
  return stored.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

function writtenType(name: string, tensor: WrittenTensor): StoredDtype {
  // By tag, since arrays of another realm (a worker, a test sandbox) are instances of other constructors.
  const tag = 'dtype' in tensor ? tensor.dtype : tensor.data[Symbol.toStringTag];
  const found = WRITTEN.find(
    (type) => type.name === tag || type.decode(new ArrayBuffer(0))[Symbol.toStringTag] === tag,
  );
  if (found === undefined) throw new RangeError(`${name} has a type that is not written`);
  return found;
}
