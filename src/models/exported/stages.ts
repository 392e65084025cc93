import type { ProgramPlan } from '../../native/addon.js';
import type { Flow } from './flow.js';
import { type Graph, hasBatch, madeBy, takenBy } from './graph.js';

type Stage = ProgramPlan['stages'][number];

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
