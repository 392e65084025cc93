import { SPLITS } from '../data/split.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import type { RunFolder } from '../train/runFolder.js';
import type { TraceUnstructuredResult } from './results.js';
import { type Trace, type Traced, unstructured } from './traces.js';

/** Reads the result of a trace; undefined if it has not been made. Throws `RUN_INVALID`. */
export async function readOf<Result extends Traced>(
  folder: RunFolder,
  { kind, schema }: Trace<Result>,
): Promise<Result | undefined> {
  return (await folder.readResult(kind, schema)) as Result | undefined;
}

/** Reads the results of a run's traces, of its selected epoch. Throws `RUN_INVALID`. */
export async function readTraces(folder: RunFolder, traces: readonly Trace[]) {
  const others = traces.filter((trace) => trace !== unstructured);
  const made = await Promise.all(others.map((trace) => readOf(folder, trace)));
  return { traces: await readUnstructured(folder), made: made.filter((one) => one !== undefined) };
}

/** Reads all unstructured traces of a run's selected epoch, in the order of perturbations, the training split first. */
export async function readUnstructured(folder: RunFolder): Promise<TraceUnstructuredResult[]> {
  const { kind, schema } = unstructured;
  const names = (await folder.results()).filter((file) => file.startsWith(kind));
  const read = await Promise.all(names.map((file) => folder.readResult(file, schema)));
  const traces = read.filter((trace) => trace !== undefined) as TraceUnstructuredResult[];
  // Those of scripts come last.
  const order = [...PERTURBATION_NAMES, ...traces.map(({ perturbation }) => perturbation)];
  return traces
    .filter(({ epoch }) => epoch === undefined)
    .sort(
      (a, b) =>
        order.indexOf(a.perturbation) - order.indexOf(b.perturbation) ||
        SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split),
    );
}
