import { groupCounts, requireGroups } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { mean, standardDeviation } from '../metrics/statistics.js';
import type { Criterion, Neuron } from '../neurons/neuron.js';
import {
  drawForNeurons,
  maskNeurons,
  perturbNeurons,
  type PerturbationKind,
  type Variant,
} from '../neurons/perturb.js';
import { magnitudeScores } from '../neurons/score.js';
import { selectTopK } from '../neurons/select.js';
import { accuraciesOf, evaluateVariants } from './evaluateVariants.js';
import type { TraceEntry, TraceUnstructuredResult } from './results.js';
import { TraceSession, type SessionOptions } from './traceSession.js';

export interface TraceOptions extends SessionOptions {
  readonly criteria: readonly Criterion[];
  /** Numbers of neurons to perturb; article: 1, 2, 3. */
  readonly topK: readonly number[];
  /** Default: zero. */
  readonly perturbation?: PerturbationKind | undefined;
  /** Standard deviations of `reinit` and `noise`; article: 0.005 among others. */
  readonly sigmas?: readonly number[] | undefined;
  /** How many seeds `reinit` and `noise` are averaged over: `seed`, `seed + 1`, ... Article: 10. */
  readonly repeats?: number | undefined;
  /** The split whose accuracies are measured; article: train. The gradient's source is always the training split. */
  readonly split?: Split | undefined;
}

/** The article's standard deviation and repeats of random initialization and noise. */
export const ARTICLE_PERTURBATION = { sigmas: [0.005], repeats: 10 } as const;

/**
 * Unstructured tracing (article, Figs 2, 4 and 5): for each criterion and group, perturbs the top-k neurons of the whole
 * model and measures every group's accuracy. Writes `results/<resultName>.json`.
 */
export async function traceUnstructured(options: TraceOptions): Promise<TraceUnstructuredResult> {
  using session = await TraceSession.open(options);
  const { dataset, model, unit } = session;
  const split = options.split ?? 'train';
  requireGroups(dataset, [split]);
  const { layers } = model.description;
  const most = Math.max(...options.topK);
  selectTopK(await magnitudeScores(model, unit), session.unitLayers, most); // Fails before the long work.
  const perturbation = options.perturbation ?? 'zero';
  const seeds =
    perturbation === 'zero'
      ? []
      : Array.from({ length: options.repeats ?? ARTICLE_PERTURBATION.repeats }, (_, i) => options.seed + i);
  const sigmas = perturbation === 'zero' ? [null] : (options.sigmas ?? ARTICLE_PERTURBATION.sigmas);
  if (sigmas.length === 0) throw new SpurmemError('USAGE', '--sigma needs at least one standard deviation.');

  const planned: { entry: Omit<TraceEntry, 'accuracy' | 'change' | 'changeStd'>; variants: Variant[] }[] = [];
  for (const criterion of options.criteria) {
    for (const group of dataset.groupNames.keys()) {
      const neurons = selectTopK(await session.scores(criterion, group), session.unitLayers, most);
      const draws = new Map(seeds.map((seed) => [seed, drawForNeurons(neurons, layers, seed, unit)]));
      for (const k of options.topK) {
        for (const sigma of sigmas) {
          planned.push({
            entry: { criterion, group, k, sigma, neurons: neurons.slice(0, k) },
            variants: variantsOf(neurons.slice(0, k), sigma, draws),
          });
        }
      }
    }
  }
  const { baseline, variants, cost } = await evaluateVariants(
    model,
    session.loader,
    dataset.splits[split],
    planned.flatMap((plan) => plan.variants),
    { ...session.job, task: 'perturbed variants' },
  );
  const trainCounts = groupCounts(dataset, 'train');
  let position = 0;
  const entries = planned.map((plan): TraceEntry => {
    const ofSeeds = plan.variants.map(() => accuraciesOf(variants[position++] ?? [], trainCounts).accuracy);
    const changes = ofSeeds.map((accuracy) =>
      accuracy.map((value, g) => value - (baseline.accuracy[g] as number)),
    );
    const overSeeds = (rows: number[][], summarize: (values: number[]) => number): number[] =>
      baseline.accuracy.map((_, g) => summarize(rows.map((row) => row[g] as number)));
    return {
      ...plan.entry,
      accuracy: overSeeds(
        ofSeeds.map((accuracy) => [...accuracy]),
        mean,
      ),
      change: overSeeds(changes, mean),
      changeStd: changes.length > 1 ? overSeeds(changes, standardDeviation) : null,
    };
  });
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    ...session.header,
    split,
    baseline,
    cost,
    perturbation,
    seeds,
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(resultName(result), result));
  return result;

  function variantsOf(
    neurons: readonly Neuron[],
    sigma: number | null,
    draws: ReadonlyMap<number, ReturnType<typeof drawForNeurons>>,
  ): Variant[] {
    if (perturbation === 'zero' || sigma === null) return [maskNeurons(neurons, unit)];
    return [...draws].map(([seed, drawn]) =>
      perturbNeurons(drawn.slice(0, neurons.length), perturbation, sigma, seed, unit),
    );
  }
}

/** The name of a result's file: what differs from zeroing on the training split is part of it. */
export function resultName(result: Pick<TraceUnstructuredResult, 'kind' | 'perturbation' | 'split'>): string {
  return [
    result.kind,
    ...(result.perturbation === 'zero' ? [] : [result.perturbation]),
    ...(result.split === 'train' ? [] : [result.split]),
  ].join('-');
}
