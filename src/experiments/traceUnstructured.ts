import { requireGroups } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import type { Criterion } from '../neurons/neuron.js';
import { perturbedVariants, ZERO, type Perturbation, type PerturbationKind } from '../neurons/perturb.js';
import { magnitudeScores } from '../neurons/score.js';
import { selectTopK } from '../neurons/select.js';
import {
  DEFAULT_CONTROLS,
  compareWithRandom,
  type ControlOptions,
  type ControlledSet,
  type NullDistribution,
} from './controls.js';
import { evaluateVariants, summarizeOutcomes, type GroupOutcome } from './evaluateVariants.js';
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
  /** Default: 100 random draws on 128 examples a group. */
  readonly controls?: Partial<ControlOptions> | undefined;
}

/** The article's standard deviation and repeats of random initialization and noise. */
export const ARTICLE_PERTURBATION = { sigmas: [0.005], repeats: 10 } as const;

/**
 * Unstructured tracing (article, Figs 2, 4 and 5): for each criterion and group, perturbs the top-k neurons of the whole
 * model and measures every group's accuracy, beside random neurons of the same layers. Writes
 * `results/<resultName>.json`.
 */
export async function traceUnstructured(options: TraceOptions): Promise<TraceUnstructuredResult> {
  using session = await TraceSession.open(options);
  return await traceUnstructuredIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceUnstructuredIn(
  session: TraceSession,
  options: Omit<TraceOptions, keyof SessionOptions>,
): Promise<TraceUnstructuredResult> {
  const { dataset, model, unit } = session;
  const split = options.split ?? 'train';
  requireGroups(dataset, [split]);
  const most = Math.max(...options.topK);
  selectTopK(await magnitudeScores(model, unit), session.unitLayers, most); // Fails before the long work.
  const kind = options.perturbation ?? 'zero';
  const perturbations = perturbationsOf(kind, session.options.seed, options);

  const groups = [...dataset.groupNames.keys()];
  const planned: (Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'> & ControlledSet)[] = [];
  for (const criterion of options.criteria) {
    for (const group of groups) {
      const neurons = selectTopK(await session.scores(criterion, group), session.unitLayers, most);
      for (const k of options.topK) {
        for (const perturbation of perturbations) {
          planned.push({ criterion, group, k, neurons: neurons.slice(0, k), perturbation, groups });
        }
      }
    }
  }
  const plans = planned.map(({ neurons, perturbation }) =>
    perturbedVariants(neurons, perturbation, model.description.layers, unit),
  );
  const { baseline, variants, cost } = await evaluateVariants(
    model,
    session.loader,
    dataset.splits[split],
    plans.flat(),
    { ...session.job, task: 'perturbed variants' },
  );
  const controls = await compareWithRandom(session, dataset.splits[split], planned, {
    ...DEFAULT_CONTROLS,
    ...options.controls,
  });
  let position = 0;
  const entries = planned.map(({ criterion, group, k, neurons, perturbation }, i): TraceEntry => {
    const outcomes = (plans[i] ?? []).map(() => variants[position++] as readonly GroupOutcome[]);
    return {
      criterion,
      group,
      k,
      sigma: perturbation.sigma,
      neurons,
      ...summarizeOutcomes(outcomes, groups),
      controls: (controls?.distributions[i] as readonly NullDistribution[] | undefined) ?? null,
    };
  });
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    ...session.header,
    split,
    baseline,
    cost,
    controls: controls?.header ?? null,
    perturbation: kind,
    seeds: perturbations[0]?.seeds ?? [],
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(resultName(result), result));
  return result;
}

function perturbationsOf(
  kind: PerturbationKind,
  seed: number,
  options: Pick<TraceOptions, 'sigmas' | 'repeats'>,
): Perturbation[] {
  if (kind === 'zero') return [ZERO];
  const sigmas = options.sigmas ?? ARTICLE_PERTURBATION.sigmas;
  if (sigmas.length === 0) throw new SpurmemError('USAGE', '--sigma needs at least one standard deviation.');
  const repeats = options.repeats ?? ARTICLE_PERTURBATION.repeats;
  const seeds = Array.from({ length: repeats }, (_, i) => seed + i);
  return sigmas.map((sigma) => ({ kind, sigma, seeds }));
}

/** The name of a result's file: what differs from zeroing on the training split is part of it. */
export function resultName(result: Pick<TraceUnstructuredResult, 'kind' | 'perturbation' | 'split'>): string {
  return [
    result.kind,
    ...(result.perturbation === 'zero' ? [] : [result.perturbation]),
    ...(result.split === 'train' ? [] : [result.split]),
  ].join('-');
}
