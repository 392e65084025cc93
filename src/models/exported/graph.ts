import type { PlanArgument } from '../../native/plan.js';
import * as z from '../../zod.js';
import { shown, UnusableContent } from '../dtypes.js';

/**
 * The part of torch.export's JSON (torch/_export/serde/schema.py, major version 8) that a network is made of. Unknown fields are ignored;
 * kinds of arguments and inputs that are not known stay, to be refused by their names.
 */

const expression = z.object({ as_expr: z.object({ expr_str: z.string() }) });
const size = z.union([z.object({ as_int: z.int() }), expression]);
const tensorMeta = z.object({ dtype: z.int(), sizes: z.array(size) });
/** One key, the kind, and its value. */
const union = z.record(z.string(), z.unknown());

const nodeSchema = z.object({
  target: z.string(),
  inputs: z.array(z.object({ name: z.string(), arg: union })),
  outputs: z.array(union),
  metadata: z.object({ nn_module_stack: z.string().optional() }).default({}),
});
type JsonNode = z.infer<typeof nodeSchema>;

export const programSchema = z.object({
  schema_version: z.object({ major: z.int(), minor: z.int() }),
  torch_version: z.string().default('2.4 or older'),
  graph_module: z.object({
    graph: z.object({
      nodes: z.array(nodeSchema),
      outputs: z.array(union),
      tensor_values: z.record(z.string(), tensorMeta),
      sym_int_values: z.record(z.string(), z.unknown()).default({}),
    }),
    signature: z.object({
      input_specs: z.array(union),
      output_specs: z.array(union),
    }),
  }),
});
export type ProgramJson = z.infer<typeof programSchema>;
type TensorMeta = z.infer<typeof tensorMeta>;
export type Size = z.infer<typeof size>;

const named = z.object({ name: z.string() });

/** The inputs that a network has besides its images, whose names are in `<kind>_name`. */
const SOURCES: ReadonlyMap<string, GraphInput['kind']> = new Map([
  ['parameter', 'parameter'],
  ['buffer', 'buffer'],
  ['tensor_constant', 'constant'],
]);
const sourceSpec = z.looseObject({ arg: named });
const imagesSpec = z.object({ arg: z.object({ as_tensor: named }) });

/** Python's JSON has no infinities: they are words. */
const float = z.union([
  z.number(),
  z
    .string()
    .regex(/^(?:-?Infinity|NaN)$/)
    .transform(Number),
]);
const symbolic = z.union([z.object({ as_name: z.string() }), z.object({ as_int: z.number() })]);
const optionalTensor = z.union([z.object({ as_tensor: named }), z.object({ as_none: z.unknown() })]);

/** The kinds of arguments that are read. */
const ARGUMENTS = {
  as_none: z.unknown(),
  as_tensor: named,
  as_tensors: z.array(named),
  as_optional_tensor: optionalTensor,
  as_optional_tensors: z.array(optionalTensor),
  as_int: z.number(),
  as_ints: z.array(z.number()),
  as_float: float,
  as_floats: z.array(float),
  as_bool: z.boolean(),
  as_bools: z.array(z.boolean()),
  as_string: z.string(),
  as_sym_int: symbolic,
  as_sym_ints: z.array(symbolic),
  as_scalar_type: z.int(),
  as_memory_format: z.int(),
  as_layout: z.int(),
  as_device: z.unknown(),
} as const;
type ArgumentKind = keyof typeof ARGUMENTS;

/** Where a raw tensor of the newest layout lies, and its shape. */
export const payloadSchema = z.object({
  config: z.record(
    z.string(),
    z.object({
      path_name: z.string(),
      use_pickle: z.boolean(),
      tensor_meta: tensorMeta.extend({ strides: z.array(size), storage_offset: size }).nullable(),
    }),
  ),
});

/** A call of an operator: `conv2d`, `conv2d.padding`, or `symbolic.mul` of sizes. */
export interface GraphNode {
  readonly target: string;
  /** The module that it belongs to, such as `layer1.0.conv1`. */
  readonly module: string;
  readonly arguments: Readonly<Record<string, PlanArgument>>;
  /** The values that it makes, by number: one, a list of tensors, or none for one that nothing takes. */
  readonly results: readonly (number | readonly number[] | null)[];
}

/** A parameter, a buffer or a constant. */
export interface GraphInput {
  readonly kind: 'parameter' | 'buffer' | 'constant';
  readonly name: string;
  readonly value: number;
}

/** An exported program with numbers for the names of values. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly GraphInput[];
  /** The value of the batch of images, and that of the logits. */
  readonly images: number;
  readonly output: number;
  /** By value: data type and shape; undefined for sizes. */
  readonly metas: readonly (TensorMeta | undefined)[];
  /** Values that are the number of images. */
  readonly batchSizes: readonly number[];
  /** The name of that number in shapes. */
  readonly batch: string;
}

/** Whether an operator's result may share the memory of what it takes, and whether it writes there. */
export interface OperatorTraits {
  readonly aliases: boolean;
  readonly writes: boolean;
}

const SYMBOLIC = ['add', 'sub', 'mul', 'floordiv', 'mod', 'neg'];

/** torch's data types by the numbers of the JSON: c10's numbers, and the classes of storages in pickles. */
export const SCALAR_TYPES: Readonly<Record<number, { readonly c10: number; readonly storage: string }>> = {
  1: { c10: 0, storage: 'torch.ByteStorage' },
  2: { c10: 1, storage: 'torch.CharStorage' },
  3: { c10: 2, storage: 'torch.ShortStorage' },
  4: { c10: 3, storage: 'torch.IntStorage' },
  5: { c10: 4, storage: 'torch.LongStorage' },
  6: { c10: 5, storage: 'torch.HalfStorage' },
  7: { c10: 6, storage: 'torch.FloatStorage' },
  8: { c10: 7, storage: 'torch.DoubleStorage' },
  12: { c10: 11, storage: 'torch.BoolStorage' },
  13: { c10: 15, storage: 'torch.BFloat16Storage' },
};
export const FLOAT32 = 7;

/** Whether C++ computes with sizes by that function of Python's module operator. */
export function isKnownSymbolic(target: string): boolean {
  return SYMBOLIC.some((name) => target === `symbolic.${name}`);
}

/** The expression of a size that is not fixed. */
function symbolOf(size: unknown): string | undefined {
  return expression.safeParse(size).data?.as_expr.expr_str;
}

/** The size of a value along a dimension, counted from the end where negative; undefined where it is not fixed. */
export function sizeOf(meta: TensorMeta | undefined, dimension: number): number | undefined {
  const size = meta?.sizes.at(dimension);
  return size !== undefined && 'as_int' in size ? size.as_int : undefined;
}

/** Whether a value has a row for each image. */
export function hasBatch({ metas, batch }: Pick<Graph, 'metas' | 'batch'>, value: number): boolean {
  return symbolOf(metas[value]?.sizes[0]) === batch;
}

/** The values that a call takes. */
export function takenBy(node: GraphNode): number[] {
  return Object.values(node.arguments).flatMap(({ values = [] }) => values.filter((value) => value >= 0));
}

/** The values that it makes. */
export function madeBy(node: GraphNode): number[] {
  return node.results.flatMap((result) => result ?? []);
}

/** The value of an argument that is one. */
export function valueOf(node: GraphNode, name: string): number | undefined {
  const argument = node.arguments[name];
  return argument?.kind === 'value' ? argument.values?.[0] : undefined;
}

/** Checks of sizes and types that newer versions of PyTorch put between the calls: libtorch makes its own. */
const CHECKS =
  /^(?:_assert_tensor_metadata|_assert_scalar|_assert_async\.msg|sym_constrain_range(?:_for_size)?)$/;
const MAX_NODES = 100_000;

/** Memory formats by the numbers of the JSON, as c10's: contiguous, channels_last, channels_last_3d, preserve. */
const MEMORY_FORMATS: Readonly<Record<number, number>> = { 1: 0, 2: 2, 3: 3, 4: 1 };
const STRIDED = 7;

/** The line of Python that exports a network whose batch may have any size. */
const EXPORT_LINE =
  '  torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=4096)},)), "model.pt2")';

/**
 * Numbers a program's values, and gives its calls in the addon's form. Throws UnusableContent naming everything that is not supported.
 *
 * @param operators those that may be called
 */
export function readGraph(program: ProgramJson, operators: ReadonlyMap<string, OperatorTraits>): Graph {
  return new Reader(program, operators).read();
}

class Reader {
  readonly #program: ProgramJson;
  readonly #operators: ReadonlyMap<string, OperatorTraits>;
  readonly #numbers = new Map<string, number>();
  /** What is not supported, and how often it is there. */
  readonly #refused = new Map<string, number>();

  constructor(program: ProgramJson, operators: ReadonlyMap<string, OperatorTraits>) {
    this.#program = program;
    this.#operators = operators;
  }

  read(): Graph {
    const { graph, signature } = this.#program.graph_module;
    const { major, minor } = this.#program.schema_version;
    if (major !== 8) {
      throw new UnusableContent(
        `it has version ${major}.${minor} of torch.export's schema, and 8 is read. Export it with PyTorch 2.6 or newer`,
      );
    }
    if (graph.nodes.length > MAX_NODES)
      throw new UnusableContent(`its graph has more than ${MAX_NODES} calls`);
    const inputs: GraphInput[] = [];
    const images: number[] = [];
    for (const spec of signature.input_specs) {
      const input = this.#input(spec);
      if (input === undefined) continue;
      if (input.kind === 'images') images.push(input.value);
      else inputs.push(input);
    }
    for (const spec of signature.output_specs) {
      const [kind = 'nothing'] = Object.keys(spec);
      if (kind !== 'user_output')
        this.#refuse(`an output of the kind ${kind} (decomposed: save what torch.export.export gives)`);
    }
    const nodes = graph.nodes.flatMap((node) => this.#node(node) ?? []);
    const [output, ...others] = graph.outputs.map((given) => this.#argument(given));
    if (this.#refused.size > 0) throw this.#refusal();
    const [image] = images;
    if (image === undefined || images.length > 1) {
      throw new UnusableContent(`it takes ${images.length} inputs: a network takes one, a batch of images`);
    }
    const [logits] = output?.kind === 'value' ? (output.values ?? []) : [];
    if (logits === undefined || others.length > 0) {
      throw new UnusableContent(
        `it gives ${graph.outputs.length} outputs: a network gives one tensor, the logits`,
      );
    }
    const metas = new Array<TensorMeta | undefined>(this.#numbers.size);
    const sizes: number[] = [];
    const [nameOfImages = ''] = [...this.#numbers].find(([, number]) => number === image) ?? [];
    const batch = batchOf(graph.tensor_values[nameOfImages]);
    for (const [name, number] of this.#numbers) {
      metas[number] = Object.hasOwn(graph.tensor_values, name) ? graph.tensor_values[name] : undefined;
      const size = Object.hasOwn(graph.sym_int_values, name) ? graph.sym_int_values[name] : undefined;
      if (symbolOf(size) === batch) sizes.push(number);
    }
    return { nodes, inputs, images: image, output: logits, metas, batchSizes: sizes, batch };
  }

  #input(spec: Readonly<Record<string, unknown>>) {
    const [kind = 'nothing'] = Object.keys(spec);
    if (kind === 'user_input') {
      const read = imagesSpec.safeParse(spec[kind]);
      if (read.success)
        return { kind: 'images', name: '', value: this.#new(read.data.arg.as_tensor.name) } as const;
      this.#refuse('an input that is no tensor');
      return undefined;
    }
    const source = SOURCES.get(kind);
    if (source !== undefined) {
      const { arg, ...fields } = sourceSpec.parse(spec[kind]);
      return { kind: source, name: z.string().parse(fields[`${kind}_name`]), value: this.#new(arg.name) };
    }
    this.#refuse(`an input of the kind ${kind}`);
    return undefined;
  }

  #node(node: JsonNode): GraphNode | undefined {
    const target = targetOf(node.target);
    if (target !== undefined && CHECKS.test(target)) return undefined;
    const isSymbolic = target?.startsWith('symbolic.') === true;
    if (target === undefined || !(isSymbolic || this.#operators.has(target))) this.#refuse(node.target);
    const given = node.inputs.map(({ name, arg }) => [name, this.#argument(arg)] as const);
    const results = node.outputs.map((output) => this.#result(output));
    return {
      target: target ?? node.target,
      module: moduleOf(node.metadata.nn_module_stack),
      arguments: Object.fromEntries(
        given.flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
      ),
      results,
    };
  }

  #result(given: Readonly<Record<string, unknown>>): GraphNode['results'][number] {
    const [kind = 'nothing'] = Object.keys(given);
    if (kind === 'as_none') return null;
    if (kind === 'as_tensor') return this.#new(ARGUMENTS.as_tensor.parse(given[kind]).name);
    if (kind === 'as_tensors')
      return ARGUMENTS.as_tensors.parse(given[kind]).map(({ name }) => this.#new(name));
    if (kind === 'as_sym_int' || kind === 'as_sym_bool') {
      const read = ARGUMENTS.as_sym_int.safeParse(given[kind]);
      if (read.success && 'as_name' in read.data) return this.#new(read.data.as_name);
    }
    this.#refuse(`a result of the kind ${kind}`);
    return null;
  }

  #argument(given: Readonly<Record<string, unknown>>): PlanArgument | undefined {
    const [kind = 'nothing'] = Object.keys(given);
    // The argument of a check, which is left out.
    if (kind === 'as_sym_bool') return undefined;
    if (!Object.hasOwn(ARGUMENTS, kind)) {
      this.#refuse(`an argument of the kind ${kind}`);
      return undefined;
    }
    const name = kind as ArgumentKind;
    const read = ARGUMENTS[name].safeParse(given[kind]);
    if (!read.success) throw new Error(`its graph has a damaged argument of the kind ${kind}`);
    const value = read.data as never;
    return this.#FORMS[name](value);
  }

  /** Each kind in the addon's form. */
  readonly #FORMS: {
    readonly [Kind in ArgumentKind]: (value: ValueOf<Kind>) => PlanArgument | undefined;
  } = {
    as_none: () => ({ kind: 'none' }),
    as_tensor: ({ name }) => this.#value(name),
    as_tensors: (list) => ({ kind: 'values', values: list.map(({ name }) => this.#known(name)) }),
    as_optional_tensor: (one) => ('as_tensor' in one ? this.#value(one.as_tensor.name) : { kind: 'none' }),
    as_optional_tensors: (list) => ({
      kind: 'values',
      values: list.map((one) => ('as_tensor' in one ? this.#known(one.as_tensor.name) : -1)),
    }),
    as_int: (value) => ({ kind: 'int', numbers: [value] }),
    as_ints: (numbers) => ({ kind: 'ints', numbers }),
    as_float: (value) => ({ kind: 'float', numbers: [value] }),
    as_floats: (numbers) => ({ kind: 'floats', numbers }),
    as_bool: (value) => ({ kind: 'bool', numbers: [Number(value)] }),
    as_bools: (values) => ({ kind: 'bools', numbers: values.map(Number) }),
    as_string: (text) => ({ kind: 'text', text }),
    as_sym_int: (one) =>
      'as_name' in one ? this.#value(one.as_name) : { kind: 'int', numbers: [one.as_int] },
    as_sym_ints: (list) => ({
      kind: 'ints',
      numbers: list.map((one) => ('as_name' in one ? 0 : one.as_int)),
      values: list.map((one) => ('as_name' in one ? this.#known(one.as_name) : -1)),
    }),
    as_scalar_type: (type) => this.#code('dtype', SCALAR_TYPES[type]?.c10, `the data type ${type}`),
    as_memory_format: (format) =>
      this.#code('memoryFormat', MEMORY_FORMATS[format], `the memory format ${format}`),
    as_layout: (layout) => this.#code('layout', layout === STRIDED ? 0 : undefined, `the layout ${layout}`),
    // The one that the network is on.
    as_device: () => ({ kind: 'device' }),
  };

  #code(kind: PlanArgument['kind'], code: number | undefined, what: string): PlanArgument | undefined {
    if (code !== undefined) return { kind, numbers: [code] };
    this.#refuse(what);
    return undefined;
  }

  #value(name: string): PlanArgument {
    return { kind: 'value', values: [this.#known(name)] };
  }

  #known(name: string): number {
    const number = this.#numbers.get(name);
    if (number === undefined) throw new Error(`its graph takes the value ${shown(name)} before it is made`);
    return number;
  }

  #new(name: string): number {
    if (this.#numbers.has(name)) throw new Error(`its graph makes the value ${shown(name)} twice`);
    this.#numbers.set(name, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  #refuse(what: string): void {
    this.#refused.set(what, (this.#refused.get(what) ?? 0) + 1);
  }

  #refusal(): UnusableContent {
    const all = [...this.#refused].map(([what, count]) => (count > 1 ? `${what} (${count} times)` : what));
    const named = all.slice(0, 30).map((what) => what.replace(/[^\w .,:()-]/g, '?').slice(0, 200));
    const more = all.length > named.length ? `, and ${all.length - named.length} more` : '';
    return new UnusableContent(`it uses what is not supported: ${named.join(', ')}${more}`);
  }
}

type ValueOf<Kind extends ArgumentKind> = z.output<(typeof ARGUMENTS)[Kind]>;

/** `torch.ops.aten.conv2d.default` -> `conv2d`; undefined for what is not ATen's. */
function targetOf(target: string): string | undefined {
  const [, symbolic] = /^_operator\.(\w+)$/.exec(target) ?? [];
  if (symbolic !== undefined) return `symbolic.${symbolic}`;
  const [, name, overload] = /^torch\.ops\.aten\.(\w+)\.(\w+)$/.exec(target) ?? [];
  if (name === undefined || overload === undefined) return undefined;
  return overload === 'default' ? name : `${name}.${overload}`;
}

/** The path of the innermost module, out of `key,path,class;key,path,class`. */
function moduleOf(stack = ''): string {
  return /^[^,]*,([^,]*),/.exec(stack.slice(stack.lastIndexOf(';') + 1))?.[1] ?? '';
}

/** The symbol of the number of images. Throws UnusableContent for inputs that are no batch of images. */
function batchOf(images: TensorMeta | undefined): string {
  const { dtype, sizes } = images ?? { dtype: 0, sizes: [] };
  const [count, channels, ...sides] = sizes;
  const isImages =
    sides.length === 2 && channels !== undefined && 'as_int' in channels && channels.as_int === 3;
  if (!isImages || dtype !== FLOAT32) {
    throw new UnusableContent('its input is no batch of images [N, 3, H, W] in float32');
  }
  const symbol = symbolOf(count);
  if (symbol !== undefined) return symbol;
  throw new UnusableContent(
    `it was exported for batches of ${(count as { as_int: number }).as_int} images alone. Export it for any number of them:\n${EXPORT_LINE}`,
  );
}
