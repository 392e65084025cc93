import { type Call, itemsOf, nodeOf, parsePickle, pathOf, type PickleValue } from '../pickle.js';
import { dtypeOf, type StoredDtype, unsupportedDtype } from './dtypes.js';
import type { TensorData } from './safetensors.js';
import { readWeightsFile, SAVE_STATE, saveLine, shown, UnusableContent } from './weightsFile.js';
import { ZipArchive } from './zipArchive.js';

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

type Reader = (args: readonly PickleValue[], name: string) => TensorView;

/** The functions that torch pickles tensors with. */
const TENSOR_FUNCTIONS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['torch._utils._rebuild_tensor', view],
  ['torch._utils._rebuild_tensor_v2', view],
  [
    'torch._utils._rebuild_tensor_v3',
    (args, name) => {
      throw unsupportedDtype(name, pathOf(args[6])?.replace('torch.', '') ?? 'unknown');
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
const WRAPPING_FUNCTIONS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['torch._utils._rebuild_parameter', ([inner], name) => unwrapped(nodeOf(inner, 'call'), name)],
  ['torch._utils._rebuild_parameter_with_state', ([inner], name) => unwrapped(nodeOf(inner, 'call'), name)],
  ['torch._tensor._rebuild_from_type_v2', typed],
]);

/** The function that reads a call's arguments as a tensor; undefined if the call makes none. */
function readerOf({ callee }: Call): Reader | undefined {
  return TENSOR_FUNCTIONS.get(callee) ?? WRAPPING_FUNCTIONS.get(callee);
}

/** The tensor in a parameter. It is no parameter itself, so that the depth is bounded. */
function unwrapped(inner: Pick<Call, 'callee' | 'args'> | undefined, name: string): TensorView {
  const read = TENSOR_FUNCTIONS.get(inner?.callee ?? '');
  if (inner !== undefined && read !== undefined) return read(inner.args, name);
  throw noTensor(`tensor ${shown(name)}`, inner?.callee);
}

function noTensor(what: string, callee = '?'): UnusableContent {
  return new UnusableContent(
    `${what} is made by ${shown(callee)}, which builds no tensor; nothing of it was run. ${SAVE_STATE}`,
  );
}

/** (function, type, arguments, attributes) */
function typed([callee, type, args]: readonly PickleValue[], name: string): TensorView {
  const path = pathOf(type) ?? '?';
  if (path === 'torch.Tensor' || path === 'torch.nn.parameter.Parameter')
    return unwrapped({ callee: pathOf(callee) ?? '?', args: itemsOf(args) }, name);
  throw new UnusableContent(
    `tensor ${shown(name)} is of the class ${shown(path)}. Save it as a plain tensor: value.as_subclass(torch.Tensor)`,
  );
}

/** (storage, offset, size, stride, requires_grad, backward_hooks, metadata) */
function view(args: readonly PickleValue[], name: string): TensorView {
  const damaged = (what: string): Error => new Error(`tensor ${shown(name)} ${what}`);
  const [persistent, offset, size, stride, , , metadata] = args;
  const [kind, type, storage, , storageLength] = itemsOf(nodeOf(persistent, 'persistent')?.id);
  if (kind !== 'storage' || typeof storage !== 'string' || !isCount(storageLength)) {
    throw damaged('has no storage');
  }
  const dtype = dtypeOf(name, 'pytorch', pathOf(type) ?? 'unknown');
  if ((nodeOf(metadata, 'dict')?.pairs.length ?? 0) > 0) {
    // The conjugate or negative bit: the values in the file are not those of the tensor.
    throw new UnusableContent(`tensor ${shown(name)} is a lazy view. Save a copy of it: value.clone()`);
  }

  const shape = counts(size);
  const strides = counts(stride);
  if (!isCount(offset) || shape === undefined || strides?.length !== shape.length) {
    throw damaged('has a damaged shape');
  }
  return withinStorage(name, { storage, dtype, storageLength, offset, shape, strides });
}

/** A view with its number of elements. Throws an Error if one of them lies outside of the storage. */
export function withinStorage(name: string, view: Omit<TensorView, 'length'>): TensorView {
  const { shape, strides, offset, storageLength } = view;
  const length = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] ?? NaN), offset);
  const isWithin = Number.isSafeInteger(length) && (length === 0 || last < storageLength);
  if (isWithin && shape.length <= MAX_DIMENSIONS && strides.length === shape.length)
    return { ...view, length };
  throw new Error(`tensor ${shown(name)} claims more than the ${storageLength} values of its storage`);
}

/** Numbers of a tuple, or of the tuple in `torch.Size(tuple)`. */
function counts(value: PickleValue | undefined): readonly number[] | undefined {
  const call = nodeOf(value, 'call');
  const tuple = call?.callee === 'torch.Size' ? call.args[0] : value;
  const values = nodeOf(tuple, 'sequence')?.items;
  return values?.every(isCount) === true ? values : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRowMajor({ shape, strides, length }: TensorView): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    // The stride of a dimension with one element is arbitrary.
    if (shape[i] !== 1 && strides[i] !== expected) return length === 0;
    expected *= shape[i] as number;
  }
  return true;
}

/** The values of a view in row-major order, from the bytes of its whole storage. */
function materialize(view: TensorView, { buffer: storage }: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const { dtype, length, offset, shape, strides } = view;
  if (isRowMajor(view)) {
    const isWhole = length * dtype.bytes === storage.byteLength;
    return isWhole ? storage : storage.slice(offset * dtype.bytes, (offset + length) * dtype.bytes);
  }
  // As unsigned integers: NaNs keep their bits. Those of 8 bytes are BigInts, which are copied by the same line.
  const Elements = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array }[dtype.bytes];
  const [source, target] = [new Elements(storage), new Elements(length)] as [Uint32Array, Uint32Array];
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < length; to++) {
    target[to] = source[from] as number;
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
  return target.buffer as ArrayBuffer;
}

/** The state dict in a file of torch.save. */
interface FoundState {
  /** Keys that lead to it, from the top of the checkpoint. */
  readonly keys: readonly string[];
  readonly views: ReadonlyMap<string, TensorView>;
}

/** Keys under which training scripts keep the state dict; the first one present is used. */
const NESTED = ['model_state_dict', 'state_dict', 'model_dict', 'model'] as const;
const MAX_DEPTH = 8;
const MAX_TENSORS = 100_000;

/**
 * Finds the state dict in the checkpoint at `path`; other content is not looked at. Throws UnusableContent if the
 * state dict, or one of its tensors, is something else.
 */
export function findState(content: PickleValue, path: string, entry?: string): FoundState {
  const taken: string[] = [];
  let value = content;
  let prefix = entry === undefined ? '' : `${entry}.`;
  // A key may have points itself: the longest one that begins the entry.
  for (;;) {
    const begun = [...entriesOf(mapping(value))].filter(
      ([key, inner]) => prefix.startsWith(`${key}.`) && mapping(inner) !== undefined,
    );
    const [key, inner] = begun.sort(([a], [b]) => b.length - a.length)[0] ?? [];
    if (key === undefined) break;
    taken.push(key);
    prefix = prefix.slice(key.length + 1);
    value = inner as PickleValue;
  }
  const found = find(value, taken, path, new Set());
  const views = [...(found?.views ?? [])].filter(([name]) => name.startsWith(prefix));
  if (found !== undefined && views.length > 0)
    return {
      keys: found.keys,
      views: new Map(views.map(([name, view]) => [name.slice(prefix.length), view])),
    };
  const entries = entriesOf(mapping(content));
  const keys = [...entries.keys()];
  const held = keys.slice(0, 10).map(shown).join(', ');
  throw new UnusableContent(
    keys.length === 0
      ? `it holds no state dict. ${SAVE_STATE}`
      : `it holds no tensors ${entry === undefined ? `at the top or under ${NESTED.join(', ')}` : `under ${shown(entry)}`}, but ${held}${keys.length > 10 ? ', ...' : ''}. ${entryAdvice(path, entries)}`,
  );
}

/** The advice for a checkpoint whose state dicts have other names: the first of them as an entry. */
function entryAdvice(path: string, entries: ReadonlyMap<string, PickleValue>): string {
  const inner = [...entries].find(([, value]) => {
    const values = [...entriesOf(mapping(value)).values()].map(otherCall);
    return values.some((call) => call !== undefined && readerOf(call) !== undefined);
  });
  if (inner === undefined) return SAVE_STATE;
  const line = saveLine(path, (file) => `torch.load(${file})[${JSON.stringify(inner[0])}]`);
  return `Name the one you mean, such as \`weights\` ${path}#${inner[0]}, or save it alone with this line of Python:\n${line}`;
}

/** @param seen the dicts that were searched: one may lie in itself, or in a thousand others */
function find(
  value: PickleValue,
  keys: readonly string[],
  path: string,
  seen: Set<PickleValue>,
): FoundState | undefined {
  const call = otherCall(value);
  if (call !== undefined) throw notAState(call, keys, path);
  const dict = mapping(value);
  if (dict === undefined || seen.has(dict) || keys.length > MAX_DEPTH) return undefined;
  seen.add(dict);
  const entries = entriesOf(dict);
  const nested = NESTED.map((key) => [key, entries.get(key) ?? null] as const);
  // A dict before anything else: checkpoints may also have an architecture's name or a whole module.
  for (const [key, inner] of nested) {
    const found = mapping(inner) && find(inner, [...keys, key], path, seen);
    if (found !== undefined) return found;
  }
  for (const [key, inner] of nested) {
    const made = otherCall(inner);
    if (made !== undefined && readerOf(made) === undefined) throw notAState(made, [...keys, key], path);
  }
  const views = new Map<string, TensorView>();
  for (const [name, item] of entries) {
    const made = otherCall(item);
    if (made === undefined) continue;
    const read = readerOf(made);
    if (read === undefined) throw noTensor(shown(name), made.callee);
    if (views.size >= MAX_TENSORS) throw new UnusableContent(`it has more than ${MAX_TENSORS} tensors`);
    views.set(name, read(made.args, name));
  }
  return views.size > 0 ? { keys, views } : undefined;
}

/** A dict or an OrderedDict, itself; undefined for any other value. */
function mapping(value: PickleValue) {
  const call = nodeOf(value, 'call');
  return nodeOf(value, 'dict') ?? (call?.callee === 'collections.OrderedDict' ? call : undefined);
}

/** The pairs that have text as their key. */
function entriesOf(dict: ReturnType<typeof mapping>): ReadonlyMap<string, PickleValue> {
  const named = dict?.pairs.flatMap(([key, item]) => (typeof key === 'string' ? [[key, item] as const] : []));
  return new Map(named);
}

/** A call that makes no dict. */
function otherCall(value: PickleValue): Call | undefined {
  return mapping(value) === undefined ? nodeOf(value, 'call') : undefined;
}

/** The error of a call in the place of the state dict. */
function notAState(call: Call, keys: readonly string[], path: string): UnusableContent {
  const place = keys.length === 0 ? 'it' : `its entry ${keys.map(shown).join('.')}`;
  const callee = shown(call.callee);
  if (readerOf(call) !== undefined) {
    return new UnusableContent(`${place} is one tensor, not a state dict. ${SAVE_STATE}`);
  }
  // The attributes that nn.Module keeps in its __dict__.
  if (entriesOf(mapping(call.state)).has('_modules')) {
    const index = keys.map((key) => `[${JSON.stringify(key)}]`).join('');
    const line = saveLine(path, (file) => `torch.load(${file}, weights_only=False)${index}.state_dict()`);
    return new UnusableContent(
      `${place} is a whole model of the class ${callee}, not a state dict. If you trust the file (this runs code in it), save its weights alone with this line of Python:\n${line}`,
    );
  }
  return new UnusableContent(
    `${place} is made by ${callee}, not a state dict; nothing of it was run. ${SAVE_STATE}`,
  );
}

/** The state dict of a file that torch.save wrote. */
interface PytorchFile {
  readonly tensors: Readonly<Record<string, TensorData>>;
  /** Keys that lead to the state dict in the checkpoint; none when it is the whole file. */
  readonly keys: readonly string[];
}

/** The max bytes of tied and sliced weights, as a multiple of the file's: views of one storage can claim any number. */
const MAX_EXPANSION = 4;

/**
 * Reads the state dict of a .pth, .pt or .pth.tar file in PyTorch's zip format: at the top, or under `model_state_dict`,
 * `state_dict` or `model`. float16 and bfloat16 become float32, bool becomes uint8, and every tensor row-major. Nothing in the
 * file is executed. Throws `WEIGHTS_INVALID`.
 */
export async function readPytorch(path: string, entry?: string): Promise<PytorchFile> {
  return readWeightsFile(path, 'PyTorch', async (file, size) => {
    const archive = await ZipArchive.open(file, size);
    const folder = rootFolder(path, archive);
    const byteOrder = `${folder}byteorder`;
    const isMarked = archive.sizeOf(byteOrder) !== undefined;
    const order = isMarked ? Buffer.from(await archive.read(byteOrder)).toString('latin1') : 'little';
    if (order !== 'little') {
      throw new UnusableContent(
        `its byte order is ${shown(order)}; only little-endian files are read. Save it again on a little-endian machine (x86, ARM)`,
      );
    }
    const { keys, views } = findState(parsePickle(await archive.read(`${folder}data.pkl`)), path, entry);
    return { keys, tensors: await readTensors(archive, `${folder}data/`, views, size) };
  });
}

/** The folder that all entries are in, named after the file when it was saved. Throws UnusableContent if torch.save did not write the archive. */
export function rootFolder(path: string, archive: ZipArchive): string {
  const { names } = archive;
  const folder = /^[^/]*\//.exec(names[0] ?? '')?.[0] ?? '';
  if (names.includes(`${folder}constants.pkl`) || names.some((name) => name.startsWith(`${folder}code/`))) {
    throw new UnusableContent(
      `it is a TorchScript module, not a state dict. Save its weights with this line of Python:\n${saveLine(path, (file) => `torch.jit.load(${file}).state_dict()`)}`,
    );
  }
  if (!names.includes(`${folder}data.pkl`)) {
    throw new UnusableContent(
      `it is a zip file without data.pkl: torch.save did not write it. ${SAVE_STATE}`,
    );
  }
  return folder;
}

/**
 * The tensors of views, whose storages are entries of a folder.
 *
 * @throws UnusableContent if they are larger than the file
 */
export async function readTensors(
  archive: ZipArchive,
  folder: string,
  views: ReadonlyMap<string, TensorView>,
  fileSize: number,
): Promise<Record<string, TensorData>> {
  const byStorage = new Map<string, Map<string, { view: TensorView; names: string[] }>>();
  let total = 0;
  for (const [name, view] of views) {
    const size = archive.sizeOf(folder + view.storage);
    const claimed = view.storageLength * view.dtype.bytes;
    if (size !== claimed) {
      throw new Error(
        `tensor ${shown(name)} needs a storage of ${claimed} bytes, but ${shown(folder + view.storage)} ${size === undefined ? 'is missing' : `has ${size}`}`,
      );
    }
    // Tied weights are one view under several names, and stay one array.
    const same = `${view.dtype.name} ${view.offset} [${view.shape.join()}] [${view.strides.join()}]`;
    const group = byStorage.get(view.storage) ?? new Map<string, { view: TensorView; names: string[] }>();
    byStorage.set(view.storage, group);
    const known = group.get(same);
    if (known !== undefined) {
      known.names.push(name);
      continue;
    }
    group.set(same, { view, names: [name] });
    const bytes = view.length * view.dtype.bytes;
    total += bytes;
    if (bytes > fileSize || total > MAX_EXPANSION * fileSize) {
      throw new UnusableContent(
        `tensor ${shown(name)} makes the tensors larger than the file: they are expanded views. Save copies: {name: value.clone() for name, value in model.state_dict().items()}`,
      );
    }
  }
  const found = new Map<string, TensorData>();
  // One storage after the other, so that only one is held at a time.
  for (const [storage, group] of byStorage) {
    const bytes = await archive.read(folder + storage);
    for (const { view, names } of group.values()) {
      const tensor = { shape: view.shape, data: view.dtype.decode(materialize(view, bytes)) };
      for (const name of names) found.set(name, tensor);
    }
  }
  // In the state dict's order.
  return Object.fromEntries([...views.keys()].map((name) => [name, found.get(name) as TensorData]));
}
