import type { Plan, PlanArgument, PlanNode } from '../../native/plan.js';
import * as z from '../../zod.js';
import { exportedDtype } from '../dtypes.js';
import { shown, UnusableContent } from '../weightsFile.js';

/**
 * The part of torch.export's JSON (torch/_export/serde/schema.py, major version 8) that a network is made of. Unknown fields are ignored;
 * kinds of arguments and inputs that are not known stay, to be refused by their names.
 */

const symbol = z.object({ as_expr: z.object({ expr_str: z.string() }) });
const size = z.union([z.object({ as_int: z.int() }), symbol]);
const tensorMeta = z.object({ dtype: z.int(), sizes: z.array(size) });
/** One key, the kind, and its value. */
const union = z.record(z.string(), z.unknown());
type Union = z.output<typeof union>;

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

const named = z.object({ name: z.string() });
const imagesSpec = z.object({ arg: z.object({ as_tensor: named }) });
const sourceSpec = z.looseObject({ arg: named });
/** All inputs but the images; their names are in `<kind>_name`. */
const SOURCES: ReadonlyMap<string, GraphInput['kind']> = new Map([
  ['parameter', 'parameter'],
  ['buffer', 'buffer'],
  ['tensor_constant', 'constant'],
]);

/** The number of float32 in the JSON. */
export const FLOAT32 = 7;
/** Memory formats by the numbers of the JSON, as c10's: contiguous, channels_last, channels_last_3d, preserve. */
const MEMORY_FORMATS: Readonly<Record<number, number>> = { 1: 0, 2: 2, 3: 3, 4: 1 };
const STRIDED = 7;

/** An argument in the addon's form, except that its values are names; or why it is not supported. */
type NamedArgument =
  | (Omit<PlanArgument, 'values'> & { readonly names?: readonly (string | null)[] })
  | { readonly refused: string };

function read<Value>(
  schema: z.ZodType<Value>,
  to: (value: Value) => NamedArgument,
): z.ZodType<NamedArgument> {
  return schema.transform(to);
}

const coded = (kind: PlanArgument['kind'], codeOf: (code: number) => number | undefined, what: string) =>
  read(z.int(), (code) => {
    const known = codeOf(code);
    return known === undefined ? { refused: `the ${what} ${code}` } : { kind, numbers: [known] };
  });
/** Python's JSON has no infinities: they are words. */
const infinity = z.string().regex(/^(?:-?Infinity|NaN)$/);
const float = z.union([z.number(), infinity.transform(Number)]);
const optionalName = z
  .union([z.object({ as_tensor: named }), z.object({ as_none: z.unknown() })])
  .transform((one) => ('as_tensor' in one ? one.as_tensor.name : null));
const symbolic = z
  .union([z.object({ as_name: z.string() }), z.object({ as_int: z.number() })])
  .transform((one) => ('as_name' in one ? { name: one.as_name, int: 0 } : { name: null, int: one.as_int }));

/** The kinds of arguments. */
const ARGUMENTS: Readonly<Record<string, z.ZodType<NamedArgument>>> = {
  as_none: read(z.unknown(), () => ({ kind: 'none' })),
  as_tensor: read(named, ({ name }) => ({ kind: 'value', names: [name] })),
  as_tensors: read(z.array(named), (all) => ({ kind: 'values', names: all.map(({ name }) => name) })),
  as_optional_tensor: read(optionalName, (name) =>
    name === null ? { kind: 'none' } : { kind: 'value', names: [name] },
  ),
  as_optional_tensors: read(z.array(optionalName), (names) => ({ kind: 'values', names })),
  as_int: read(z.number(), (value) => ({ kind: 'int', numbers: [value] })),
  as_ints: read(z.array(z.number()), (numbers) => ({ kind: 'ints', numbers })),
  as_float: read(float, (value) => ({ kind: 'float', numbers: [value] })),
  as_floats: read(z.array(float), (numbers) => ({ kind: 'floats', numbers })),
  as_bool: read(z.boolean(), (value) => ({ kind: 'bool', numbers: [Number(value)] })),
  as_bools: read(z.array(z.boolean()), (values) => ({ kind: 'bools', numbers: values.map(Number) })),
  as_string: read(z.string(), (text) => ({ kind: 'text', text })),
  as_sym_int: read(symbolic, ({ name, int }) =>
    name === null ? { kind: 'int', numbers: [int] } : { kind: 'value', names: [name] },
  ),
  as_sym_ints: read(z.array(symbolic), (all) => ({
    kind: 'ints',
    numbers: all.map(({ int }) => int),
    names: all.map(({ name }) => name),
  })),
  // An argument of a check, which is left out.
  as_sym_bool: read(z.unknown(), () => ({ kind: 'none' })),
  as_scalar_type: coded('dtype', (type) => exportedDtype(type)?.c10, 'data type'),
  as_memory_format: coded('memoryFormat', (format) => MEMORY_FORMATS[format], 'memory format'),
  as_layout: coded('layout', (layout) => (layout === STRIDED ? 0 : undefined), 'layout'),
  // A parameter, buffer or constant of the network.
  as_device: read(z.unknown(), () => ({ kind: 'device' })),
};

/** Whether an operator's result may share the memory of what it takes, and whether it writes there. */
interface OperatorTraits {
  readonly aliases: boolean;
  readonly writes: boolean;
}

/** A call of an operator. */
export interface GraphNode extends Pick<PlanNode, 'target' | 'arguments' | 'results'>, OperatorTraits {
  /** The module that it belongs to, such as `layer1.0.conv1`. */
  readonly module: string;
  /** The values that it takes, and those that it makes. */
  readonly taken: readonly number[];
  readonly made: readonly number[];
}

/** A parameter, a buffer or a constant. */
export type GraphInput = Pick<Plan['inputs'][number], 'kind' | 'name' | 'value'>;

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

/** The expression of a size that is not fixed. */
function symbolOf(size: unknown): string | undefined {
  return symbol.safeParse(size).data?.as_expr.expr_str;
}

/** The size of a value along a dimension, counted from the end if negative; undefined if it is not fixed. */
export function sizeOf(meta: TensorMeta | undefined, dimension: number): number | undefined {
  const size = meta?.sizes.at(dimension);
  return size !== undefined && 'as_int' in size ? size.as_int : undefined;
}

/** Whether a value has a row for each image. */
export function hasBatch({ metas, batch }: Graph, value: number): boolean {
  return symbolOf(metas[value]?.sizes[0]) === batch;
}

/** The value of an argument that is one. */
export function valueOf(node: GraphNode, name: string): number | undefined {
  const argument = node.arguments[name];
  return argument?.kind === 'value' ? argument.values?.[0] : undefined;
}

export function graphNode(
  call: Pick<GraphNode, 'target' | 'module' | 'arguments' | 'results'>,
  traits: OperatorTraits = { aliases: false, writes: false },
): GraphNode {
  const taken = Object.values(call.arguments).flatMap(({ values = [] }) =>
    values.filter((value) => value >= 0),
  );
  return { ...call, ...traits, taken, made: call.results.flatMap((result) => result ?? []) };
}

/** Checks of sizes and types that newer versions of PyTorch put between the calls: libtorch makes its own. */
const CHECKS =
  /^(?:_assert_tensor_metadata|_assert_scalar|_assert_async\.msg|sym_constrain_range(?:_for_size)?)$/;
const MAX_NODES = 100_000;

/** The line of Python that exports a network whose batch may have any size. */
const EXPORT_LINE =
  '  torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=2, max=4096)},)), "model.pt2")';

/**
 * Numbers a program's values, and gives its calls in the addon's form. Throws UnusableContent naming everything that is not supported.
 *
 * @param operators those that may be called
 */
export function readGraph(program: ProgramJson, operators: ReadonlyMap<string, OperatorTraits>): Graph {
  return new Reader(operators).read(program);
}

class Reader {
  readonly #numbers = new Map<string, number>();
  /** Content that is not supported, and how often it occurs. */
  readonly #refused = new Map<string, number>();

  constructor(private readonly operators: ReadonlyMap<string, OperatorTraits>) {}

  read({ schema_version: version, graph_module: { graph, signature } }: ProgramJson): Graph {
    if (version.major !== 8) {
      throw new UnusableContent(
        `it has version ${version.major}.${version.minor} of torch.export's schema, and 8 is read. Export it with PyTorch 2.6 or newer`,
      );
    }
    if (graph.nodes.length > MAX_NODES)
      throw new UnusableContent(`its graph has more than ${MAX_NODES} calls`);
    const images: string[] = [];
    const inputs = signature.input_specs.flatMap((spec) => this.#input(spec, images) ?? []);
    for (const spec of signature.output_specs) {
      const [kind] = contentOf(spec);
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
        `it gives ${graph.outputs.length} outputs: a network gives one tensor, the logits. Choose them with \`output\`, counted from 0`,
      );
    }
    const batch = batchOf(graph.tensor_values[image]);
    const ownOf = <Value>(values: Readonly<Record<string, Value>>, name: string): Value | undefined =>
      Object.hasOwn(values, name) ? values[name] : undefined;
    const names = [...this.#numbers.keys()];
    return {
      nodes,
      inputs,
      images: this.#known(image),
      output: logits,
      metas: names.map((name) => ownOf(graph.tensor_values, name)),
      batchSizes: names.flatMap((name, number) =>
        symbolOf(ownOf(graph.sym_int_values, name)) === batch ? [number] : [],
      ),
      batch,
    };
  }

  /** A parameter, buffer or constant; of the images, the name goes to `images`. */
  #input(spec: Union, images: string[]): GraphInput | undefined {
    const [kind, content] = contentOf(spec);
    const source = SOURCES.get(kind);
    if (source !== undefined) {
      const { arg, ...fields } = sourceSpec.parse(content);
      return { kind: source, name: z.string().parse(fields[`${kind}_name`]), value: this.#new(arg.name) };
    }
    const image = kind === 'user_input' ? imagesSpec.safeParse(content).data?.arg.as_tensor.name : undefined;
    if (image !== undefined) {
      this.#new(image);
      images.push(image);
    } else
      this.#refuse(kind === 'user_input' ? 'an input that is no tensor' : `an input of the kind ${kind}`);
    return undefined;
  }

  #node(node: JsonNode): GraphNode | undefined {
    const target = targetOf(node.target);
    if (target !== undefined && CHECKS.test(target)) return undefined;
    const traits = this.operators.get(target ?? '');
    if (traits === undefined && target?.startsWith('symbolic.') !== true) this.#refuse(node.target);
    const given = node.inputs.flatMap(({ name, arg }) => {
      const argument = this.#argument(arg);
      return argument === undefined ? [] : [[name, argument] as const];
    });
    const call = {
      target: target ?? node.target,
      module: moduleOf(node.metadata.nn_module_stack),
      arguments: Object.fromEntries(given),
      results: node.outputs.map((output) => this.#result(output)),
    };
    return graphNode(call, traits);
  }

  #result(given: Union): GraphNode['results'][number] {
    const [kind, content] = contentOf(given);
    if (kind === 'as_none') return null;
    if (kind === 'as_tensor') return this.#new(named.parse(content).name);
    if (kind === 'as_tensors')
      return z
        .array(named)
        .parse(content)
        .map(({ name }) => this.#new(name));
    if (kind === 'as_sym_int' || kind === 'as_sym_bool') {
      const name = symbolic.safeParse(content).data?.name ?? null;
      if (name !== null) return this.#new(name);
    }
    this.#refuse(`a result of the kind ${kind}`);
    return null;
  }

  #argument(given: Union): PlanArgument | undefined {
    const [kind, content] = contentOf(given);
    const schema = Object.hasOwn(ARGUMENTS, kind) ? ARGUMENTS[kind] : undefined;
    if (schema === undefined) {
      this.#refuse(`an argument of the kind ${kind}`);
      return undefined;
    }
    const { data } = schema.safeParse(content);
    if (data === undefined) throw new Error(`its graph has a damaged argument of the kind ${kind}`);
    if ('refused' in data) {
      this.#refuse(data.refused);
      return undefined;
    }
    const { names, ...argument } = data;
    if (names === undefined) return argument;
    return { ...argument, values: names.map((name) => (name === null ? -1 : this.#known(name))) };
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
    const first = all.slice(0, 30).map((what) => what.replace(/[^\w .,:()-]/g, '?').slice(0, 200));
    const more = all.length > first.length ? `, and ${all.length - first.length} more` : '';
    const advice = all.some((what) => what.includes('aten.rand'))
      ? '. If stochastic depth draws these numbers, set drop_path_rate=0, or export model.eval()'
      : '';
    return new UnusableContent(`it uses what is not supported: ${first.join(', ')}${more}${advice}`);
  }
}

function contentOf(one: Union): [kind: string, content: unknown] {
  return Object.entries(one)[0] ?? ['nothing', undefined];
}

/** `torch.ops.aten.conv2d.default` -> `conv2d`; undefined for operators that are not ATen's. */
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
  const count = images?.sizes[0];
  if (images?.sizes.length !== 4 || sizeOf(images, 1) !== 3 || images.dtype !== FLOAT32) {
    throw new UnusableContent('its input is no batch of images [N, 3, H, W] in float32');
  }
  const symbol = symbolOf(count);
  if (symbol !== undefined) return symbol;
  throw new UnusableContent(
    `it was exported for batches of ${sizeOf(images, 0)} images alone. Export it for any number of them:\n${EXPORT_LINE}`,
  );
}
