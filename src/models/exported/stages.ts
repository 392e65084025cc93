import type { ProgramPlan } from '../../native/addon.js';
import type { Mode } from './evaluation.js';
import { type Graph, type GraphNode, hasBatch, madeBy, type OperatorTraits, takenBy } from './graph.js';

type Stage = ProgramPlan['stages'][number];
type Operators = ReadonlyMap<string, OperatorTraits>;

/**
 * Cuts a graph into stages at places that one tensor alone crosses, which has a row for each image and which no later call writes to.
 * A later stage computes again the values that depend on weights and sizes alone. Between two layers of neurons the last place is taken: a
 * perturbed layer's stage begins as late as can be.
 *
 * @param layers the calls of the layers of neurons, and of the head
 */
export function stagesOf(
  graph: Graph,
  modes: readonly Mode[],
  operators: Operators,
  layers: ReadonlySet<number>,
  nameOf: (begin: number, end: number) => string,
): readonly Stage[] {
  const { nodes, images, output } = graph;
  const flow = new Flow(graph, modes, operators);
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

/** What depends on the images, and which values may lie in one memory. */
class Flow {
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
      const shared = this.#writesIn(node) ? taken.slice(0, 1) : this.#aliasesIn(node) ? taken : [];
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

  #aliasesIn(node: GraphNode): boolean {
    return this.#operators.get(node.target)?.aliases === true;
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
