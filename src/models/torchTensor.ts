import { dtypeOf, type StoredDtype, unsupportedDtype } from './dtypes.js';
import type { Call, PickleValue } from './pickle.js';
import { SAVE_STATE, shown, UnusableContent } from './pytorchAdvice.js';
import type { TensorData } from './safetensors.js';

/** A tensor as torch pickles it: a view of a storage, which is an entry of the zip. Counts are in elements. */
export interface TensorView {
  readonly storage: string;
  readonly dtype: StoredDtype;
  readonly storageLength: number;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Number of elements. */
  readonly length: number;
}

/** PyTorch's dtypes by the storage class that the pickle names. */
const STORAGE_DTYPES: ReadonlyMap<string, string> = new Map([
  ['torch.FloatStorage', 'float32'],
  ['torch.DoubleStorage', 'float64'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'bool'],
  ['torch.ComplexFloatStorage', 'complex64'],
  ['torch.ComplexDoubleStorage', 'complex128'],
]);

/** Bounds what a damaged shape can cost; convolutions have 4. */
const MAX_DIMENSIONS = 32;

/** `module.name` of a function or class, or undefined for any other value. */
export function globalName(value: PickleValue | undefined): string | undefined {
  return typeof value === 'object' && value?.kind === 'global' ? `${value.module}.${value.name}` : undefined;
}

/** The functions that torch pickles tensors with. */
const TENSOR_FUNCTIONS: ReadonlySet<string | undefined> = new Set([
  'torch._utils._rebuild_tensor',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_tensor_v3',
  'torch._utils._rebuild_qtensor',
  'torch._utils._rebuild_sparse_tensor',
]);
const WRAPPING_FUNCTIONS: ReadonlySet<string | undefined> = new Set([
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
  'torch._tensor._rebuild_from_type_v2',
]);

/** Whether Python would make a tensor or a parameter by a call. */
export function buildsTensor(call: Call): boolean {
  const callee = globalName(call.callee);
  return TENSOR_FUNCTIONS.has(callee) || WRAPPING_FUNCTIONS.has(callee);
}

/**
 * What a call describes, when it is one of the functions that torch pickles tensors with; undefined for any other.
 *
 * @throws UnusableContent for a tensor that is not supported, Error for a damaged one
 */
export function tensorView(call: Call, name: string): TensorView | undefined {
  const args = items(call.args) ?? [];
  switch (globalName(call.callee)) {
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
      return view(args, name);
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return wrapped(args[0], name);
    case 'torch._tensor._rebuild_from_type_v2': {
      // A tensor with attributes of its own: (function, type, arguments, attributes).
      const [callee = null, type = null, inner = null] = args;
      const typeName = globalName(type);
      if (typeName !== 'torch.Tensor' && typeName !== 'torch.nn.parameter.Parameter') {
        throw new UnusableContent(
          `tensor ${shown(name)} is of the class ${shown(typeName ?? '?')}. Save it as a plain tensor: value.as_subclass(torch.Tensor)`,
        );
      }
      return wrapped({ kind: 'call', callee, args: inner, pairs: [], state: null }, name);
    }
    case 'torch._utils._rebuild_tensor_v3': {
      const dtype = args[6];
      throw unsupportedDtype(
        name,
        typeof dtype === 'object' && dtype?.kind === 'global' ? dtype.name : 'unknown',
      );
    }
    case 'torch._utils._rebuild_qtensor':
      throw unsupportedDtype(name, 'of a quantized tensor');
    case 'torch._utils._rebuild_sparse_tensor':
      throw new UnusableContent(`tensor ${shown(name)} is sparse. Save it as a dense one: value.to_dense()`);
    case undefined:
    default:
      return undefined;
  }
}

/** The values of a view in row-major order, from the bytes of its whole storage. */
export function materialize(view: TensorView, storage: Uint8Array<ArrayBuffer>): TensorData {
  const { dtype, shape, length, offset } = view;
  let values: ArrayBuffer;
  if (!isRowMajor(view)) values = gather(view, storage.buffer);
  else if (length * dtype.bytes === storage.byteLength) values = storage.buffer;
  else values = storage.buffer.slice(offset * dtype.bytes, (offset + length) * dtype.bytes);
  return { shape, data: dtype.decode(values) };
}

/** The tensor in a parameter, which is not one again: there is no depth to bound. */
function wrapped(value: PickleValue | undefined, name: string): TensorView {
  const inner = typeof value === 'object' && value?.kind === 'call' ? value : undefined;
  const callee = inner && globalName(inner.callee);
  const found = inner && TENSOR_FUNCTIONS.has(callee) ? tensorView(inner, name) : undefined;
  if (found === undefined) {
    throw new UnusableContent(
      `tensor ${shown(name)} is made by ${shown(callee ?? '?')}, which builds no tensor; nothing of it was run. ${SAVE_STATE}`,
    );
  }
  return found;
}

/** (storage, offset, size, stride, requires_grad, backward_hooks, metadata) */
function view(args: readonly PickleValue[], name: string): TensorView {
  const damaged = (what: string): Error => new Error(`tensor ${shown(name)} ${what}`);
  const [persistent, offset, size, stride, , , metadata] = args;
  const id =
    typeof persistent === 'object' && persistent?.kind === 'persistent' ? items(persistent.id) : undefined;
  const [kind, type, storage, , storageLength] = id ?? [];
  if (kind !== 'storage' || typeof storage !== 'string' || !isCount(storageLength)) {
    throw damaged('has no storage');
  }
  const typeName = globalName(type) ?? 'unknown';
  const dtype = dtypeOf(name, STORAGE_DTYPES.get(typeName) ?? typeName);
  if (typeof metadata === 'object' && metadata?.kind === 'dict' && metadata.pairs.length > 0) {
    // The conjugate or negative bit: the values in the file are not those of the tensor.
    throw new UnusableContent(`tensor ${shown(name)} is a lazy view. Save a copy of it: value.clone()`);
  }

  const shape = counts(size);
  const strides = counts(stride);
  if (!isCount(offset) || shape === undefined || strides?.length !== shape.length) {
    throw damaged('has a damaged shape');
  }
  const length = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] as number), offset);
  if (!Number.isSafeInteger(length) || (length > 0 && last >= storageLength)) {
    throw damaged(`claims more than the ${storageLength} values of its storage`);
  }
  return { storage, dtype, storageLength, offset, shape, strides, length };
}

function items(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return typeof value === 'object' && value?.kind === 'sequence' ? value.items : undefined;
}

/** Numbers of a tuple, or of the tuple in `torch.Size(tuple)`. */
function counts(value: PickleValue | undefined): number[] | undefined {
  const isSize =
    typeof value === 'object' && value?.kind === 'call' && globalName(value.callee) === 'torch.Size';
  const values = isSize ? items(items(value.args)?.[0]) : items(value);
  if (values === undefined || values.length > MAX_DIMENSIONS) return undefined;
  const numbers = values.filter(isCount);
  return numbers.length === values.length ? numbers : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRowMajor({ shape, strides, length }: TensorView): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    // The stride of a dimension of one element means nothing.
    if (shape[i] !== 1 && strides[i] !== expected) return length === 0;
    expected *= shape[i] as number;
  }
  return true;
}

/** Copies a strided view, element by element, into row-major order. */
function gather(view: TensorView, storage: ArrayBuffer): ArrayBuffer {
  const { dtype, length, shape, strides } = view;
  // 8-byte elements go as two words: integers in a Number are exact, and NaNs keep their bits.
  const words = dtype.bytes === 8 ? 2 : 1;
  const Words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Uint32Array }[dtype.bytes];
  const source = new Words(storage);
  const target = new Words(length * words);
  const index = new Array<number>(shape.length).fill(0);
  let from = view.offset;
  for (let to = 0; to < length; to++) {
    for (let word = 0; word < words; word++) {
      target[to * words + word] = source[from * words + word] as number;
    }
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      from += strides[axis] as number;
      if (next < (shape[axis] as number)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
      from -= next * (strides[axis] as number);
    }
  }
  return target.buffer;
}
