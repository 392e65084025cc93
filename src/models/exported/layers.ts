import type { ProgramPlan } from '../../native/addon.js';
import { UnusableContent } from '../pytorchAdvice.js';
import type { Flow } from './flow.js';
import { type Graph, type GraphInput, type GraphNode, madeBy, sizeOf, takenBy, valueOf } from './graph.js';

/** A call of a layer whose output channels or rows are neurons, or of the head. */
export interface LayerCall {
  readonly name: string;
  readonly index: number;
  readonly node: GraphNode;
  readonly weight: string;
  readonly bias: string | null;
  readonly isShortcut: boolean;
}

const CONVOLUTIONS = ['conv2d', 'conv2d.padding'];
const NORMS = ['batch_norm', 'layer_norm', 'group_norm'];
/** Calls that let tokens see one another. */
const MIXING = ['scaled_dot_product_attention', 'softmax.int', 'matmul', 'bmm'];

/** The convolutions and linear layers whose weights are parameters, in the order of the calls; a layer's first call counts. */
export function layerCalls(graph: Graph): LayerCall[] {
  const names = new Map(graph.inputs.map((input) => [input.value, input] as const));
  const seen = new Set<string>();
  return graph.nodes.flatMap((node, index) => {
    if (![...CONVOLUTIONS, 'linear'].includes(node.target)) return [];
    const weight = parameterOf(node, 'weight', names);
    if (weight === undefined || seen.has(weight)) return [];
    seen.add(weight);
    const name = weight.replace(/[._]?weight$/, '');
    const bias = parameterOf(node, 'bias', names) ?? null;
    // One that is computed cannot be replaced.
    if (bias === null && valueOf(node, 'bias') !== undefined) return [];
    return [{ name, index, node, weight, bias, isShortcut: isShortcut(graph, node) }];
  });
}

/** The linear layer that gives the logits. Throws UnusableContent where there is none. */
export function headOf({ output }: Graph, calls: readonly LayerCall[]): LayerCall {
  const head = calls.find(({ node }) => node.target === 'linear' && madeBy(node)[0] === output);
  if (head?.bias === `${head?.name}.bias` && head.weight === `${head.name}.weight`) return head;
  throw new UnusableContent(
    'its logits do not come from a linear layer with weight and bias, which could be replaced for other classes. Export a network that ends with torch.nn.Linear',
  );
}

/** Layers whose output Grad-CAM can map: convolutions, and LayerNorms over channels or over the tokens of a known grid. */
export function mapsOf(
  graph: Graph,
  calls: readonly LayerCall[],
): Pick<ProgramPlan, 'mappedByDefault' | 'patches'> & {
  readonly mappable: readonly (ProgramPlan['mappable'][number] & { readonly node: number })[];
} {
  const patches = gridOf(graph, calls);
  const byIndex = new Map(calls.map((call) => [call.index, call] as const));
  const mappable: { name: string; node: number; isChannelsLast: boolean }[] = [];
  let mappedByDefault = '';
  for (const [index, node] of graph.nodes.entries()) {
    const call = byIndex.get(index);
    const meta = graph.metas[madeBy(node)[0] ?? -1];
    const isConvolution = call !== undefined && node.target !== 'linear';
    if (!isConvolution && (node.target !== 'layer_norm' || node.module === '')) continue;
    const isChannelsLast = !isConvolution;
    const [rows = 0, columns = 0] = [isChannelsLast ? 1 : 2, isChannelsLast ? 2 : 3].map((axis) =>
      sizeOf(meta, axis),
    );
    const isMap = meta?.sizes.length === 4 && rows * columns > 1;
    const isTokens = isChannelsLast && meta?.sizes.length === 3 && isOfGrid(graph, index, patches);
    if (!isMap && !isTokens) continue;
    const name = call?.name ?? node.module;
    if (mappable.some((other) => other.name === name)) continue;
    mappable.push({ name, node: index, isChannelsLast });
    if (call?.isShortcut !== true) mappedByDefault = name;
  }
  return { mappable, mappedByDefault, patches };
}

/** Rows and columns of the patches that a convolution cuts from the images, where tokens follow. */
function gridOf({ metas, nodes }: Graph, calls: readonly LayerCall[]): readonly [number, number] | null {
  const hasTokens = nodes.some(
    (node) => node.target === 'layer_norm' && metas[madeBy(node)[0] ?? -1]?.sizes.length === 3,
  );
  const convolution = calls.findLast(({ node }) => node.target !== 'linear');
  const meta = metas[madeBy(convolution?.node ?? NOTHING)[0] ?? -1];
  const [rows, columns] = [sizeOf(meta, 2), sizeOf(meta, 3)];
  return hasTokens && rows !== undefined && columns !== undefined ? [rows, columns] : null;
}

const NOTHING: GraphNode = { target: '', module: '', arguments: {}, results: [] };

/** Whether a LayerNorm's tokens are the patches, after at most a few others, which then still see the patches. */
function isOfGrid(graph: Graph, index: number, patches: readonly [number, number] | null): boolean {
  const node = graph.nodes[index];
  if (patches === null || node === undefined) return false;
  const tokens = sizeOf(graph.metas[madeBy(node)[0] ?? -1], 1);
  const others = (tokens ?? 0) - patches[0] * patches[1];
  if (others < 0 || others > 8) return false;
  const reached = reachedFrom(graph, madeBy(node)[0] ?? -1);
  return (
    others === 0 ||
    graph.nodes.some(
      (later) => MIXING.includes(later.target) && takenBy(later).some((value) => reached.has(value)),
    )
  );
}

/** The values that depend on one. */
function reachedFrom({ nodes }: Graph, value: number): ReadonlySet<number> {
  const reached = new Set([value]);
  for (const node of nodes) {
    if (takenBy(node).some((taken) => reached.has(taken))) for (const made of madeBy(node)) reached.add(made);
  }
  return reached;
}

/**
 * Whether a convolution lies around a residual block's layers: its output, normalized, is added to what other layers make of the
 * same value.
 */
function isShortcut(graph: Graph, node: GraphNode): boolean {
  const input = takenBy(node)[0];
  let value = madeBy(node)[0];
  for (const later of graph.nodes) {
    if (value === undefined || input === undefined) return false;
    const taken = takenBy(later);
    if (!taken.includes(value)) continue;
    if (NORMS.includes(later.target)) value = madeBy(later)[0];
    else if (/^add_?\.Tensor$/.test(later.target)) {
      const other = taken.find((one) => one !== value);
      return other !== undefined && other !== input && reachedByLayers(graph, input, other);
    } else return false;
  }
  return false;
}

/** Whether a value is made from another one by two layers or more. */
function reachedByLayers({ nodes }: Graph, from: number, to: number): boolean {
  const layers = new Map<number, number>([[from, 0]]);
  for (const node of nodes) {
    const most = Math.max(-1, ...takenBy(node).map((value) => layers.get(value) ?? -1));
    if (most < 0) continue;
    const own = most + ([...CONVOLUTIONS, 'linear'].includes(node.target) ? 1 : 0);
    for (const made of madeBy(node)) layers.set(made, own);
  }
  return (layers.get(to) ?? 0) > 1;
}

function parameterOf(
  node: GraphNode,
  name: string,
  inputs: ReadonlyMap<number, GraphInput>,
): string | undefined {
  const input = inputs.get(valueOf(node, name) ?? -1);
  return input?.kind === 'parameter' ? input.name : undefined;
}

/**
 * Convolutions with the batch-norm, sum and ReLU that follow them alone: the calls that one kernel can compute in evaluation. It reads the
 * convolution's input, and what is added, when the last of them is due: no call before that may write to these.
 */
export function groupsOf(graph: Graph, stages: ProgramPlan['stages'], flow: Flow): ProgramPlan['groups'] {
  const users = new Map<number, number[]>();
  for (const [index, node] of graph.nodes.entries()) {
    for (const value of takenBy(node)) users.set(value, [...(users.get(value) ?? []), index]);
  }
  const crossing = new Set([...stages.map(({ output }) => output), graph.output]);
  const shapeOf = (value: number | undefined): string => JSON.stringify(graph.metas[value ?? -1]?.sizes);
  /** The one call that takes what a call makes. */
  const only = (index: number, targets: RegExp): number | undefined => {
    const node = graph.nodes[index];
    const value = node && madeBy(node)[0];
    const [next, ...others] = users.get(value ?? -1) ?? [];
    if (value === undefined || next === undefined || others.length > 0 || crossing.has(value))
      return undefined;
    return targets.test(graph.nodes[next]?.target ?? '') ? next : undefined;
  };
  const pairs = graph.nodes.flatMap((node, convolution) => {
    const norm = node.target === 'conv2d' ? only(convolution, /^batch_norm$/) : undefined;
    const call = graph.nodes[norm ?? -1];
    return norm === undefined || call === undefined || valueOf(call, 'running_mean') === undefined
      ? []
      : [{ convolution, norm, value: madeBy(call)[0] }];
  });
  /** Of two convolutions whose outputs are added, the sum is that of the one to which the other is added, as in a residual block. */
  const sums = new Map<number, number>();
  for (const { norm, value } of pairs) {
    const sum = only(norm, /^add_?\.Tensor$/);
    const call = graph.nodes[sum ?? -1];
    if (sum === undefined || call === undefined || call.arguments.alpha !== undefined) continue;
    const [a, b, ...others] = takenBy(call).map(shapeOf);
    if (a !== b || others.length > 0 || only(sum, /^relu_?$/) === undefined) continue;
    if (!sums.has(sum) || valueOf(call, 'self') === value) sums.set(sum, norm);
  }
  const sumOf = new Map([...sums].map(([sum, norm]) => [norm, sum]));
  const isKept = (values: readonly (number | undefined)[], from: number, to: number): boolean =>
    values.every((value) => value === undefined || !flow.isWrittenBetween(value, from, to));
  return pairs.flatMap(({ convolution, norm, value }): ProgramPlan['groups'][number][] => {
    const images = valueOf(graph.nodes[convolution] as GraphNode, 'input');
    const sum = sumOf.get(norm) ?? null;
    const relu = only(sum ?? norm, /^relu_?$/) ?? null;
    if (sum !== null && relu !== null) {
      const added = takenBy(graph.nodes[sum] as GraphNode).filter((one) => one !== value);
      if (isKept([images], convolution, relu) && isKept(added, sum, relu))
        return [{ convolution, norm, sum, relu }];
    }
    const alone = sum === null ? relu : null;
    return isKept([images], convolution, alone ?? norm)
      ? [{ convolution, norm, sum: null, relu: alone }]
      : [];
  });
}
