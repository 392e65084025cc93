import { dtypeOf, type StoredDtype, unsupportedDtype } from './dtypes.js';
import { type Call, callOf, nodeOf, type PickleValue } from './pickle.js';
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

/** Bounds what a damaged shape can cost; convolutions have 4. */
const MAX_DIMENSIONS = 32;

/** `module.name` of a function or class, or undefined for any other value. */
export function globalName(value: PickleValue | undefined): string | undefined {
  const found = nodeOf(value, 'global');
  return found && `${found.module}.${found.name}`;
}

type Reader = (args: readonly PickleValue[], name: string) => TensorView;

/** The functions that torch pickles tensors with. */
const TENSOR_FUNCTIONS: ReadonlyMap<string | undefined, Reader> = new Map<string, Reader>([
  ['torch._utils._rebuild_tensor', view],
  ['torch._utils._rebuild_tensor_v2', view],
  [
    'torch._utils._rebuild_tensor_v3',
    (args, name) => {
      throw unsupportedDtype(name, nodeOf(args[6], 'global')?.name ?? 'unknown');
    },
  ],
  [
    'torch._utils._rebuild_qtensor',
    (_args, name) => {
      throw unsupportedDtype(name, 'of a quantized tensor');
    },
  ],
  [
    'torch._utils._rebuild_sparse_tensor',
    (_args, name) => {
      throw new UnusableContent(`tensor ${shown(name)} is sparse. Save it as a dense one: value.to_dense()`);
    },
  ],
]);
/** The functions that torch pickles parameters with, and tensors with attributes of their own. */
const WRAPPING_FUNCTIONS: ReadonlyMap<string | undefined, Reader> = new Map<string, Reader>([
  ['torch._utils._rebuild_parameter', ([inner], name) => wrapped(inner, name)],
  ['torch._utils._rebuild_parameter_with_state', ([inner], name) => wrapped(inner, name)],
  ['torch._tensor._rebuild_from_type_v2', typed],
]);

/** Reads the arguments of a call as a tensor; undefined where Python would make none by it. */
function readerOf(call: Call): Reader | undefined {
  const callee = globalName(call.callee);
  return TENSOR_FUNCTIONS.get(callee) ?? WRAPPING_FUNCTIONS.get(callee);
}

/** Whether Python would make a tensor or a parameter by a call. */
export function buildsTensor(call: Call): boolean {
  return readerOf(call) !== undefined;
}

/**
 * The tensor that a call describes; undefined for a call of another function than torch pickles tensors with. Throws
 * UnusableContent for a tensor that is not supported, Error for a damaged one.
 */
export function tensorView(call: Call, name: string): TensorView | undefined {
  return readerOf(call)?.(items(call.args) ?? [], name);
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
  const inner = nodeOf(value, 'call');
  const callee = globalName(inner?.callee);
  const read = TENSOR_FUNCTIONS.get(callee);
  if (inner !== undefined && read !== undefined) return read(items(inner.args) ?? [], name);
  throw new UnusableContent(
    `tensor ${shown(name)} is made by ${shown(callee ?? '?')}, which builds no tensor; nothing of it was run. ${SAVE_STATE}`,
  );
}

/** (function, type, arguments, attributes) */
function typed([callee = null, type = null, inner = null]: readonly PickleValue[], name: string): TensorView {
  const typeName = globalName(type);
  if (typeName === 'torch.Tensor' || typeName === 'torch.nn.parameter.Parameter')
    return wrapped(callOf(callee, inner), name);
  throw new UnusableContent(
    `tensor ${shown(name)} is of the class ${shown(typeName ?? '?')}. Save it as a plain tensor: value.as_subclass(torch.Tensor)`,
  );
}

/** (storage, offset, size, stride, requires_grad, backward_hooks, metadata) */
function view(args: readonly PickleValue[], name: string): TensorView {
  const damaged = (what: string): Error => new Error(`tensor ${shown(name)} ${what}`);
  const [persistent, offset, size, stride, , , metadata] = args;
  const [kind, type, storage, , storageLength] = items(nodeOf(persistent, 'persistent')?.id) ?? [];
  if (kind !== 'storage' || typeof storage !== 'string' || !isCount(storageLength)) {
    throw damaged('has no storage');
  }
  const dtype = dtypeOf(name, 'pytorch', globalName(type) ?? 'unknown');
  if ((nodeOf(metadata, 'dict')?.pairs.length ?? 0) > 0) {
    // The conjugate or negative bit: the values in the file are not those of the tensor.
    throw new UnusableContent(`tensor ${shown(name)} is a lazy view. Save a copy of it: value.clone()`);
  }

  const shape = counts(size);
  const strides = counts(stride);
  if (!isCount(offset) || shape === undefined || strides?.length !== shape.length) {
    throw damaged('has a damaged shape');
  }
  const length = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  const found = { storage, dtype, storageLength, offset, shape, strides, length };
  if (!isWithin(found)) throw damaged(`claims more than the ${storageLength} values of its storage`);
  return found;
}

/** Whether a view has no value outside of its storage. */
export function isWithin({ shape, strides, offset, length, storageLength }: TensorView): boolean {
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] as number), offset);
  return (
    shape.length <= MAX_DIMENSIONS &&
    strides.length === shape.length &&
    Number.isSafeInteger(length) &&
    (length === 0 || last < storageLength)
  );
}

function items(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return nodeOf(value, 'sequence')?.items;
}

/** Numbers of a tuple, or of the tuple in `torch.Size(tuple)`. */
function counts(value: PickleValue | undefined): readonly number[] | undefined {
  const call = nodeOf(value, 'call');
  const isSize = globalName(call?.callee) === 'torch.Size';
  const values = isSize ? items(items(call?.args)?.[0]) : items(value);
  return values !== undefined && values.length <= MAX_DIMENSIONS && values.every(isCount)
    ? values
    : undefined;
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
