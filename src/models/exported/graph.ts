import type { PlanArgument } from '../../native/plan.js';
import type { TensorMeta } from './schema.js';

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
export function symbolOf(size: unknown): string | undefined {
  if (typeof size !== 'object' || size === null || !('as_expr' in size)) return undefined;
  const { as_expr: expression } = size;
  if (typeof expression !== 'object' || expression === null || !('expr_str' in expression)) return undefined;
  return typeof expression.expr_str === 'string' ? expression.expr_str : undefined;
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
