import type { ProgramNode } from '../../native/addon.js';
import { UnusableContent } from '../pytorchAdvice.js';
import {
  type Graph,
  type GraphNode,
  isKnownSymbolic,
  madeBy,
  type OperatorTraits,
  takenBy,
  valueOf,
} from './graph.js';

/** What a call does besides its operator's work, by mode. */
export type Mode = Pick<ProgramNode, 'evaluation' | 'inEvaluation' | 'alias' | 'isCount' | 'typeOf'>;

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
  const keeps = !Object.hasOwn(node.arguments, 'running_mean') || valueOf(node, 'running_mean') !== undefined;
  const mean = valueOf(node, 'running_mean');
  if (mean !== undefined && kinds.get(mean) !== 'buffer') {
    throw new UnusableContent(`the running statistics of ${node.module} are no buffers`);
  }
  const flags = Object.entries(FLAGS).filter(([name]) => keeps && Object.hasOwn(node.arguments, name));
  if (flags.length === 0) return {};
  return {
    evaluation: Object.fromEntries(flags.map(([name, kind]) => [name, { kind, numbers: [0] }])),
  };
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
