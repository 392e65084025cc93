import type { GroupAccuracies } from '../metrics/groups.js';
import type { Criterion, Neuron } from '../neurons/neuron.js';
import type { Split } from '../data/split.js';

/** One bar of the article's Fig. 2: the neurons chosen for one group, and what zeroing them did to every group. */
export interface TraceEntry {
  readonly criterion: Criterion;
  /** The group whose worst samples gave the gradient. Magnitude does not depend on the group: it repeats. */
  readonly group: number;
  readonly k: number;
  /** The k neurons, highest score first. */
  readonly neurons: readonly Neuron[];
  /** Accuracies of the perturbed model. */
  readonly accuracies: GroupAccuracies;
  /** Perturbed minus baseline accuracy of each group, [numGroups], as a fraction; the article plots |change|. */
  readonly change: readonly number[];
}

/** `results/trace-unstructured.json` (article, Fig. 2). */
export interface TraceUnstructuredResult {
  readonly kind: 'trace-unstructured';
  /** sha256 of the traced weights file. */
  readonly checkpoint: string;
  readonly split: Split;
  readonly perturbation: 'zero';
  /** Neurons in the whole model, M. */
  readonly numNeurons: number;
  /** Worst samples of the group, and how many of them were drawn for the gradient. */
  readonly gradientSource: { readonly worst: number; readonly drawn: number; readonly seed: number };
  readonly baseline: GroupAccuracies;
  readonly entries: readonly TraceEntry[];
}
