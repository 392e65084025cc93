import type { Plan } from '../../native/plan.js';
import { type Graph, type GraphInput, type GraphNode, hasBatch, sizeOf, valueOf } from './graph.js';
import type { Mode } from './modes.js';

const ADD = /^add_?\.Tensor$/;
const RELU = /^relu_?$/;

/** Returns a graph without the calls whose results are unused. */
export function withoutUnused(graph: Graph): Graph {
  const taken = new Set([graph.output]);
  const sizes = new Set(graph.batchSizes);
  const nodes = graph.nodes.toReversed().filter((node) => {
    // The number of images needs no call.
    if (node.made.length > 0 && node.made.every((value) => sizes.has(value))) return false;
    if (!node.writes && !node.made.some((value) => taken.has(value))) return false;
    for (const value of node.taken) taken.add(value);
    return true;
  });
  return { ...graph, nodes: nodes.toReversed() };
}

/** Which values depend on the images, and which may alias. */
export class Flow {
  readonly #nodes: readonly GraphNode[];
  /** By value: one that it may alias, or itself. */
  readonly #parents: number[];
  /** Calls that write, by the value whose memory they write to. */
  readonly #writes = new Map<number, number[]>();
  readonly #independent: ReadonlySet<number>;

  constructor(graph: Graph, modes: readonly Mode[]) {
    this.#nodes = graph.nodes;
    this.#parents = graph.metas.map((_, value) => value);
    for (const [index, { taken, made, writes, aliases }] of graph.nodes.entries()) {
      const shared = writes ? taken.slice(0, 1) : aliases ? taken : [];
      const { alias } = modes[index] ?? {};
      const [first, ...others] = alias === undefined ? shared : [...shared, alias];
      if (first === undefined) continue;
      for (const value of [...others, ...made]) this.#parents[this.#memory(first)] = this.#memory(value);
    }
    for (const [index, { taken, writes }] of graph.nodes.entries()) {
      const [self] = taken;
      if (!writes || self === undefined) continue;
      const memory = this.#memory(self);
      this.#writes.set(memory, [...(this.#writes.get(memory) ?? []), index]);
    }
    this.#independent = this.#independentOf(graph);
  }

  isIndependent(value: number): boolean {
    return this.#independent.has(value);
  }

  /** Whether a call after `after`, and before `before`, writes to a value's memory. */
  isWrittenBetween(value: number, after: number, before: number): boolean {
    const writes = this.#writes.get(this.#memory(value)) ?? [];
    return writes.some((index) => index > after && index < before);
  }

  /** The earlier calls that a stage needs again: those that make, or write to, values that do not depend on the images. */
  prelude(begin: number): number[] {
    const later = this.#nodes.slice(begin).flatMap(({ taken }) => taken);
    const needed = new Set(later);
    const memories = new Set(later.map((value) => this.#memory(value)));
    const prelude: number[] = [];
    for (let index = begin - 1; index >= 0; index -= 1) {
      const { taken, made, writes } = this.#nodes[index] as GraphNode;
      const isNeeded = writes
        ? memories.has(this.#memory(taken[0] ?? -1))
        : made.some((value) => needed.has(value));
      if (!isNeeded || !made.every((value) => this.#independent.has(value))) continue;
      prelude.push(index);
      for (const value of taken) {
        needed.add(value);
        memories.add(this.#memory(value));
      }
    }
    return prelude.reverse();
  }

  /** Values that depend on the images' number alone, except those whose memory a call overwrites with ones that do. */
  #independentOf({ nodes, inputs, batchSizes }: Graph): ReadonlySet<number> {
    const dependent = new Set<number>();
    for (;;) {
      const independent = new Set([...inputs.map(({ value }) => value), ...batchSizes]);
      const before = dependent.size;
      for (const { taken, made, writes } of nodes) {
        const isOwn = taken.every((value) => independent.has(value));
        for (const value of made) if (isOwn && !dependent.has(this.#memory(value))) independent.add(value);
        if (!isOwn && writes) dependent.add(this.#memory(taken[0] ?? -1));
      }
      if (dependent.size === before) return independent;
    }
  }

  #memory(value: number): number {
    let root = value;
    for (let parent = this.#parents[root]; parent !== undefined && parent !== root;) {
      root = parent;
      parent = this.#parents[root];
    }
    return root;
  }
}

type Stage = Plan['stages'][number];

/**
 * Cuts a graph into stages at places that one tensor alone crosses, which has a row for each image and which no later call writes to.
 * A later stage computes again the values that depend on weights and sizes alone. Between two layers of neurons the last place is taken: a
 * perturbed layer's stage begins as late as possible.
 *
 * @param layers the calls of the layers of neurons, and of the head
 */
export function stagesOf(graph: Graph, flow: Flow, layers: readonly LayerCall[]): readonly Stage[] {
  const { nodes, images, output } = graph;
  const cuts = cutsOf(graph, flow);
  const kept = [{ at: 0, value: images }];
  const within = (from: number, to: number) => layers.filter(({ index }) => index >= from && index < to);
  for (const [index, cut] of cuts.entries()) {
    const hasBefore = within(kept.at(-1)?.at ?? 0, cut.at).length > 0;
    if (hasBefore && within(cut.at, cuts[index + 1]?.at ?? nodes.length).length > 0) kept.push(cut);
  }
  const used = new Map<string, number>();
  return kept.map(({ at: begin, value: input }, index): Stage => {
    const { at: end, value } = kept[index + 1] ?? { at: nodes.length, value: output };
    const name = commonName(within(begin, end).map((layer) => layer.name));
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    const unique = count === 1 ? name : `${name}:${count}`;
    return { name: unique, begin, end, input, output: value, prelude: flow.prelude(begin) };
  });
}

/** Returns the common prefix of names, else the first part of the first one. */
function commonName([first = 'model', ...others]: readonly string[]): string {
  if (others.length === 0) return first;
  const parts = first.split('.');
  const common = parts.findIndex((part, depth) => others.some((name) => name.split('.')[depth] !== part));
  return parts.slice(0, Math.max(1, common)).join('.');
}

/** All places that one tensor alone crosses: before the call `at`. */
function cutsOf(graph: Graph, flow: Flow): { at: number; value: number }[] {
  const { nodes, output, images } = graph;
  const lastUse = new Map(nodes.flatMap(({ taken }, index) => taken.map((value) => [value, index] as const)));
  lastUse.set(output, nodes.length);
  const alive = new Set<number>([images]);
  const cuts: { at: number; value: number }[] = [];
  for (const [index, { made }] of nodes.slice(0, -1).entries()) {
    for (const value of made) if (!flow.isIndependent(value) && lastUse.has(value)) alive.add(value);
    for (const value of alive) if ((lastUse.get(value) ?? -1) <= index) alive.delete(value);
    const [value, ...others] = alive;
    if (value === undefined || others.length > 0 || value === images) continue;
    if (hasBatch(graph, value) && !flow.isWrittenBetween(value, index, Infinity))
      cuts.push({ at: index + 1, value });
  }
  return cuts;
}

/** A call of a layer whose output channels or rows are neurons, or of the head. */
interface LayerCall {
  readonly name: string;
  readonly index: number;
  readonly node: GraphNode;
  readonly weight: string;
  readonly bias: string | null;
  readonly isShortcut: boolean;
}

const LAYERS = ['conv2d', 'conv2d.padding', 'linear'];
const NORMS = ['batch_norm', 'layer_norm', 'group_norm'];
/** Calls that let tokens see one another. */
const MIXING = ['scaled_dot_product_attention', 'softmax.int', 'matmul', 'bmm'];

/** The convolutions and linear layers whose weights are parameters, in the order of the calls; a layer's first call counts. */
export function layerCalls(graph: Graph): LayerCall[] {
  const inputs = new Map(graph.inputs.map((input) => [input.value, input] as const));
  const seen = new Set<string>();
  return graph.nodes.flatMap((node, index) => {
    if (!LAYERS.includes(node.target)) return [];
    const weight = parameterOf(node, 'weight', inputs);
    if (weight === undefined || seen.has(weight)) return [];
    seen.add(weight);
    const name = weight.replace(/[._]?weight$/, '');
    const bias = parameterOf(node, 'bias', inputs) ?? null;
    // A computed weight cannot be replaced.
    if (bias === null && valueOf(node, 'bias') !== undefined) return [];
    return [{ name, index, node, weight, bias, isShortcut: isShortcut(graph, node) }];
  });
}

function parameterOf(
  node: GraphNode,
  name: string,
  inputs: ReadonlyMap<number, GraphInput>,
): string | undefined {
  const input = inputs.get(valueOf(node, name) ?? -1);
  return input?.kind === 'parameter' ? input.name : undefined;
}

/** The linear layer that gives the logits, which can be replaced for other classes; undefined if there is none. */
export function headOf({ output }: Graph, calls: readonly LayerCall[]): LayerCall | undefined {
  const head = calls.find(({ node }) => node.target === 'linear' && node.made[0] === output);
  return head?.bias === `${head?.name}.bias` && head.weight === `${head.name}.weight` ? head : undefined;
}

/** Calls behind which a class's own output begins. */
const PRODUCTS = [...LAYERS, 'matmul', 'mm', 'addmm', 'bmm'];

/** The last layers on each way to the logits: their outputs are classes, not neurons. */
export function lastLayers({ output, nodes }: Graph, calls: readonly LayerCall[]): LayerCall[] {
  const wanted = new Set([output]);
  const last = new Set<GraphNode>();
  for (const node of nodes.toReversed()) {
    if (!node.made.some((value) => wanted.has(value))) continue;
    if (PRODUCTS.includes(node.target)) last.add(node);
    else for (const value of node.taken) wanted.add(value);
  }
  return calls.filter(({ node }) => last.has(node));
}

type Mapped = Plan['mappable'][number] & { readonly node: number };

/** Layers whose output Grad-CAM can map: convolutions, and LayerNorms over channels or over the tokens of a known grid. */
export function mapsOf(
  graph: Graph,
  calls: readonly LayerCall[],
): Pick<Plan, 'mappedByDefault' | 'patches'> & { readonly mappable: readonly Mapped[] } {
  const patches = gridOf(graph, calls);
  const byIndex = new Map(calls.map((call) => [call.index, call] as const));
  const mappable: Mapped[] = [];
  let mappedByDefault = '';
  for (const [index, node] of graph.nodes.entries()) {
    const call = byIndex.get(index);
    const isConvolution = call !== undefined && node.target !== 'linear';
    if (!isConvolution && (node.target !== 'layer_norm' || node.module === '')) continue;
    const meta = graph.metas[node.made[0] ?? -1];
    const isChannelsLast = !isConvolution;
    const [rows = 0, columns = 0] = (isChannelsLast ? [1, 2] : [2, 3]).map((axis) => sizeOf(meta, axis));
    const isMap = meta?.sizes.length === 4 && rows * columns > 1;
    const isTokens = isChannelsLast && meta?.sizes.length === 3 && isOfGrid(graph, node, patches);
    const name = call?.name ?? node.module;
    if ((!isMap && !isTokens) || mappable.some((other) => other.name === name)) continue;
    mappable.push({ name, node: index, isChannelsLast });
    if (call?.isShortcut !== true) mappedByDefault = name;
  }
  return { mappable, mappedByDefault, patches };
}

/** Rows and columns of the patches that a convolution cuts from the images, if tokens follow. */
function gridOf({ metas, nodes }: Graph, calls: readonly LayerCall[]): readonly [number, number] | null {
  const hasTokens = nodes.some(
    ({ target, made: [made = -1] }) => target === 'layer_norm' && metas[made]?.sizes.length === 3,
  );
  const convolution = calls.findLast(({ node }) => node.target !== 'linear');
  const meta = metas[convolution?.node.made[0] ?? -1];
  const [rows, columns] = [sizeOf(meta, 2), sizeOf(meta, 3)];
  return hasTokens && rows !== undefined && columns !== undefined ? [rows, columns] : null;
}

/** Whether a LayerNorm's tokens are the patches, after at most a few others that a later layer mixes with the patches. */
function isOfGrid(graph: Graph, { made: [made = -1] }: GraphNode, patches: Plan['patches']): boolean {
  if (patches === null) return false;
  const others = (sizeOf(graph.metas[made], 1) ?? 0) - patches[0] * patches[1];
  if (others < 0 || others > 8) return false;
  const layers = layersFrom(graph, made);
  const mixes = ({ target, taken }: GraphNode) =>
    MIXING.includes(target) && taken.some((one) => layers.has(one));
  return others === 0 || graph.nodes.some(mixes);
}

/**
 * Whether a convolution lies around a residual block's layers: its output, normalized, is added to the output of other layers on the
 * same input.
 */
function isShortcut(graph: Graph, { taken: [input], made: [made] }: GraphNode): boolean {
  let value = made;
  for (const { target, taken, made } of graph.nodes) {
    if (value === undefined || input === undefined) return false;
    if (!taken.includes(value)) continue;
    if (NORMS.includes(target)) [value] = made;
    else if (ADD.test(target)) {
      const other = taken.find((one) => one !== value);
      return other !== undefined && other !== input && (layersFrom(graph, input).get(other) ?? 0) > 1;
    } else return false;
  }
  return false;
}

/** Returns the values made from another one, each with the max number of layers in between. */
function layersFrom({ nodes }: Graph, from: number): ReadonlyMap<number, number> {
  const layers = new Map<number, number>([[from, 0]]);
  for (const { target, taken, made } of nodes) {
    const max = Math.max(-1, ...taken.map((value) => layers.get(value) ?? -1));
    if (max < 0) continue;
    for (const value of made) layers.set(value, max + (LAYERS.includes(target) ? 1 : 0));
  }
  return layers;
}

/**
 * Convolutions with the batch-norm, sum and ReLU that follow them alone: the calls that one kernel can compute in evaluation. It reads the
 * convolution's input and the other summand when the last of them is due: no call before that may write to these.
 */
export function groupsOf(graph: Graph, stages: Plan['stages'], flow: Flow): Plan['groups'] {
  const { nodes, metas } = graph;
  const users = new Map<number, number[]>();
  for (const [index, { taken }] of nodes.entries()) {
    for (const value of taken) users.set(value, [...(users.get(value) ?? []), index]);
  }
  const crossing = new Set([...stages.map(({ output }) => output), graph.output]);
  const shapeOf = (value: number): string => JSON.stringify(metas[value]?.sizes);
  /** Returns the only call that takes a call's result; undefined if there are several or none. */
  const only = (index: number, targets: RegExp): number | undefined => {
    const [value = -1] = nodes[index]?.made ?? [];
    const [next, ...others] = users.get(value) ?? [];
    if (next === undefined || others.length > 0 || crossing.has(value)) return undefined;
    return targets.test(nodes[next]?.target ?? '') ? next : undefined;
  };
  const pairs = nodes.flatMap(({ target }, convolution) => {
    const norm = target === 'conv2d' ? only(convolution, /^batch_norm$/) : undefined;
    const call = nodes[norm ?? -1];
    if (norm === undefined || call === undefined || valueOf(call, 'running_mean') === undefined) return [];
    return [{ convolution, norm, value: call.made[0] }];
  });
  /** If the outputs of two convolutions are added, the sum belongs to the first operand's, as in a residual block. */
  const sums = new Map<number, number>();
  for (const { norm, value } of pairs) {
    const sum = only(norm, ADD);
    const call = nodes[sum ?? -1];
    if (sum === undefined || call === undefined || call.arguments.alpha !== undefined) continue;
    const [a, b, ...others] = call.taken.map(shapeOf);
    if (a !== b || others.length > 0 || only(sum, RELU) === undefined) continue;
    if (!sums.has(sum) || valueOf(call, 'self') === value) sums.set(sum, norm);
  }
  const sumOf = new Map([...sums].map(([sum, norm]) => [norm, sum]));
  const isKept = (values: readonly number[] = [], from: number, to: number): boolean =>
    values.every((value) => !flow.isWrittenBetween(value, from, to));
  return pairs.flatMap(({ convolution, norm, value }): Plan['groups'][number][] => {
    const images = [valueOf(nodes[convolution] as GraphNode, 'input') ?? -1];
    const sum = sumOf.get(norm) ?? null;
    const relu = only(sum ?? norm, RELU) ?? null;
    if (sum !== null && relu !== null) {
      const added = nodes[sum]?.taken.filter((one) => one !== value);
      if (isKept(images, convolution, relu) && isKept(added, sum, relu))
        return [{ convolution, norm, sum, relu }];
    }
    const alone = sum === null ? relu : null;
    return isKept(images, convolution, alone ?? norm) ? [{ convolution, norm, sum: null, relu: alone }] : [];
  });
}
