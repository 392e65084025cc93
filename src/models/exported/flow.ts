import type { Mode } from './evaluation.js';
import { type Graph, type GraphNode, madeBy, type OperatorTraits, takenBy } from './graph.js';

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
