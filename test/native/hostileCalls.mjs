// Calls everything that the addon exports with arguments of which some are hostile, in a process of its own:
//   node test/native/hostileCalls.mjs SEED CALLS FILE
// Each call ends in a result, in the hostile value's own error, or in an error that names an argument. FILE has the call at work,
// for a process that crashes or hangs. Prints the counts as JSON.
import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isProxy } from 'node:util/types';
import fc from 'fast-check';
import { resnet } from '../../dist/models/resnet.js';
import { vit } from '../../dist/models/vit.js';
import { native } from '../../dist/native/addon.js';
import { PlanBuilder } from '../../dist/native/planBuilder.js';

const [seed, calls] = process.argv.slice(2, 4).map(Number);
const log = openSync(process.argv[4], 'w');
const MAX_MILLISECONDS = 2000;

const addon = native();
const folder = mkdtempSync(join(tmpdir(), 'spurmem-hostile-'));
const pixels = join(folder, 'pixels');
writeFileSync(pixels, Buffer.alloc(3 * 16 * 16, 100));

/** The error of a hostile value's getter, trap or conversion. */
class Hostile extends Error {}
const refuse = () => {
  throw new Hostile('hostile');
};

const handles = {};
const PLANS = {
  resnet: () => resnet({ stem: 3, width: 4, blocks: [1, 1], expansion: 1 })(2),
  vit: () => vit(64)(2, { imageSize: [16, 16], patchSize: 8, layerNormEps: 1e-6 }),
  'projection head': () => {
    const net = new PlanBuilder();
    net.stage('projection', net.linear('0', 3, 4)(net.images));
    return net.plan();
  },
  small: () => {
    const net = new PlanBuilder();
    const layer = net.convNorm('conv', 'norm', { in: 3, out: 4, kernel: 3 });
    const means = net.averaged(layer.relu(net.images));
    net.stage('conv', means);
    net.head('fc', net.linear('fc', 4, 2), means);
    return net.plan();
  },
};
const networkOptions = (name, more = {}) => {
  return { plan: PLANS[name](), generator: handles.generator, device: 'cpu', ...more };
};
const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
const storeOptions = () => [
  [pixels],
  Int32Array.of(0),
  Float64Array.of(0),
  Int32Array.of(16),
  Int32Array.of(16),
];
const tensorOf = (data, ...shape) => addon.tensor(data, shape, 'cpu');

// Handles, made anew where a call has disposed of one.
const makers = {
  generator: () => new addon.Generator(1),
  network: () => addon.createNetwork(networkOptions('resnet')),
  bf16: () => addon.createNetwork(networkOptions('resnet', { precision: 'bf16' })),
  vit: () => addon.createNetwork(networkOptions('vit')),
  head: () => addon.createNetwork(networkOptions('projection head')),
  program: () => addon.createNetwork(networkOptions('small')),
  adam: () => new addon.Adam(handles.network, ADAM),
  store: () => new addon.ImageStore(...storeOptions()),
  images: () => tensorOf(new Float32Array(2 * 3 * 16 * 16).fill(0.5), 2, 3, 16, 16),
  none: () => tensorOf(new Float32Array(0), 0, 3, 16, 16),
  pixel: () => tensorOf(new Float32Array(3), 1, 3, 1, 1),
  nan: () => tensorOf(new Float32Array(2 * 3 * 16 * 16).fill(NaN), 2, 3, 16, 16),
  features: () => tensorOf(Float32Array.from(Array(12).keys()), 4, 3),
  labels: () => tensorOf(Int32Array.of(0, 1), 2),
  logits: () =>
    handles.network.run(handles.images, { grad: true, statistics: 'shared' }).then(({ logits }) => logits),
  loss: () => addon.crossEntropy(handles.logits, handles.labels, 'mean'),
  farLabels: () => tensorOf(Int32Array.of(-7, 2 ** 31 - 1), 2),
  bytes: () => tensorOf(new Uint8Array(768), 1, 3, 16, 16),
  doubles: () => tensorOf(new Float64Array(768), 1, 3, 16, 16),
  longs: () => tensorOf(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), 2),
  scalar: () => tensorOf(Float32Array.of(NaN)),
  deep: () => tensorOf(Float32Array.of(1), ...Array(60).fill(1)),
};

/** Makes a handle anew where it was disposed of, which only tensors say of themselves, or in any case. */
async function refresh(name, always) {
  const handle = handles[name];
  if (handle !== undefined && !always && handle.disposed !== true) return;
  handle?.dispose();
  handles[name] = await makers[name]();
}

/** Handles that a call has disposed of: of classes but Tensor, nothing tells. */
const gone = new Set();
function dispose(name) {
  handles[name].dispose();
  gone.add(name);
}

function disposed(name) {
  const handle = makers[name]();
  handle.dispose();
  return handle;
}

function detached(array) {
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const NUMBERS = [
  ...[0, -1, 1, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53 - 1, 2 ** 53 + 2, -(2 ** 63), 1e308],
  ...[5n, -(2n ** 200n)],
];
const OTHERS = [undefined, null, true, '', 'x', 'meta', 'cuda:99', '\ud800'];
const named = (values) =>
  Object.fromEntries(values.map((value) => [`the ${typeof value} ${value}`, () => value]));

/** Values in an argument's place, each made when it is used. */
const HOSTILE = {
  ...named(NUMBERS),
  ...named(OTHERS),
  text: () => 'x'.repeat(100_000),
  symbol: () => Symbol('s'),
  function: () => refuse,
  object: () => ({}),
  bare: () => Object.create(null),
  array: () => [],
  numbers: () => [1, 2, 3],
  nans: () => [NaN, NaN],
  negative: () => [-1, -1],
  hugeNumbers: () => [2 ** 40, 2 ** 40],
  manyNumbers: () => Array(1000).fill(1),
  sparse: () => new Array(4_000_000_000),
  proxy: () => new Proxy({}, { get: refuse, ownKeys: refuse, getPrototypeOf: refuse, has: refuse }),
  arrayProxy: () => new Proxy([1, 2], {}),
  getter: () => {
    const refusing = { toString: refuse, valueOf: refuse, [Symbol.toPrimitive]: refuse };
    for (const name of ['layer', 'tensor', 'generator'])
      Object.defineProperty(refusing, name, { get: refuse, enumerable: true, configurable: true });
    return refusing;
  },
  arrayOfGetters: () => Object.defineProperty([1, 2], 1, { get: refuse }),
  date: () => new Date(NaN),
  floats: () => Float32Array.of(1, 2),
  doubles: () => Float64Array.of(NaN, Infinity, -1),
  ints: () => Int32Array.of(-1, 2 ** 31 - 1),
  someInts: () => Int32Array.from({ length: 14 }, (_, i) => (i % 3 === 0 ? 2 ** 30 : i - 3)),
  manyInts: () => new Int32Array(1400).fill(1),
  noInts: () => new Int32Array(0),
  bytes: () => new Uint8Array(5),
  halves: () => new Uint16Array(2),
  detached: () => detached(Int32Array.of(0, 1)),
  detachedFloats: () => detached(Float32Array.of(0, 1)),
  shared: () => new Float32Array(new SharedArrayBuffer(8)),
  outside: () => {
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
    const array = new Float32Array(buffer, 32);
    buffer.resize(16);
    return array;
  },
  buffer: () => new ArrayBuffer(8),
  view: () => new DataView(new ArrayBuffer(8)),
  prototype: () => addon.Tensor.prototype,
  inherits: () => Object.create(handles.images),
  tensorProxy: () => new Proxy(handles.images, {}),
  disposedGenerator: () => disposed('generator'),
  disposedStore: () => disposed('store'),
  disposes: () => ({
    // Reading it pulls the rug from under the call.
    get size() {
      dispose('store');
      return [4, 4];
    },
    get grad() {
      dispose('network');
      dispose('images');
      return true;
    },
  }),
};
for (const name of Object.keys(makers)) HOSTILE[`a ${name}`] = () => handles[name];

/** Two of three hostile values are of the kind that they replace, so that the first check does not take them all. */
const words = (text) => text.split(' ');
const ALIKE = {
  number: Object.keys(named(NUMBERS)),
  array: words(
    'floats doubles ints noInts bytes halves detached detachedFloats shared outside someInts manyInts',
  ),
  list: words('array numbers nans negative hugeNumbers manyNumbers sparse arrayOfGetters'),
  object: words('object bare proxy getter disposes prototype inherits tensorProxy'),
};
function alike(value) {
  if (Object.values(handles).includes(value)) return Object.keys(makers).map((name) => `a ${name}`);
  const isList = Array.isArray(value) && 'list';
  const names = ALIKE[(ArrayBuffer.isView(value) && 'array') || isList || typeof value];
  return names ?? Object.keys(HOSTILE);
}

const edit = (kind) => ({
  layer: 'conv1',
  unit: 'neuron',
  kind,
  neurons: Int32Array.of(0, 1),
  values: new Float32Array(kind === 'output' ? 2 : 54),
});
const passOptions = () => ({
  statistics: 'frozen',
  grad: false,
  edits: [edit('replace'), edit('output')],
});
const batchOptions = () => ({
  placements: Int32Array.of(0, 0, 0, 16, 16, 8, 8, 0, 0, 4, 4, 0, 0, 1),
  size: [4, 4],
  changes: Float64Array.of(0, 0, 0.5, 0, 3, 0.1, 0, 5, 1),
  blurKernel: 3,
  interpolation: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  device: 'cpu',
  memoryFormat: 'contiguous',
});

const on = (name, method, args = () => []) => ({
  title: `${name}.${method}`,
  receiver: () => handles[name],
  call: (receiver, given) => handles[name][method].apply(receiver, given),
  args,
});
const getter = (name) => ({
  title: `tensor.${name}`,
  receiver: () => handles.images,
  call: (receiver) => Object.getOwnPropertyDescriptor(addon.Tensor.prototype, name).get.call(receiver),
  args: () => [],
});
const plain = (name, args = () => []) => ({
  title: name,
  receiver: () => addon,
  call: (receiver, given) => addon[name].apply(receiver, given),
  args,
});
const constructor = (name, args) => ({
  title: `new ${name}`,
  receiver: () => undefined,
  call: (_receiver, given) => new addon[name](...given),
  args,
});

const SETS = () => ({
  anchors: Int32Array.of(0),
  positives: Int32Array.of(1),
  negatives: Int32Array.of(2, 3),
});
const ofNetwork = (name, batch) => [
  ...Array(3).fill(on(name, 'run', () => [handles[batch], passOptions()])),
  on(name, 'run', () => [handles[batch], { features: true }]),
  on(name, 'run', () => [handles[batch], { inputs: [0, 1] }]),
  on(name, 'run', () => [handles[batch], { stage: 0, edits: [edit('zero'), edit('add')] }]),
  on(name, 'run', () => [handles[batch], { costs: true }]),
  on(name, 'gradCam', () => [handles[batch], 'conv1', 0]),
  on(name, 'gradCam', () => [handles[batch], 'blocks.11.norm1', 0]),
  on(name, 'neuronScores', () => ['gradient', 'neuron']),
  on(name, 'outputSums', () => [handles[batch]]),
  on(name, 'gradients'),
  on(name, 'loadGradients', () => [{ 'fc.bias': handles.labels }]),
  on(name, 'trainOnly', () => [
    [{ layer: 'conv1', unit: 'neuron', kind: 'zero', neurons: Int32Array.of(0) }],
  ]),
  on(name, 'zeroGrad', () => [true]),
  on(name, 'moveToward', () => [handles[name], 0.5]),
  on(name, 'state'),
  on(name, 'loadState', () => [{ 'fc.bias': handles.scalar }]),
  on(name, 'dispose'),
];
const TARGETS = [
  constructor('Generator', () => [0]),
  ...Array(6).fill(constructor('ImageStore', storeOptions)),
  constructor('Adam', () => [handles.network, { ...ADAM }]),
  constructor('Tensor', () => [handles.images]),
  constructor('Network', () => [handles.network]),
  plain('tensor', () => [Float32Array.of(1, 2), [2], 'cpu']),
  ...Array(6).fill(
    plain('createNetwork', () => [
      networkOptions('resnet', { memoryFormat: 'contiguous', precision: 'fp32' }),
    ]),
  ),
  ...Array(6).fill(plain('createNetwork', () => [networkOptions('vit')])),
  plain('createNetwork', () => [networkOptions('projection head')]),
  ...Array(12).fill(plain('createNetwork', () => [networkOptions('small')])),
  plain('planOperators'),
  plain('crossEntropy', () => [handles.logits, handles.labels, 'mean']),
  plain('squaredError', () => [handles.logits, handles.labels, 'none']),
  plain('ntXent', () => [handles.features, handles.features, 0.5]),
  plain('supervisedContrast', () => [handles.features, SETS(), 0.5]),
  plain('combine', () => [[{ tensor: handles.features, weight: new Float32Array(12) }]]),
  plain('loadDecoders', () => [['none.so'], ['none.so']]),
  plain('decodeImages', () => [[pixels]]),
  plain('configure', () => [1]),
  plain('claim', () => ['threads']),
  plain('release'),
  plain('matmul', () => [handles.features, handles.features]),
  plain('liveTensors'),
  ...ofNetwork('network', 'images'),
  ...ofNetwork('network', 'images'),
  ...ofNetwork('bf16', 'images'),
  ...ofNetwork('vit', 'images'),
  ...ofNetwork('program', 'images'),
  ...ofNetwork('head', 'features'),
  ...Array(3).fill(['shape', 'dtype', 'disposed'].map(getter)).flat(),
  ...['images', 'logits', 'longs', 'scalar'].flatMap((name) =>
    ['item', 'data', 'argmax', 'softmax', 'channelsLast', 'dispose'].map((method) => on(name, method)),
  ),
  on('loss', 'backward', () => [1]),
  on('logits', 'backward', () => [0.5]),
  on('generator', 'random'),
  on('generator', 'randperm', () => [5]),
  on('generator', 'randn', () => [5]),
  on('generator', 'multinomial', () => [Float64Array.of(1, 2), 3]),
  on('generator', 'uniform', () => [0, 1]),
  on('generator', 'logUniform', () => [0.5, 2]),
  on('generator', 'randint', () => [5]),
  on('generator', 'getState'),
  on('generator', 'setState', () => [handles.generator.getState()]),
  on('generator', 'dispose'),
  ...Array(20).fill(on('store', 'batch', () => [batchOptions()])),
  on('store', 'dispose'),
  on('adam', 'step', () => [0.01]),
  on('adam', 'state'),
  on('adam', 'loadState', () => [{ 'exp_avg.fc.bias': handles.labels }]),
  on('adam', 'dispose'),
];

/** Not a proxy, which would ask its traps. */
const isPlain = (value) => !isProxy(value) && Object.getPrototypeOf(value ?? 0) === Object.prototype;

/** A value that is as hostile says at the path, into the arguments, and into what lies in them. */
function replaced(args, { path, value, ofKind }) {
  let place = args;
  for (const [depth, step] of path.entries()) {
    const keys = Object.keys(place);
    const key = keys[step % keys.length];
    if (key === undefined) return;
    const next = Object.getOwnPropertyDescriptor(place, key).value;
    const goesOn = depth + 1 < path.length && (Array.isArray(next) || isPlain(next));
    if (goesOn) {
      place = next;
      continue;
    }
    const names = ofKind === null ? [value] : alike(next);
    const chosen = HOSTILE[names[(ofKind ?? 0) % names.length]]();
    Object.defineProperty(place, key, { value: chosen, enumerable: true, configurable: true });
    return;
  }
}

const cases = fc.record({
  target: fc.nat(TARGETS.length - 1),
  receiver: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    fc.constantFrom(...Object.keys(HOSTILE)),
  ),
  fewer: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2)),
  changes: fc.array(
    fc.record({
      path: fc.array(fc.nat(999), { minLength: 1, maxLength: 3 }),
      value: fc.constantFrom(...Object.keys(HOSTILE)),
      ofKind: fc.option(fc.nat(999), { freq: 2 }),
    }),
    { maxLength: 2 },
  ),
});

const seen = { results: 0, hostile: 0, TypeError: 0, RangeError: 0, NATIVE_FAILED: 0, milliseconds: 0 };

function disposeAll(value) {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (typeof value.dispose === 'function') value.dispose();
  else Object.values(value).forEach(disposeAll);
}

/** Whether a message says what was wrong, and of which argument. */
function judge(error, title) {
  const said = `${title}: ${String(error?.stack ?? error)}`;
  if (error instanceof Hostile) {
    seen.hostile += 1;
    return;
  }
  if (!(error instanceof Error)) throw new Error(`${title} threw no error: ${String(error)}`);
  if (error.message.length > 3000)
    throw new Error(`${title}: a message of ${error.message.length} characters`);
  if (/frame #|c10::|\/usr\//.test(error.message)) throw new Error(`C++ shows: ${said}`);
  if (error.code === 'NATIVE_FAILED') {
    if (!/\(in (new )?\w+\(.*\)\)$/.test(error.message)) throw new Error(`no call is named: ${said}`);
    seen.NATIVE_FAILED += 1;
    return;
  }
  if (error.name !== 'TypeError' && error.name !== 'RangeError') throw new Error(`another error: ${said}`);
  // V8's own checks of the receiver come before any of the addon's.
  const names =
    /^Expected .* for [\w."[\] ]+ but received |was disposed|no public constructor|Illegal invocation|cannot be invoked without|differ in length|lies outside|No image|image \d+ has .* of file|has no stage|numbers for each|no image|resized to|is odd|size is|proxy/;
  if (!names.test(error.message)) throw new Error(`no argument is named: ${said}`);
  seen[error.name] += 1;
}

async function run({ target, receiver, fewer, changes }, text) {
  writeSync(log, `${text.padEnd(2000)}\n`, 0);
  const { title, receiver: own, call, args } = TARGETS[target];
  for (const name of Object.keys(makers)) await refresh(name, false);
  const given = args();
  for (const change of changes) replaced(given, change);
  given.length = Math.max(0, given.length - fewer);
  const start = performance.now();
  let result;
  try {
    result = await call(receiver === undefined ? own() : HOSTILE[receiver](), given);
    seen.results += 1;
  } catch (error) {
    judge(error, title);
  }
  const elapsed = performance.now() - start;
  seen.milliseconds = Math.max(seen.milliseconds, elapsed);
  if (elapsed > MAX_MILLISECONDS) throw new Error(`${title} took ${elapsed.toFixed(0)} ms: ${text}`);
  if (!Object.values(handles).includes(result)) disposeAll(result);
  const [name, method] = title.split('.');
  if (method === 'dispose') gone.add(receiver?.startsWith('a ') ? receiver.slice(2) : name);
  for (const other of Object.keys(makers).filter((key) => gone.has(key))) await refresh(other, true);
  gone.clear();
}

for (const name of Object.keys(makers)) await refresh(name, true);
await fc.assert(
  fc.asyncProperty(cases, (one) => run(one, JSON.stringify({ ...one, title: TARGETS[one.target].title }))),
  { numRuns: calls, seed, endOnFailure: true },
);
closeSync(log);
rmSync(folder, { recursive: true });
console.log(JSON.stringify(seen));
