import { requireGroups } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { SpurmemError, requireCount } from '../errors.js';
import type { Criterion } from '../neurons/neuron.js';
import {
  perturbedVariants,
  requireSigma,
  ZERO,
  type Perturbation,
  type PerturbationKind,
} from '../neurons/perturb.js';
import { ARTICLE_PERTURBATION } from './articlePerturbation.js';
import {
  DEFAULT_CONTROLS,
  compareWithRandom,
  requireControls,
  type ControlOptions,
  type ControlledSet,
  type NullDistribution,
} from './controls.js';
import { evaluateVariants, summarizeOutcomes, type GroupOutcome } from './evaluateVariants.js';
import { TRACE_DEFAULTS } from './protocol.js';
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
  /** How many seeds `reinit` and `noise` are averaged over: `seed`, `seed + 1`, ... Default: the protocol's; article: 10. */
  readonly repeats?: number | undefined;
  /** The split whose accuracies are measured; article: train. The gradient's source is always the training split. */
  readonly split?: Split | undefined;
  /** Default: 100 random draws on 128 examples a group. */
  readonly controls?: Partial<ControlOptions> | undefined;
}

/**
 * Unstructured tracing (article, Figs 2, 4 and 5): for each criterion and group, perturbs the top-k neurons of the whole
 * model and measures every group's accuracy, beside random neurons of the same layers. Writes
 * `results/<resultName>.json`.
 *
 * @throws `NEURONS_INVALID` when there are not so many neurons, `USAGE` for options out of range, and what
 *   `TraceSession.open` throws
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
  session.requireTopK(options.criteria, options.topK);
  const controlOptions = { ...DEFAULT_CONTROLS, ...options.controls };
  requireControls(controlOptions);
  const kind = options.perturbation ?? 'zero';
  const { seeds, repeats, perturbations } = perturbationsOf(kind, session, options);

  const groups = [...dataset.groupNames.keys()];
  const most = Math.max(...options.topK);
  const planned: (Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'> & ControlledSet)[] = [];
  for (const criterion of options.criteria) {
    for (const group of groups) {
      const neurons = await session.select(criterion, group, most);
      for (const k of options.topK) {
        for (const perturbation of perturbations(criterion)) {
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
  const controls = await compareWithRandom(session, dataset.splits[split], planned, controlOptions);
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
    seeds,
    ...(kind === 'zero' ? {} : { repeats }),
    entries,
  };
  await session.folder.locked(() => session.folder.writeResult(resultName(result), result));
  return result;
}

/** The perturbations of each criterion's neurons, one a sigma, each with the criterion's seeds. */
function perturbationsOf(
  kind: PerturbationKind,
  { settings, options: { seed } }: TraceSession,
  options: Pick<TraceOptions, 'criteria' | 'sigmas' | 'repeats'>,
): {
  /** Those of the criterion with the most. */
  readonly seeds: readonly number[];
  readonly repeats: Readonly<Partial<Record<Criterion, number>>>;
  readonly perturbations: (criterion: Criterion) => Perturbation[];
} {
  if (kind === 'zero') return { seeds: [], repeats: {}, perturbations: () => [ZERO] };
  const sigmas = options.sigmas ?? ARTICLE_PERTURBATION.sigmas;
  if (sigmas.length === 0) throw new SpurmemError('USAGE', '--sigma needs at least one standard deviation.');
  sigmas.forEach(requireSigma);
  const countOf = (criterion: Criterion): number =>
    options.repeats ?? TRACE_DEFAULTS[settings.protocol].repeats[criterion];
  const counts = options.criteria.map(countOf);
  for (const count of counts) requireCount('--repeats', count);
  const seeds = Array.from({ length: Math.max(...counts) }, (_, i) => seed + i);
  return {
    seeds,
    repeats: Object.fromEntries(options.criteria.map((criterion) => [criterion, countOf(criterion)])),
    perturbations: (criterion) =>
      sigmas.map((sigma) => ({ kind, sigma, seeds: seeds.slice(0, countOf(criterion)) })),
  };
}

/** The name of a result's file: what differs from zeroing on the training split is part of it. */
export function resultName(result: Pick<TraceUnstructuredResult, 'kind' | 'perturbation' | 'split'>): string {
  return [
    result.kind,
    ...(result.perturbation === 'zero' ? [] : [result.perturbation]),
    ...(result.split === 'train' ? [] : [result.split]),
  ].join('-');
}
