import type { PlanNode } from '../../native/plan.js';
import { UnusableContent } from '../weightsFile.js';
import { type Graph, type GraphInput, type GraphNode, valueOf } from './graph.js';

/** A call's behaviour in training and evaluation. */
export type Mode = Pick<PlanNode, 'evaluation' | 'inEvaluation' | 'alias' | 'isCount' | 'typeOf'>;

/** Arguments that say whether an operator trains, and their value in evaluation. */
const FLAGS = { training: 'bool', train: 'bool', use_input_stats: 'bool', dropout_p: 'float' } as const;
/** Functions of Python's operator module that C++ computes sizes by. */
const SYMBOLIC = /^symbolic\.(?:add|sub|mul|floordiv|mod|neg)$/;

/**
 * How each call differs between training and evaluation: flags, counts of batches, and the noise of stochastic depth, which is
 * left out in evaluation. Throws UnusableContent for calls that write into a network's weights or images.
 */
export function modesOf(graph: Graph): readonly Mode[] {
  const kinds = new Map<number, GraphInput['kind'] | 'images'>([
    [graph.images, 'images'],
    ...graph.inputs.map(({ kind, value }) => [value, kind] as const),
  ]);
  const noise = noiseOf(graph);
  return graph.nodes.map((node, index): Mode => {
    const { target, taken } = node;
    if (target.startsWith('symbolic.') && !SYMBOLIC.test(target))
      throw new UnusableContent(`it computes with sizes by ${target.slice(9)}, which is not supported`);
    const [self = -1] = taken;
    const written = node.writes ? kinds.get(self) : undefined;
    if (written === 'buffer' && target === 'add_.Tensor') return { isCount: true, alias: self };
    if (written !== undefined)
      throw new UnusableContent(`its call of ${target} writes into the network's ${written}`);
    return { ...noise.get(index), ...flagsOf(node, kinds) };
  });
}

function flagsOf(node: GraphNode, kinds: ReadonlyMap<number, string>): Mode {
  // Without running statistics, a norm takes the batch's in evaluation, too.
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
  /** Returns the calls that made a noise value. */
  const chains = new Map<number, number[]>();
  for (const [index, node] of nodes.entries()) {
    const { target } = node;
    const [made] = node.made;
    if (made === undefined) continue;
    const [first, second] = [valueOf(node, 'self'), valueOf(node, 'other')];
    const chain = chains.get(first ?? -1);
    if (target === 'empty.memory_format' || target === 'new_empty') chains.set(made, [index]);
    else if (chain && ['bernoulli_.float', 'div_.Tensor', 'div.Tensor'].includes(target)) {
      chains.set(made, [...chain, index]);
    } else if (/^mul_?\.Tensor$/.test(target) && first !== undefined && second !== undefined) {
      const [noise, kept] = chains.has(second) ? [second, first] : [first, second];
      const calls = chains.get(noise) ?? [];
      const drop = nodes[calls[1] ?? -1];
      if (drop?.target !== 'bernoulli_.float') continue;
      // If the kept value was divided instead, evaluation would still divide it.
      const maker = nodes.find((one) => one.made.includes(kept));
      if (calls.length < 3 && maker !== undefined && dividesBy(maker, drop)) continue;
      for (const call of calls) modes.set(call, { inEvaluation: false });
      modes.set(calls[0] as number, { inEvaluation: false, typeOf: kept });
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
  const flags = nodes.flatMap(({ target, arguments: given }) => {
    if (target === 'batch_norm' && given.running_mean?.kind !== 'none') return [given.training];
    return target === 'dropout' ? [given.train] : [];
  });
  return flags.length > 0 && flags.every((flag) => flag?.numbers?.[0] === 0);
}
