import type { NativeArray } from '../native/addon.js';
import { shown, UnusableContent } from './weightsFile.js';

/** How a file holds values, and how they are read. */
export interface StoredDtype {
  /** PyTorch's name, such as `float16`. */
  readonly name: string;
  readonly bytes: 1 | 2 | 4 | 8;
  /** Values from little-endian bytes that fill their buffer. */
  decode(buffer: ArrayBuffer): NativeArray;
}

/**
 * PyTorch's dtypes: their names, their codes in safetensors, and their storage classes in pickles; unsupported ones have nothing else.
 * Halves have no typed array and become float32, exactly; libtorch rounds float64 where it copies it into a parameter.
 */
const DTYPES: readonly (readonly [
  name: string,
  code: string | undefined,
  storage: string,
  bytes?: StoredDtype['bytes'],
  decode?: StoredDtype['decode'],
])[] = [
  ['float32', 'F32', 'torch.FloatStorage', 4, (buffer) => new Float32Array(buffer)],
  ['float64', 'F64', 'torch.DoubleStorage', 8, (buffer) => new Float64Array(buffer)],
  ['float16', 'F16', 'torch.HalfStorage', 2, fromHalf],
  ['bfloat16', 'BF16', 'torch.BFloat16Storage', 2, fromBfloat16],
  ['int64', 'I64', 'torch.LongStorage', 8, (buffer) => new BigInt64Array(buffer)],
  ['int32', 'I32', 'torch.IntStorage', 4, (buffer) => new Int32Array(buffer)],
  ['uint8', 'U8', 'torch.ByteStorage', 1, (buffer) => new Uint8Array(buffer)],
  ['bool', 'BOOL', 'torch.BoolStorage', 1, (buffer) => new Uint8Array(buffer)],
  ['int16', 'I16', 'torch.ShortStorage'],
  ['int8', 'I8', 'torch.CharStorage'],
  ['complex64', undefined, 'torch.ComplexFloatStorage'],
  ['complex128', undefined, 'torch.ComplexDoubleStorage'],
];

/** The dtype of a tensor by its name in safetensors or its storage class. Throws UnusableContent when it is not supported. */
export function dtypeOf(tensor: string, format: 'safetensors' | 'pytorch', stored: string): StoredDtype {
  const isSafetensors = format === 'safetensors';
  const found = DTYPES.find(([, code, storage]) => (isSafetensors ? code : storage) === stored);
  const [name = stored, , , bytes, decode] = found ?? [];
  if (bytes === undefined || decode === undefined) throw unsupportedDtype(tensor, name);
  return { name, bytes, decode };
}

export function unsupportedDtype(tensor: string, dtype: string): UnusableContent {
  const supported = DTYPES.filter(([, , , bytes]) => bytes !== undefined).map(([name]) => name);
  return new UnusableContent(
    `tensor ${shown(tensor)} has the dtype ${dtype.replace(/[^\w. ]/g, '?').slice(0, 50)}; supported are ${supported.join(', ')}. Save it as value.float()`,
  );
}

/** Exact, as `tensor.float()`; works on bits, since a NaN loses some in a Number. */
function fromHalf(buffer: ArrayBuffer): Float32Array {
  const halves = new Uint16Array(buffer);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) {
      // A signaling NaN becomes a quiet one, as the processor does it.
      bits[i] = sign | 0x7f800000 | (fraction << 13) | (fraction === 0 ? 0 : 0x400000);
    } else if (exponent !== 0) {
      bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else if (fraction === 0) {
      bits[i] = sign;
    } else {
      // Subnormal: shifted until the leading one is where float32 leaves it out.
      const shift = Math.clz32(fraction) - 21;
      bits[i] = sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
    }
  }
  return new Float32Array(bits.buffer);
}

function fromBfloat16(buffer: ArrayBuffer): Float32Array {
  const halves = new Uint16Array(buffer);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16;
  return new Float32Array(bits.buffer);
}
