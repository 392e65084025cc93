import type { NativeArray } from '../native/interface.js';
import { shown, UnusableContent } from './weightsFile.js';

/**
 * A dtype by its names in PyTorch, in safetensors and of the storage class in pickles, and by its numbers in torch.export's JSON and in c10.
 *
 * @param decode returns values from little-endian bytes that fill their buffer; default: they are not read
 */
const dtype = (
  name: string,
  safetensors: string | undefined,
  pytorch: string,
  bytes: 1 | 2 | 4 | 8,
  [exported, c10]: readonly number[] = [],
  decode?: (buffer: ArrayBuffer) => NativeArray,
) => ({ name, safetensors, pytorch, bytes, exported, c10, decode });

type Dtype = ReturnType<typeof dtype>;
/** A dtype that is read. */
export type StoredDtype = Dtype & { readonly decode: NonNullable<Dtype['decode']> };

/**
 * In the order in which a file has tensors: widest first, so that every tensor starts at a multiple of its element size. Halves have no
 * typed array and become float32, exactly; libtorch rounds float64 where it copies it into a parameter.
 */
const DTYPES: readonly Dtype[] = [
  dtype('float64', 'F64', 'torch.DoubleStorage', 8, [8, 7], (buffer) => new Float64Array(buffer)),
  dtype('int64', 'I64', 'torch.LongStorage', 8, [5, 4], (buffer) => new BigInt64Array(buffer)),
  dtype('float32', 'F32', 'torch.FloatStorage', 4, [7, 6], (buffer) => new Float32Array(buffer)),
  dtype('int32', 'I32', 'torch.IntStorage', 4, [4, 3], (buffer) => new Int32Array(buffer)),
  dtype('uint8', 'U8', 'torch.ByteStorage', 1, [1, 0], (buffer) => new Uint8Array(buffer)),
  dtype('float16', 'F16', 'torch.HalfStorage', 2, [6, 5], fromHalf),
  dtype('bfloat16', 'BF16', 'torch.BFloat16Storage', 2, [13, 15], fromBfloat16),
  dtype('bool', 'BOOL', 'torch.BoolStorage', 1, [12, 11], (buffer) => new Uint8Array(buffer)),
  dtype('int16', 'I16', 'torch.ShortStorage', 2, [3, 2]),
  dtype('int8', 'I8', 'torch.CharStorage', 1, [2, 1]),
  dtype('complex64', undefined, 'torch.ComplexFloatStorage', 8),
  dtype('complex128', undefined, 'torch.ComplexDoubleStorage', 8),
];
/** The dtypes of the engine's tensors, which are written. */
export const WRITTEN = DTYPES.slice(0, 5) as readonly StoredDtype[];

/** The dtype of torch.export's number; undefined if unknown. */
export function exportedDtype(number: number): Dtype | undefined {
  return DTYPES.find(({ exported }) => exported === number);
}

/** The dtype of a tensor by its name in a format. Throws UnusableContent if it is not supported. */
export function dtypeOf(
  tensor: string,
  format: 'safetensors' | 'pytorch' | 'exported',
  stored: string | number,
): StoredDtype {
  const found = DTYPES.find((one) => one[format] === stored);
  if (found?.decode === undefined) throw unsupportedDtype(tensor, found?.name ?? String(stored));
  return found as StoredDtype;
}

export function unsupportedDtype(tensor: string, name: string): UnusableContent {
  const supported = DTYPES.filter(({ decode }) => decode !== undefined).map((one) => one.name);
  return new UnusableContent(
    `tensor ${shown(tensor)} has the dtype ${name.replace(/[^\w. ]/g, '?').slice(0, 50)}; supported are ${supported.join(', ')}. Save it as value.float()`,
  );
}

/** Exact, like `tensor.float()`. Works on bits, because a Number does not keep all bits of a NaN. */
function fromHalf(buffer: ArrayBuffer): Float32Array {
  const halves = new Uint16Array(buffer);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) {
      // A signaling NaN becomes a quiet one, as on the processor.
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
