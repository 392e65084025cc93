import { basename } from 'node:path';
import { native } from '../../native/addon.js';
import type { ComputeContext } from '../../native/context.js';
import type { Network } from '../../native/interface.js';
import { describe, type Plan, type PlanNode } from '../../native/plan.js';
import { linearInitial } from '../../native/planBuilder.js';
import { exportedDtype, WRITTEN } from '../dtypes.js';
import { flawOf } from '../flaws.js';
import { sameShape } from '../safetensors.js';
import { UnusableContent } from '../weightsFile.js';
import {
  Flow,
  groupsOf,
  headOf,
  lastLayers,
  layerCalls,
  mapsOf,
  stagesOf,
  withoutUnused,
} from './analysis.js';
import { invalid, type ProgramFile, readProgramFile } from './archive.js';
import { FLOAT32, type Graph, type GraphNode, readGraph, sizeOf } from './graph.js';
import { isEvaluationOnly, modesOf } from './modes.js';

/** A network that torch.export wrote, as the addon takes it. */
export interface Program {
  /** The file’s name. */
  readonly name: `${string}.pt2`;
  readonly file: ProgramFile;
  /** As it is in the file. */
  readonly plan: Plan;
  /** The number of classes of its logits. */
  readonly classes: number;
  /** The plan for a number of classes: weights are zero except the head's, which are drawn as torch.nn.Linear draws them. */
  readonly planFor: (numClasses: number) => Plan;
  /** Height and width of its images in pixels; null: any. */
  readonly imageSize: readonly [number, number] | null;
  /** Whether it was exported in evaluation mode: batch-norms keep their statistics in training, too. */
  readonly isEvaluationOnly: boolean;
}

/**
 * Reads a network that torch.export.save wrote. Throws `MODEL_INVALID` naming all that is not supported.
 *
 * @param name in messages and configurations; default: the file's
 * @param output of several, the one that is the logits, counted from 0
 */
export async function readProgram(
  path: string,
  name = basename(path) as Program['name'],
  output?: number,
): Promise<Program> {
  const file = await readProgramFile(path, output);
  try {
    return { name, file, ...planOf(file) };
  } catch (error) {
    throw invalid(path, error);
  }
}

function planOf(file: ProgramFile): Omit<Program, 'name' | 'file'> {
  const all = native().planOperators();
  const operators = new Map(all.map((operator) => [operator.name, operator]));
  const graph = withoutUnused(readGraph(file.program, operators));
  const modes = modesOf(graph);
  const flow = new Flow(graph, modes);
  const calls = layerCalls(graph);
  const head = headOf(graph, calls);
  const stages = stagesOf(graph, flow, calls);
  const { mappable, ...maps } = mapsOf(graph, calls);
  const names = new Map<number, string>();
  for (const { index, name } of calls) names.set(index, name);
  for (const { node, name } of mappable) names.set(node, name);
  const layers = neuronLayers(graph, calls, stages);
  const inputs = graph.inputs.map((input) => inputOf(graph, input, file));
  const features = inputs.find(({ name }) => name === head?.weight)?.shape[1] ?? 0;
  const logits = graph.metas[graph.output];
  const classes = sizeOf(logits, 1);
  if (logits?.sizes.length !== 2 || classes === undefined)
    throw new UnusableContent('it does not give logits [N, classes]. Export a network that does');
  const plan: Plan = {
    values: graph.metas.length + 1,
    inputs: graph.nodes.some(draws) ? [...inputs, { ...PASSES, value: graph.metas.length }] : inputs,
    initial: head ? linearInitial(head.name, features) : [],
    batchSizes: graph.batchSizes,
    nodes: graph.nodes.map(({ target, arguments: given, results }, index): PlanNode => {
      const layer = names.get(index);
      const call = { target, arguments: given, results, ...modes[index] };
      return layer === undefined ? call : { ...call, layer };
    }),
    stages,
    layers,
    head: head ? { name: head.name, node: head.index } : null,
    groups: groupsOf(graph, stages, flow),
    mappable: mappable.map(({ name, isChannelsLast }) => ({ name, isChannelsLast })),
    ...maps,
  };
  const [height, width] = [2, 3].map((axis) => sizeOf(graph.metas[graph.images], axis));
  const isOfHead = (name: string): boolean => name === head?.weight || name === head?.bias;
  return {
    plan,
    classes,
    planFor: (numClasses) => ({
      ...plan,
      inputs: plan.inputs.map((input) =>
        isOfHead(input.name) ? { ...input, shape: [numClasses, ...input.shape.slice(1)] } : input,
      ),
    }),
    imageSize: height === undefined || width === undefined ? null : [height, width],
    isEvaluationOnly: isEvaluationOnly(graph),
  };
}

/** The layers whose channels or rows are neurons, in the order of their parameters. Throws UnusableContent if there are none. */
function neuronLayers(graph: Graph, calls: ReturnType<typeof layerCalls>, stages: Plan['stages']) {
  const order = new Map(graph.inputs.map(({ name }, index) => [name, index]));
  const last = new Set(lastLayers(graph, calls));
  const layers = calls
    .filter((call) => !last.has(call))
    .toSorted((a, b) => (order.get(a.weight) ?? 0) - (order.get(b.weight) ?? 0))
    .map(({ name, index, weight, bias, isShortcut }) => {
      const stage = stages.findIndex(({ begin, end }) => index >= begin && index < end);
      return { name, weight, bias, isShortcut, stage };
    });
  if (layers.length === 0) throw new UnusableContent('it has no convolution or linear layer but its head');
  return layers;
}

/** Counts the training passes that drew random numbers, of which each has a seed of its own; C++ knows its name. */
const PASSES = { kind: 'buffer', name: 'random.num_batches_tracked', shape: [], dtype: 4 } as const;

/** Whether a call draws random numbers. */
function draws({ target, arguments: given }: GraphNode): boolean {
  if (target.startsWith('bernoulli_')) return true;
  const shares = [given.dropout_p, target.includes('dropout') ? given.p : undefined];
  return shares.some((share) => (share?.numbers?.[0] ?? 0) !== 0);
}

function inputOf(
  { metas }: Graph,
  { kind, name, value }: Graph['inputs'][number],
  { constants, weights }: ProgramFile,
): Plan['inputs'][number] {
  const meta = metas[value];
  const type = exportedDtype(meta?.dtype ?? 0);
  const shape = meta?.sizes.map((_size, axis) => sizeOf(meta, axis) ?? -1) ?? [];
  if (type?.c10 === undefined || shape.some((size) => size < 0))
    throw new Error(`its input ${name} has no fixed shape`);
  const isConstant = kind === 'constant' || (kind === 'buffer' && Object.hasOwn(constants, name));
  if (!isConstant && kind === 'parameter' && meta?.dtype !== FLOAT32) {
    throw new UnusableContent(`its parameter ${name} is not float32. Export model.float()`);
  }
  if (!isConstant && !WRITTEN.some(({ name }) => name === type.name)) {
    throw new UnusableContent(
      `its buffer ${name} is of the type ${type.name}, which checkpoints do not hold. Register it with persistent=False, or as int64`,
    );
  }
  const stored = isConstant ? constants : weights;
  if (stored && !(Object.hasOwn(stored, name) && sameShape(stored[name]?.shape, shape))) {
    const what = isConstant ? 'constant' : 'weight';
    throw new Error(`its ${what} ${name} is missing, or has another shape than its graph says`);
  }
  // Masks that are buffers may be infinite.
  const isWeight = kind === 'parameter' || /\.running_(?:mean|var)$/.test(name);
  const flaw = isWeight && stored?.[name] ? flawOf(name, stored[name]) : undefined;
  if (flaw !== undefined) {
    throw new UnusableContent(`its weight ${name} ${flaw}: no model can compute with it. Export it anew`);
  }
  return { kind: isConstant ? 'constant' : kind, name, value, shape, dtype: type.c10 };
}

/**
 * Whether an image's logits depend on the other images of its batch in evaluation, by those of one image in batches of two and four.
 * Batch sizes may change the last bits of libtorch's results.
 */
export async function mixesImages(
  { network, context }: { readonly network: Network; readonly context: Pick<ComputeContext, 'tensor'> },
  [height, width]: readonly [number, number],
  tolerance = 1e-4,
): Promise<boolean> {
  const pixels = 3 * height * width;
  const noise = new (native().Generator)(0).randn(4 * pixels);
  const ofFirst = async (count: number): Promise<readonly number[]> => {
    using images = await context.tensor(noise.slice(0, count * pixels), [count, 3, height, width]);
    using logits = (await network.run(images)).logits;
    return Array.from((await logits.data()) as Float32Array).slice(0, logits.shape[1]);
  };
  const [two, four] = [await ofFirst(2), await ofFirst(4)];
  const bound = tolerance * (1 + Math.max(...two.map(Math.abs)));
  return two.some((logit, i) => Math.abs(logit - (four[i] ?? 0)) > bound);
}

/** The description of a network that torch.export wrote. */
export interface ProgramSummary {
  readonly file: string;
  /** sha256 of its calls and constants: those of a run's configuration. */
  readonly program: string;
  /** The PyTorch that exported it. */
  readonly torchVersion: string;
  /** Height and width of its images in pixels; null: any. */
  readonly imageSize: readonly [number, number] | null;
  /** Whether batch-norms keep their statistics in training, since it was exported in evaluation mode. */
  readonly isEvaluationOnly: boolean;
  readonly classes: number;
  /** The layer that gives the logits, which is drawn anew for another number of classes; null: no one linear layer gives them. */
  readonly head: { readonly name: string; readonly features: number } | null;
  /** Stages, with their layers of neurons: a perturbed layer is evaluated from its stage on. */
  readonly stages: readonly {
    readonly name: string;
    readonly layers: readonly {
      readonly name: string;
      readonly neurons: number;
      readonly weights: number;
      readonly isShortcut: boolean;
    }[];
  }[];
  /** Layers that Grad-CAM can map, and the one that it maps by default. */
  readonly mappable: readonly string[];
  readonly mappedByDefault: string;
  /** How often each operator is called. */
  readonly operators: Readonly<Record<string, number>>;
  readonly parameters: number;
}

/** Reads a network that torch.export.save wrote, and runs nothing. Throws `MODEL_INVALID` naming all that is not supported. */
export async function inspectProgram(path: string): Promise<ProgramSummary> {
  const { file, plan, classes, imageSize, isEvaluationOnly } = await readProgram(path);
  const { stages, layers, parameters, mappable, mappedByDefault, head } = describe(plan);
  const operators: Record<string, number> = {};
  for (const target of plan.nodes.map((node) => node.target).sort())
    operators[target] = (operators[target] ?? 0) + 1;
  return {
    file: path,
    program: file.hash,
    torchVersion: file.program.torch_version,
    imageSize,
    isEvaluationOnly,
    classes,
    head: head && { name: plan.head?.name ?? '', features: head.features },
    stages: stages.map((name, stage) => ({
      name,
      layers: layers
        .filter((layer) => layer.stage === stage)
        .map(({ name, size, weights, isShortcut }) => ({ name, neurons: size, weights, isShortcut })),
    })),
    mappable,
    mappedByDefault,
    operators,
    parameters: parameters.reduce((sum, { shape }) => sum + shape.reduce((all, side) => all * side, 1), 0),
  };
}
