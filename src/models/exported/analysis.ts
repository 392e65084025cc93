import type { Plan, PlanNode } from '../../native/plan.js';
import { UnusableContent } from '../dtypes.js';
import {
  type Graph,
  type GraphInput,
  type GraphNode,
  hasBatch,
  isKnownSymbolic,
  madeBy,
  type OperatorTraits,
  sizeOf,
  takenBy,
  valueOf,
} from './graph.js';

/** What a call does besides its operator's work, by mode. */
type Mode = Pick<PlanNode, 'evaluation' | 'inEvaluation' | 'alias' | 'isCount' | 'typeOf'>;

/** Arguments that say whether an operator trains, and their value in evaluation. */
const FLAGS = { training: 'bool', train: 'bool', use_input_stats: 'bool', dropout_p: 'float' } as const;

/** A graph without the calls whose results nothing takes. */
export function withoutUnused(graph: Graph, operators: ReadonlyMap<string, OperatorTraits>): Graph {
  const taken = new Set([graph.output]);
  const sizes = new Set(graph.batchSizes);
  const nodes = graph.nodes.toReversed().filter((node) => {
    const made = madeBy(node);
    // The number of images is known without a call.
    if (made.length > 0 && made.every((value) => sizes.has(value))) return false;
    const writes = operators.get(node.target)?.writes === true;
    if (!writes && !made.some((value) => taken.has(value))) return false;
    for (const value of takenBy(node)) taken.add(value);
    return true;
  });
  return { ...graph, nodes: nodes.toReversed() };
}

/**
 * How each call differs between training and evaluation: flags, counts of batches, and the noise of stochastic depth, which is
 * left out in evaluation. Throws UnusableContent for calls that write into a network's weights or images.
 */
export function modesOf(graph: Graph, operators: ReadonlyMap<string, OperatorTraits>): readonly Mode[] {
  const kinds = new Map(graph.inputs.map(({ kind, value }) => [value, kind] as const));
  const noise = noiseOf(graph);
  return graph.nodes.map((node, index): Mode => {
    const unknown = node.target.startsWith('symbolic.') && !isKnownSymbolic(node.target);
    if (unknown)
      throw new UnusableContent(`it computes with sizes by ${node.target.slice(9)}, which is not supported`);
    const self = takenBy(node)[0];
    if (operators.get(node.target)?.writes === true && self !== undefined) {
      const kind = self === graph.images ? 'images' : kinds.get(self);
      if (kind === 'buffer' && node.target === 'add_.Tensor') return { isCount: true, alias: self };
      if (kind !== undefined) {
        throw new UnusableContent(
          `its call of ${node.target} writes into ${kind === 'images' ? 'its images' : `a ${kind}`}`,
        );
      }
    }
    return { ...noise.get(index), ...flagsOf(node, kinds) };
  });
}

function flagsOf(node: GraphNode, kinds: ReadonlyMap<number, string>): Mode {
  // Normalizes by the batch in evaluation too, where it keeps no running statistics.
  const mean = valueOf(node, 'running_mean');
  const keeps = mean !== undefined || !Object.hasOwn(node.arguments, 'running_mean');
  if (mean !== undefined && kinds.get(mean) !== 'buffer') {
    throw new UnusableContent(`the running statistics of ${node.module} are no buffers`);
  }
  const flags = Object.entries(FLAGS).filter(([name]) => keeps && Object.hasOwn(node.arguments, name));
  const evaluation = Object.fromEntries(flags.map(([name, kind]) => [name, { kind, numbers: [0] }]));
  return flags.length === 0 ? {} : { evaluation };
}

/**
 * Stochastic depth as torchvision and timm write it: `empty`, `bernoulli_`, `div_`, and a product with what it drops. Throws UnusableContent
 * for random drops of another form, which would go on in evaluation.
 */
function noiseOf({ nodes }: Graph): ReadonlyMap<number, Mode> {
  const modes = new Map<number, Mode>();
  /** The calls that made a value of noise. */
  const chains = new Map<number, number[]>();
  for (const [index, node] of nodes.entries()) {
    const [made] = madeBy(node);
    if (made === undefined) continue;
    const [first, second] = [valueOf(node, 'self'), valueOf(node, 'other')];
    const chain = first === undefined ? undefined : chains.get(first);
    if (node.target === 'empty.memory_format' || node.target === 'new_empty') chains.set(made, [index]);
    else if (chain && ['bernoulli_.float', 'div_.Tensor', 'div.Tensor'].includes(node.target)) {
      chains.set(made, [...chain, index]);
    } else if (/^mul_?\.Tensor$/.test(node.target) && first !== undefined && second !== undefined) {
      const [noise, kept] = chains.has(second) ? [second, first] : [first, second];
      const calls = chains.get(noise) ?? [];
      const drop = nodes[calls[1] ?? -1];
      if (drop?.target !== 'bernoulli_.float') continue;
      // Where what is kept was divided instead, evaluation would leave that in.
      const maker = nodes.find((one) => madeBy(one).includes(kept));
      const isScaled = calls.length < 3 && maker !== undefined && dividesBy(maker, drop);
      if (isScaled) continue;
      for (const [place, call] of calls.entries()) {
        modes.set(call, { inEvaluation: false, ...(place === 0 ? { typeOf: kept } : {}) });
      }
      modes.set(index, { inEvaluation: false, alias: kept });
    }
  }
  const other = nodes.find(({ target }, index) => target.startsWith('bernoulli') && !modes.has(index));
  if (other !== undefined) {
    throw new UnusableContent(
      `${other.module === '' ? 'it' : other.module} drops by ${other.target} in another form than torchvision's StochasticDepth and timm's DropPath have. Use one of these, or export without drops`,
    );
  }
  return modes;
}

/** Whether a call divides by the share that a drop keeps. */
function dividesBy({ target, arguments: given }: GraphNode, drop: GraphNode): boolean {
  const [by, share] = [given.other?.numbers?.[0], drop.arguments.p?.numbers?.[0]];
  return target.startsWith('div') && by !== undefined && by === share;
}

/** Whether a program was exported in evaluation mode: its batch-norms keep their statistics, or its dropouts drop nothing. */
export function isEvaluationOnly({ nodes }: Graph): boolean {
  const flags = nodes.flatMap(({ target, arguments: given }) =>
    target === 'batch_norm' && given.running_mean?.kind !== 'none'
      ? [given.training]
      : target === 'dropout'
        ? [given.train]
        : [],
  );
  return flags.length > 0 && flags.every((flag) => flag?.numbers?.[0] === 0);
}

type Operators = ReadonlyMap<string, OperatorTraits>;

/** What depends on the images, and which values may lie in one memory. */
export class Flow {
  readonly #nodes: readonly GraphNode[];
  readonly #operators: Operators;
  readonly #parents = new Map<number, number>();
  /** Calls that write, by the memory that they write to. */
  readonly #writes = new Map<number, number[]>();
  readonly #independent: ReadonlySet<number>;

  constructor(graph: Graph, modes: readonly Mode[], operators: Operators) {
    this.#nodes = graph.nodes;
    this.#operators = operators;
    for (const [index, node] of graph.nodes.entries()) {
      const taken = takenBy(node);
      const aliases = operators.get(node.target)?.aliases === true;
      const shared = this.#writesIn(node) ? taken.slice(0, 1) : aliases ? taken : [];
      const { alias } = modes[index] ?? {};
      const [first, ...others] = [...shared, ...(alias === undefined ? [] : [alias])];
      if (first === undefined) continue;
      for (const value of [...others, ...madeBy(node)])
        this.#parents.set(this.#memory(first), this.#memory(value));
    }
    for (const [index, node] of graph.nodes.entries()) {
      const [self] = this.#writesIn(node) ? takenBy(node) : [];
      if (self === undefined) continue;
      const memory = this.#memory(self);
      this.#writes.set(memory, [...(this.#writes.get(memory) ?? []), index]);
    }
    this.#independent = this.#independentOf(graph);
  }

  isIndependent(value: number): boolean {
    return this.#independent.has(value);
  }

  /** The last call that writes to a value's memory; -1: none. */
  lastWrite(value: number): number {
    return this.#writes.get(this.#memory(value))?.at(-1) ?? -1;
  }

  /** Whether a call between two others writes to a value's memory. */
  isWrittenBetween(value: number, after: number, before: number): boolean {
    const writes = this.#writes.get(this.#memory(value)) ?? [];
    return writes.some((index) => index > after && index < before);
  }

  /** The earlier calls that a stage needs again: those that make, or write to, values that do not depend on the images. */
  prelude(begin: number): number[] {
    const later = this.#nodes.slice(begin).flatMap(takenBy);
    const needed = new Set(later);
    const memories = new Set(later.map((value) => this.#memory(value)));
    const prelude: number[] = [];
    for (let index = begin - 1; index >= 0; index -= 1) {
      const node = this.#nodes[index];
      if (node === undefined) continue;
      const taken = takenBy(node);
      const isNeeded = this.#writesIn(node)
        ? memories.has(this.#memory(taken[0] ?? -1))
        : madeBy(node).some((value) => needed.has(value));
      if (!isNeeded || !madeBy(node).every((value) => this.#independent.has(value))) continue;
      prelude.push(index);
      for (const value of taken) {
        needed.add(value);
        memories.add(this.#memory(value));
      }
    }
    return prelude.reverse();
  }

  /** Values that do not depend on the images but for their number; not those in whose memory a call writes what does. */
  #independentOf({ nodes, inputs, batchSizes }: Graph): ReadonlySet<number> {
    const dependent = new Set<number>();
    for (;;) {
      const independent = new Set([...inputs.map(({ value }) => value), ...batchSizes]);
      const before = dependent.size;
      for (const node of nodes) {
        const isOwn = takenBy(node).every((value) => independent.has(value));
        for (const value of madeBy(node))
          if (isOwn && !dependent.has(this.#memory(value))) independent.add(value);
        if (!isOwn && this.#writesIn(node)) dependent.add(this.#memory(takenBy(node)[0] ?? -1));
      }
      if (dependent.size === before) return independent;
    }
  }

  #writesIn(node: GraphNode): boolean {
    return this.#operators.get(node.target)?.writes === true;
  }

  #memory(value: number): number {
    let root = value;
    for (let parent = this.#parents.get(root); parent !== undefined && parent !== root;) {
      root = parent;
      parent = this.#parents.get(root);
    }
    return root;
  }
}

type Stage = Plan['stages'][number];

/**
 * Cuts a graph into stages at places that one tensor alone crosses, which has a row for each image and which no later call writes to.
 * A later stage computes again the values that depend on weights and sizes alone. Between two layers of neurons the last place is taken: a
 * perturbed layer's stage begins as late as can be.
 *
 * @param layers the calls of the layers of neurons, and of the head
 */
export function stagesOf(
  graph: Graph,
  flow: Flow,
  layers: ReadonlySet<number>,
  nameOf: (begin: number, end: number) => string,
): readonly Stage[] {
  const { nodes, images, output } = graph;
  const cuts = cutsOf(graph, flow);
  const kept: { readonly at: number; readonly value: number }[] = [];
  const has = (from: number, to: number): boolean => [...layers].some((layer) => layer >= from && layer < to);
  let begin = 0;
  for (const [index, cut] of cuts.entries()) {
    if (!has(begin, cut.at) || !has(cut.at, cuts[index + 1]?.at ?? nodes.length)) continue;
    kept.push(cut);
    begin = cut.at;
  }
  const used = new Map<string, number>();
  return [{ at: 0, value: images }, ...kept].map(({ at, value }, index): Stage => {
    const next = kept[index];
    const end = next?.at ?? nodes.length;
    const name = nameOf(at, end);
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    return {
      name: count === 1 ? name : `${name}:${count}`,
      begin: at,
      end,
      input: value,
      output: next?.value ?? output,
      prelude: flow.prelude(at),
    };
  });
}

/** All places that one tensor alone crosses: before the call `at`. */
function cutsOf(graph: Graph, flow: Flow): { at: number; value: number }[] {
  const { nodes, output, images } = graph;
  const lastUse = new Map<number, number>([[output, nodes.length]]);
  for (const [index, node] of nodes.entries()) {
    for (const value of takenBy(node)) lastUse.set(value, Math.max(lastUse.get(value) ?? 0, index));
  }
  const alive = new Set<number>([images]);
  const cuts: { at: number; value: number }[] = [];
  for (const [index, node] of nodes.entries()) {
    for (const value of madeBy(node)) if (!flow.isIndependent(value) && lastUse.has(value)) alive.add(value);
    for (const value of alive) if ((lastUse.get(value) ?? -1) <= index) alive.delete(value);
    const [value, ...others] = alive;
    if (value === undefined || others.length > 0 || value === images) continue;
    if (hasBatch(graph, value) && flow.lastWrite(value) <= index) cuts.push({ at: index + 1, value });
  }
  return cuts.filter(({ at }) => at < nodes.length);
}

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
): Pick<Plan, 'mappedByDefault' | 'patches'> & {
  readonly mappable: readonly (Plan['mappable'][number] & { readonly node: number })[];
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
  const meta = convolution && metas[madeBy(convolution.node)[0] ?? -1];
  const [rows, columns] = [sizeOf(meta, 2), sizeOf(meta, 3)];
  return hasTokens && rows !== undefined && columns !== undefined ? [rows, columns] : null;
}

/** Whether a LayerNorm's tokens are the patches, after at most a few others, which then still see the patches. */
function isOfGrid(graph: Graph, index: number, patches: readonly [number, number] | null): boolean {
  const node = graph.nodes[index];
  if (patches === null || node === undefined) return false;
  const tokens = sizeOf(graph.metas[madeBy(node)[0] ?? -1], 1);
  const others = (tokens ?? 0) - patches[0] * patches[1];
  if (others < 0 || others > 8) return false;
  const layers = layersFrom(graph, madeBy(node)[0] ?? -1);
  const mixes = (later: GraphNode) =>
    MIXING.includes(later.target) && takenBy(later).some((one) => layers.has(one));
  return others === 0 || graph.nodes.some(mixes);
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
      return other !== undefined && other !== input && (layersFrom(graph, input).get(other) ?? 0) > 1;
    } else return false;
  }
  return false;
}

/** The values that are made from another one, with the most layers in between. */
function layersFrom({ nodes }: Graph, from: number): ReadonlyMap<number, number> {
  const layers = new Map<number, number>([[from, 0]]);
  for (const node of nodes) {
    const most = Math.max(-1, ...takenBy(node).map((value) => layers.get(value) ?? -1));
    if (most < 0) continue;
    const own = most + ([...CONVOLUTIONS, 'linear'].includes(node.target) ? 1 : 0);
    for (const made of madeBy(node)) layers.set(made, own);
  }
  return layers;
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
export function groupsOf(graph: Graph, stages: Plan['stages'], flow: Flow): Plan['groups'] {
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
  return pairs.flatMap(({ convolution, norm, value }): Plan['groups'][number][] => {
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
