import { requireGroups } from '../data/dataset.js';
import { perturbedVariants, type PerturbationChoice } from '../neurons/perturb.js';
import { isDrawn } from '../neurons/perturbations.js';
import { resolveSettings, without, type GivenOf } from '../settings/setting.js';
import { compareWithRandom, mostRandomEvaluations, type ControlledSet } from './controls.js';
import { evaluateVariants } from './evaluateVariants.js';
import { knownOfRun } from './knownValues.js';
import { NAMED_EXAMPLES, picturesOf } from './lostExamples.js';
import { summarizeOutcomes, type GroupOutcome } from './outcomes.js';
import type { TraceEntry, TraceUnstructuredResult } from './results.js';
import { measuredExamples } from './samples.js';
import { checkTraceOptions, TraceSession, type SessionOptions } from './traceSession.js';
import { repeatsOf, TRACE_SETTINGS } from './traceSettings.js';

/** What an unstructured trace may be told; defaults are the protocol's. */
type UnstructuredChoices = GivenOf<(typeof TRACE_SETTINGS)['unstructured']>;

/** The split is the one whose accuracies are measured: samples of gradients are always of the training split. */
export interface TraceOptions extends SessionOptions, UnstructuredChoices {}

/**
 * Unstructured tracing (article, Figs 2, 4 and 5): for each criterion and group, perturbs the top-k neurons of the whole
 * model and measures every group's accuracy, margin and loss, beside random neurons. Writes
 * `results/<resultName>.json`.
 *
 * @throws `NEURONS_INVALID` when there are not so many neurons, `USAGE` for options out of range, `RUN_NOT_FOUND` when neurons
 *   are to be rewound to an epoch that the run has not kept, and what `TraceSession.open` throws
 */
export async function traceUnstructured(options: TraceOptions): Promise<TraceUnstructuredResult> {
  checkTraceOptions(TRACE_SETTINGS.unstructured, options);
  using session = await TraceSession.open(options);
  return await traceUnstructuredIn(session, options);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceUnstructuredIn(
  session: TraceSession,
  options: UnstructuredChoices,
): Promise<TraceUnstructuredResult> {
  const { dataset, model, unit } = session;
  const settings = resolveSettings(
    without(TRACE_SETTINGS.unstructured, 'repeats'),
    session.settings.protocol,
    options,
  );
  const { criteria, topK, perturbation: kind, sigmas, rewindEpochs, split, samples } = settings;
  requireGroups(dataset, [split]);
  session.requireTopK(criteria, topK);
  const draws = isDrawn(kind);
  if (!draws && options.sigmas !== undefined) {
    session.options.onWarning?.(`\`sigmas\` has no part in ${kind}, which draws no numbers.`);
  }
  const { known, rewound } = await knownOfRun(session, kind, rewindEpochs);
  const repeats = criteria.map(
    (name) => [name, repeatsOf(name, session.settings.protocol, options)] as const,
  );
  const most = draws ? Math.max(...repeats.map(([, count]) => count)) : 0;
  const seeds = Array.from({ length: most }, (_, i) => session.seed + i);

  const groups = [...dataset.groupNames.keys()];
  const planned: (Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'> &
    Omit<ControlledSet, 'outcomes'>)[] = [];
  for (const [criterion, count] of repeats) {
    for (const group of groups) {
      const neurons = await session.select(criterion, group, Math.max(...topK));
      for (const k of topK) {
        for (const sigma of draws ? sigmas : [null]) {
          const perturbation: PerturbationChoice = { kind, sigma, seeds: seeds.slice(0, count), known };
          planned.push({ criterion, group, k, neurons: neurons.slice(0, k), perturbation, groups });
        }
      }
    }
  }
  const plans = planned.map(({ neurons, perturbation }) =>
    perturbedVariants(neurons, perturbation, model.description.layers, unit),
  );
  const indices = measuredExamples(dataset, dataset.splits[split], samples, session.seed);
  const isCompared = ({ k }: Pick<TraceEntry, 'k'>): boolean => settings.comparedTopK?.includes(k) ?? true;
  session.options.onPlan?.({
    settings: { ...session.settings, ...settings },
    examples: indices.length,
    evaluations: (1 + plans.flat().length) * indices.length,
    randomEvaluations: mostRandomEvaluations(planned.filter(isCompared), indices.length, settings),
  });
  const measured = await evaluateVariants(model, session.loader, indices, plans.flat(), {
    ...session.job,
    ...{ task: 'perturbed variants', namedExamples: NAMED_EXAMPLES },
  });
  const { baseline, variants, cost } = measured;
  let position = 0;
  const sets = planned.map((plan, i) => ({
    ...plan,
    // Of the first seed.
    lost: measured.lost[position] ?? [],
    outcomes: (plans[i] ?? []).map(() => variants[position++] as readonly GroupOutcome[]),
  }));
  const compared = sets.filter(isCompared);
  const controls = await compareWithRandom(session, indices, compared, settings);
  const comparisons = new Map(compared.map((set, i) => [set, controls?.comparisons[i]]));
  const entries = sets.map((set): TraceEntry => ({
    ...{ criterion: set.criterion, group: set.group, k: set.k, sigma: set.perturbation.sigma },
    neurons: set.neurons,
    ...summarizeOutcomes(set.outcomes, groups, dataset.minorityGroups),
    lost: groups.map((group) => ({
      count: set.outcomes[0]?.[group]?.lost ?? 0,
      first: set.lost[group] ?? [],
    })),
    controls: comparisons.get(set) ?? null,
  }));
  // Those of the most neurons first, which reports show.
  const shown = entries
    .toSorted((a, b) => b.k - a.k)
    .flatMap(({ group, lost }) => lost?.[group]?.first ?? []);
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    ...session.header,
    split,
    samples,
    baseline,
    cost,
    controls: controls?.header ?? null,
    perturbation: kind,
    seeds,
    ...(draws ? { repeats: Object.fromEntries(repeats) } : {}),
    ...(rewound ? { rewound } : {}),
    pictures: await picturesOf(
      dataset,
      shown.map(({ example }) => example),
    ),
    entries,
  };
  await session.folder.record(resultName(result), result);
  return result;
}

/** The name of a result's file: what differs from zeroing on the training split is part of it. */
export function resultName(result: Pick<TraceUnstructuredResult, 'kind' | 'perturbation' | 'split'>): string {
  return [
    result.kind,
    ...(result.perturbation === 'zero' ? [] : [result.perturbation]),
    ...(result.split === 'train' ? [] : [result.split]),
  ].join('-');
}
