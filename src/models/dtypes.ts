import type { NativeArray } from '../native/addon.js';
import { shown, UnusableContent } from './pytorchAdvice.js';

/** How a file holds values, and what becomes of them. */
export interface StoredDtype {
  /** PyTorch's name, such as `float16`. */
  readonly name: string;
  readonly bytes: 1 | 2 | 4 | 8;
  /** Values from little-endian bytes that fill their buffer. */
  decode(buffer: ArrayBuffer): NativeArray;
}

/**
 * What every reader of weights takes. Halves have no typed array and become float32, exactly; float64 stays, and
 * libtorch rounds it where it copies it into a parameter.
 */
const DTYPES: readonly StoredDtype[] = [
  { name: 'float32', bytes: 4, decode: (buffer) => new Float32Array(buffer) },
  { name: 'float64', bytes: 8, decode: (buffer) => new Float64Array(buffer) },
  { name: 'float16', bytes: 2, decode: fromHalf },
  { name: 'bfloat16', bytes: 2, decode: fromBfloat16 },
  { name: 'int64', bytes: 8, decode: (buffer) => new BigInt64Array(buffer) },
  { name: 'int32', bytes: 4, decode: (buffer) => new Int32Array(buffer) },
  { name: 'uint8', bytes: 1, decode: (buffer) => new Uint8Array(buffer) },
  { name: 'bool', bytes: 1, decode: (buffer) => new Uint8Array(buffer) },
];

/**
 * The dtype of a tensor in a file, by PyTorch's name.
 *
 * @throws UnusableContent when it is not supported
 */
export function dtypeOf(tensor: string, name: string): StoredDtype {
  const dtype = DTYPES.find((known) => known.name === name);
  if (dtype === undefined) throw unsupportedDtype(tensor, name);
  return dtype;
}

export function unsupportedDtype(tensor: string, dtype: string): UnusableContent {
  const supported = DTYPES.map(({ name }) => name).join(', ');
  return new UnusableContent(
    `tensor ${shown(tensor)} has the dtype ${dtype.replace(/[^\w. ]/g, '?').slice(0, 50)}; supported are ${supported}. Save it as value.float()`,
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
