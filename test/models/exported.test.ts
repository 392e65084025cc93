import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { SpurmemError } from '../../src/errors.js';
import { Flow, groupsOf } from '../../src/models/exported/analysis.js';
import { type ProgramFile, readProgramFile, writeProgram } from '../../src/models/exported/archive.js';
import { type GraphNode, graphNode, type ProgramJson } from '../../src/models/exported/graph.js';
import { inspectProgram, mixesImages, readProgram } from '../../src/models/exported/program.js';
import { Model } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { ComputeContext } from '../../src/native/context.js';
import { bool, int, ints, PlanBuilder, value } from '../../src/native/planBuilder.js';
import { failure } from '../data/support.js';
import { imagesOf } from '../networks.js';
import { exported, openExported } from '../parity/exportedCases.js';
import { python } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
let file: ProgramFile;
let path: `${string}.pt2`;

beforeAll(async () => {
  const made = await exported({ network: 'branches', batch: 4, height: 24, width: 20 });
  path = made.program;
  file = await readProgramFile(path);
}, 120_000);

/** The file of a run whose program is changed. */
async function changed(change: (program: ProgramJson) => unknown): Promise<string> {
  const program = structuredClone(file.program);
  change(program);
  const changedFile = join(folder, 'program.safetensors');
  await writeProgram(changedFile, { ...file, program });
  return changedFile;
}

async function refusal(change: (program: ProgramJson) => unknown): Promise<string> {
  const error: unknown = await readProgram(await changed(change)).catch((reason: unknown) => reason);
  if (!(error instanceof SpurmemError)) throw new Error(`no refusal: ${String(error)}`);
  expect(error.code).toBe('MODEL_INVALID');
  return error.message;
}

const nodesOf = (program: ProgramJson) => program.graph_module.graph.nodes;
const nodeOf = (program: ProgramJson, target: string) => {
  const found = nodesOf(program).find((node) => node.target === `torch.ops.aten.${target}`);
  if (!found) throw new Error(`no call of ${target}`);
  return found;
};

test('a file is described: head, stages, layers, maps, operators', async () => {
  const found = await inspectProgram(path);
  expect(found).toMatchObject({
    imageSize: [24, 20],
    isEvaluationOnly: false,
    classes: 3,
    head: { name: 'fc.0', features: 12 },
    mappable: ['small', 'large', 'last'],
    mappedByDefault: 'last',
    parameters: 224 + 360 + 32 + 876 + 39,
  });
  const layers = found.stages.flatMap((stage) =>
    stage.layers.map(({ name, neurons, weights }) => [name, neurons, weights]),
  );
  expect(layers).toEqual([
    ['small', 8, 27],
    ['large', 8, 45],
    ['last', 12, 72],
  ]);
  // One tensor alone crosses after the concatenation, and before the head.
  expect(found.stages).toHaveLength(3);
  expect(found.operators).toMatchObject({ conv2d: 3, batch_norm: 1, dropout: 1, linear: 1, cat: 1 });
});

/** Writes a program in the archives of PyTorch 2.6, and of those between: state dicts as torch.save writes them. */
const OLDER = `
import io, sys, zipfile, torch
path, flat, pickled = sys.argv[1:]
program = torch.export.load(path)
def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
state, constants = saved(dict(program.state_dict)), saved(dict(program.constants))
with zipfile.ZipFile(path) as archive:
    # PyTorch 2.6 has it at the top.
    json = archive.read([name for name in archive.namelist() if name.endswith(("models/model.json", "serialized_exported_program.json"))][0])
with zipfile.ZipFile(flat, "w") as archive:
    archive.writestr("serialized_exported_program.json", json)
    archive.writestr("serialized_state_dict.pt", state)
    archive.writestr("serialized_constants.pt", constants)
with zipfile.ZipFile(pickled, "w") as archive:
    archive.writestr("root/archive_format", "pt2")
    archive.writestr("root/models/model.json", json)
    archive.writestr("root/data/weights/model.pt", state)
    archive.writestr("root/data/constants/model.pt", constants)
`;

test('the archives of older versions hold the same', async () => {
  const [flat, pickled] = ['flat.pt2', 'pickled.pt2'].map((name) => join(folder, name));
  python(['-c', OLDER, path, flat ?? '', pickled ?? '']);
  for (const older of [flat, pickled]) {
    const read = await readProgramFile(older ?? '');
    expect(read.hash).toBe(file.hash);
    expect(read.weights).toEqual(file.weights);
  }
});

test('everything that is not supported is refused in one message', async () => {
  const message = await refusal((program) => {
    nodeOf(program, 'relu.default').target = 'torch.ops.aten.from_file.default';
    nodeOf(program, 'cat.default').target = 'torch.ops.mine.join.default';
    nodeOf(program, 'dropout.default').target = 'torch.ops.higher_order.cond';
  });
  expect(message).toMatch(
    /not supported: torch\.ops\.aten\.from_file\.default, torch\.ops\.mine\.join\.default, torch\.ops\.higher_order\.cond\.$/,
  );
});

/** What a program says of its first input of a kind. */
function metaOf({ graph_module: { graph, signature } }: ProgramJson, kind: 'user_input' | 'buffer') {
  const spec = signature.input_specs.find((one) => kind in one)?.[kind] as {
    arg: { name: string; as_tensor?: { name: string } };
  };
  return graph.tensor_values[(spec.arg.as_tensor ?? spec.arg).name] as { dtype: number; sizes: unknown[] };
}

test.each<[string, (program: ProgramJson) => unknown, RegExp]>([
  [
    'one size of batch',
    (program) => (metaOf(program, 'user_input').sizes[0] = { as_int: 4 }),
    /batches of 4 images alone[^]*torch\.export\.Dim\("batch"/,
  ],
  ['another version', (program) => (program.schema_version.major = 9), /version 9/],
  [
    'no logits',
    (program) => {
      program.graph_module.graph.outputs = [nodeOf(program, 'relu.default').outputs[0] ?? {}];
    },
    /does not give logits \[N, classes\]/,
  ],
  [
    'a buffer of truths',
    (program) => (metaOf(program, 'buffer').dtype = 12),
    /its buffer \S+ is of the type bool, .* persistent=False/,
  ],
  [
    'an object',
    (program) => program.graph_module.signature.input_specs.push({ custom_obj: { arg: { name: 'x' } } }),
    /an input of the kind custom_obj/,
  ],
  [
    'a value from nowhere',
    (program) =>
      (nodeOf(program, 'cat.default').inputs[0] = {
        name: 'tensors',
        arg: { as_tensors: [{ name: 'nowhere' }] },
      }),
    /takes the value "nowhere" before it is made/,
  ],
  [
    'a value that is made twice',
    (program) => (nodeOf(program, 'relu.default').outputs = nodesOf(program)[0]?.outputs ?? []),
    /twice/,
  ],
])('%s is refused with what to do', async (_what, change, message) => {
  expect(await refusal(change)).toMatch(message);
});

/** Opens a program with another call in the place of its first ReLU. */
async function withCall(
  target: string,
  inputs: (given: ProgramNode['inputs'][number]) => ProgramNode['inputs'],
): Promise<unknown> {
  const program = await changed((json) => {
    const relu = nodeOf(json, 'relu.default');
    relu.target = `torch.ops.aten.${target}`;
    relu.inputs = inputs(relu.inputs[0] as ProgramNode['inputs'][number]);
  });
  const read = await readProgram(program, 'changed.pt2');
  const generator = new (native().Generator)(0);
  const options = { numClasses: 3, generator, imageSize: [24, 20] as const };
  return Model.ofProgram(read, options, ComputeContext.of({ device: 'cpu' }));
}
type ProgramNode = ProgramJson['graph_module']['graph']['nodes'][number];
const named = (name: string, arg: object) => ({ name, arg: { ...arg } });

test('a call with arguments of another operator, or that fails, is the program\u2019s fault', async () => {
  const gelu = withCall('gelu.default', ({ arg }) => [{ name: 'self', arg }, named('dim', { as_int: 1 })]);
  await failure(
    gelu,
    'MODEL_INVALID',
    /changed\.pt2 cannot be run: gelu does not take dim .* export it again/,
  );
  const beyond = withCall('select.int', ({ arg }) => [
    { name: 'self', arg },
    named('dim', { as_int: 1 }),
    named('index', { as_int: 99 }),
  ]);
  await failure(beyond, 'MODEL_INVALID', /changed\.pt2 cannot be run: .*index 99/);
  // The pool would loop 2^53 times.
  const sides = named('output_size', { as_ints: [2 ** 53, 0] });
  const endless = withCall('adaptive_max_pool2d.default', ({ arg }) => [{ name: 'self', arg }, sides]);
  await failure(endless, 'MODEL_INVALID', 'is beyond the sizes of any network');
  // 16 GiB.
  const large = withCall('arange.default', () => [named('end', { as_int: 2 ** 31 })]);
  await failure(
    large,
    'MODEL_INVALID',
    /17179869184 bytes is more than a call with these arguments may make/,
  );
});

test('attention with more values than keys is refused before it reads or writes beyond the keys', async () => {
  const net = new PlanBuilder();
  const [self, dim] = [value(net.images), int(2)];
  const key = net.call('slice.Tensor', { self, dim, end: int(1) });
  const given = { query: self, key: value(key), value: self };
  net.stage('attention', net.call('scaled_dot_product_attention', given));
  const generator = new (native().Generator)(1);
  const network = await native().createNetwork({ plan: net.plan(), generator, device: 'cpu' });
  using images = await native().tensor(new Float32Array(192).fill(1), [2, 3, 8, 4], 'cpu');
  await expect(network.run(images)).rejects.toThrow(
    'attention takes a key for each value, as long as a query, and not queries [2, 3, 8, 4], keys [2, 3, 1, 4]',
  );
  network.dispose();
});

test('weights that are not finite are refused when the program is read', async () => {
  const entries = unzipSync(await readFile(path));
  const { byteLength } = file.weights?.['large.weight']?.data ?? {};
  const own = Object.values(entries).find(({ length }) => length === byteLength) ?? new Uint8Array();
  own.set(new Uint8Array(Float32Array.of(NaN).buffer), 8);
  const nan = join(folder, 'nan.pt2');
  await writeFile(nan, zipSync(entries, { level: 0 }));
  const problem = 'large.weight has 1 of 360 values that are infinite or NaN';
  await failure(readProgram(nan), 'MODEL_INVALID', nan, problem);
});

test('logits of no linear layer keep their classes: its last layers are no neurons, and other classes are refused', async () => {
  const features = await changed((program) => {
    const input = nodeOf(program, 'linear.default').inputs.find(({ name }) => name === 'input')?.arg;
    program.graph_module.graph.outputs = [input ?? {}];
  });
  const { classes, head, stages } = await inspectProgram(features);
  expect({ classes, head }).toEqual({ classes: 12, head: null });
  const layers = stages.flatMap((stage) => stage.layers.map(({ name }) => name));
  expect(layers).not.toContain('last');
  expect(layers).toContain('small');
  const program = await readProgram(features, 'features.pt2');
  const open = (numClasses: number) => {
    const generator = new (native().Generator)(0);
    return Model.ofProgram(program, { numClasses, generator }, ComputeContext.of({ device: 'cpu' }));
  };
  using model = await open(12);
  expect(() => model.numFeatures).toThrow(/does not end with one linear layer/);
  await expect(open(3)).rejects.toThrow(/gives logits of 12 classes, and the data have 3\./);
});

test('C++ checks the plan again', async () => {
  const { plan } = await readProgram(path);
  const generator = new (native().Generator)(0);
  const create = (changes: object) =>
    native().createNetwork({ plan: { ...plan, ...changes }, generator, device: 'cpu' });
  const withNode = (index: number, changes: object) => ({
    nodes: plan.nodes.map((node, i) => (i === index ? { ...node, ...changes } : node)),
  });
  const relu = plan.nodes.findIndex(({ target }) => target === 'relu');
  await expect(create(withNode(relu, { target: 'from_file' }))).rejects.toThrow(/may not call from_file/);
  await expect(create(withNode(relu, { target: '_reshape_alias' }))).rejects.toThrow(/may not call/);
  await expect(create(withNode(relu, { arguments: {} }))).rejects.toThrow(/lacks self/);
  const [weight] = plan.inputs;
  const writing = { target: 'relu_', arguments: { self: { kind: 'value', values: [weight?.value ?? 0] } } };
  await expect(create(withNode(relu, writing))).rejects.toThrow(/may not write there/);
  const later = { arguments: { self: { kind: 'value', values: [plan.nodes.at(-1)?.results[0]] } } };
  await expect(create(withNode(relu, later))).rejects.toThrow(/not made before/);
  await expect(create({ stages: plan.stages.slice(1) })).rejects.toThrow(/stage/);
  const withShape = (shape: readonly number[]) => ({
    inputs: plan.inputs.map((input) => (input.name === weight?.name ? { ...input, shape } : input)),
  });
  await expect(create(withShape([0, 3, 3, 3]))).rejects.toThrow(/no neurons/);
  await expect(create(withShape([2 ** 31]))).rejects.toThrow(/beyond any network/);
  const ofBool = plan.inputs.map((input) => (input.kind === 'buffer' ? { ...input, dtype: 11 } : input));
  const network = await create({ inputs: ofBool });
  const { [ofBool.find(({ kind }) => kind === 'buffer')?.name ?? '']: buffer } = await network.state();
  await expect(buffer?.data()).rejects.toThrow(/JavaScript has no array of Bool/);
  network.dispose();
});

test('another number of classes gets a head of its own, as torch.nn.Linear draws it; the rest keeps its weights', async () => {
  using three = await openExported(path);
  using five = await openExported(path, 5);
  const [own, other] = [await three.stateDict(), await five.stateDict()];
  expect(other['fc.0.weight']?.shape).toEqual([5, 12]);
  expect(other['small.weight']).toEqual(own['small.weight']);
  const bound = 1 / Math.sqrt(12);
  const drawn = [...(other['fc.0.weight']?.data as Float32Array)].map(Math.abs);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(bound);
  expect(Math.max(...drawn)).toBeGreaterThan(bound / 2);
});

test('dropout draws anew in each training pass, and the same after the same number of passes', async () => {
  const logitsOf = async (model: Model): Promise<Float32Array> => {
    const values = new (native().Generator)(3).randn(4 * 3 * 24 * 20);
    using images = await imagesOf(values, [4, 3, 24, 20]);
    using logits = (await model.network.run(images, { statistics: 'separate', grad: true })).logits;
    return (await logits.data()) as Float32Array;
  };
  using model = await openExported(path);
  const first = await logitsOf(model);
  const state = await model.stateDict();
  const second = await logitsOf(model);
  expect(second).not.toEqual(first);
  using again = await openExported(path);
  await again.loadStateDict(state);
  expect(await logitsOf(again)).toEqual(second);
});

test('drops that evaluation could not leave out are refused', async () => {
  const { program } = await exported({ network: 'drops-before', batch: 4, height: 12, width: 12 });
  const problem = /drops by bernoulli_\.float in another form than torchvision's StochasticDepth/;
  await failure(readProgram(program), 'MODEL_INVALID', problem);
});

test('an input that is written before the last call of a group is not read then', () => {
  const value = (...values: number[]) => ({ kind: 'value', values }) as const;
  const call = (target: string, given: GraphNode['arguments'], made: number): GraphNode => {
    const isWriting = target === 'relu_';
    const traits = { aliases: isWriting, writes: isWriting };
    return graphNode({ target, module: '', arguments: given, results: [made] }, traits);
  };
  const sizes = [{ as_int: 2 }, { as_int: 4 }, { as_int: 8 }, { as_int: 8 }];
  const normed = (input: number, made: number): GraphNode =>
    call(
      'batch_norm',
      { input: value(input), running_mean: value(11), training: { kind: 'bool', numbers: [1] } },
      made,
    );
  const groupsWith = (relu: string) => {
    const nodes = [
      call('conv2d', { input: value(0), weight: value(10) }, 1),
      normed(1, 2),
      call(relu, { self: value(0) }, 3),
      call('conv2d', { input: value(3), weight: value(10) }, 4),
      call('add.Tensor', { self: value(4), other: value(2) }, 5),
      call('relu', { self: value(5) }, 6),
    ];
    const graph = {
      nodes,
      inputs: [],
      images: 0,
      output: 6,
      batchSizes: [],
      batch: 'b',
      metas: Array(12).fill({ sizes }),
    };
    return groupsOf(graph, [], new Flow(graph, []));
  };
  expect(groupsWith('relu')).toEqual([{ convolution: 0, norm: 1, sum: 4, relu: 5 }]);
  expect(groupsWith('relu_')).toEqual([{ convolution: 0, norm: 1, sum: null, relu: null }]);
});

test('a program exported in evaluation mode computes the same, and keeps its statistics where it is trained', async () => {
  const { program } = await exported({ network: 'branches', batch: 4, height: 24, width: 20, mode: 'eval' });
  expect((await inspectProgram(program)).isEvaluationOnly).toBe(true);
  const values = new (native().Generator)(3).randn(4 * 3 * 24 * 20);
  const logits = await Promise.all(
    [path, program].map(async (file) => {
      using model = await openExported(file);
      using images = await imagesOf(values, [4, 3, 24, 20]);
      using evaluated = (await model.network.run(images, { grad: true })).logits;
      const before = await model.stateDict();
      using trained = (await model.network.run(images, { grad: true, statistics: 'shared' })).logits;
      const after = await model.stateDict();
      const isKept = String(after['norm.running_mean']?.data) === String(before['norm.running_mean']?.data);
      return { evaluated: await evaluated.data(), trained: await trained.data(), isKept };
    }),
  );
  const [whole, frozen] = logits;
  expect(frozen?.evaluated).toEqual(whole?.evaluated);
  expect([whole?.isKept, frozen?.isKept]).toEqual([false, true]);
  // No dropout and no statistics of the batch.
  expect(frozen?.trained).toEqual(frozen?.evaluated);
});

test('damaged and missing files are refused', async () => {
  await expect(readProgram(join(folder, 'none.pt2'))).rejects.toThrow(/no such file/);
  const generator = new (native().Generator)(0);
  await expect(
    Model.create({ arch: 'none' as 'none.pt2', numClasses: 2, generator, device: 'cpu' }),
  ).rejects.toThrow(/a file of torch\.export/);
});

test.each([false, true])('images that influence one another in evaluation are noticed: %p', async (mixes) => {
  const net = new PlanBuilder();
  const [self, dim] = [value(net.images), ints(0)];
  const mean = net.call('mean.dim', { self, dim, keepdim: bool(true) });
  const input = mixes ? net.call('sub.Tensor', { self, other: value(mean) }) : net.images;
  const layer = net.convNorm('conv', 'norm', { in: 3, out: 4, kernel: 3 });
  net.head('fc', net.linear('fc', 4, 2), net.averaged(layer.relu(input)));
  const generator = new (native().Generator)(1);
  const network = await native().createNetwork({ plan: net.plan(), generator, device: 'cpu' });
  const context = new ComputeContext({ device: 'cpu' });
  expect(await mixesImages({ network, context }, [16, 12])).toBe(mixes);
  network.dispose();
});
