import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import { failure } from '../data/support.js';

/**
 * Written by torch.save: {'epoch', 'args': Namespace, 'state_dict': {'module.conv.weight': channels-last [2, 3, 2, 2],
 * 'module.fc.0.weight': transposed float16 [3, 2], 'module.count': int64 []}}, each value its index.
 */
export const TINY = readFileSync(new URL('./pthTiny.pth', import.meta.url));

/** The message of the WEIGHTS_INVALID error that a read must end in, which has the parts. */
export async function refusal(
  read: Promise<unknown>,
  ...parts: readonly (string | RegExp)[]
): Promise<string> {
  return (await failure(read, 'WEIGHTS_INVALID', ...parts)).message;
}

// Pieces of pickles, as opcodes of protocol 2.
export const NONE = Buffer.from('N');
export const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from('X'), uint32(Buffer.byteLength(value)), Buffer.from(value)]);
export const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(9, 'J');
  // LONG1 with 7 bytes for what does not fit into BININT.
  if (value >= 2 ** 31) return Buffer.from([0x8a, 7, ...intBytes(value)]);
  bytes.writeInt32LE(value, 1);
  return bytes.subarray(0, 5);
};
export const global = (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`);
export const tuple = (...items: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]);
export const dict = (entries: Readonly<Record<string, Buffer>>): Buffer =>
  Buffer.concat([
    Buffer.from('}('),
    ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]),
    Buffer.from('u'),
  ]);
export const call = (callee: Buffer, ...args: readonly Buffer[]): Buffer =>
  Buffer.concat([callee, tuple(...args), Buffer.from('R')]);
export const pickle = (...body: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([0x80, 2]), ...body, Buffer.from('.')]);

/** A float32 tensor, or one of another storage class. */
export function tensor(
  shape: readonly number[],
  options: {
    readonly strides?: readonly number[];
    readonly offset?: number;
    readonly key?: string;
    readonly length?: number;
    readonly storage?: string;
  } = {},
): Buffer {
  const length = options.length ?? shape.reduce((product, n) => product * n, 1);
  const strides = options.strides ?? shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const storage = Buffer.concat([
    tuple(
      text('storage'),
      global('torch', options.storage ?? 'FloatStorage'),
      text(options.key ?? '0'),
      text('cpu'),
      int(length),
    ),
    Buffer.from('Q'),
  ]);
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage,
    int(options.offset ?? 0),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    Buffer.from([0x89]),
    call(global('collections', 'OrderedDict')),
  );
}

/** A zip file as torch.save arranges it; `level` 0 stores the entries. */
export function archive(
  data: Buffer,
  storages: readonly Uint8Array[] = [],
  others: Readonly<Record<string, Uint8Array>> = {},
  level: 0 | 6 = 0,
): Buffer {
  // fflate asks for arrays of its own realm.
  const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
  const files = Object.entries({
    'data.pkl': data,
    byteorder: Buffer.from('little'),
    ...Object.fromEntries(storages.map((bytes, i) => [`data/${i}`, bytes] as const)),
    ...others,
  });
  return Buffer.from(
    zipSync(Object.fromEntries(files.map(([name, bytes]) => [`a/${name}`, own(bytes)])), { level }),
  );
}

export function floats(...values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function intBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes.subarray(0, 7);
}
