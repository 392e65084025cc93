import { requireGroups } from '../data/dataset.js';
import type { PerturbationChoice } from '../neurons/perturb.js';
import type { GivenOf } from '../settings/setting.js';
import type { ComparedSet } from './compareWithRandom.js';
import { knownOfRun } from './knownValues.js';
import { NAMED_EXAMPLES, picturesOf } from './lostExamples.js';
import { measureSets } from './measureSets.js';
import { type GroupOutcome, summarizeOutcomes } from './outcomes.js';
import type { TraceEntry, TraceUnstructuredResult } from './results.js';
import { type SessionOptions, traceAlone, type TraceSession } from './traceSession.js';
import { TRACE_SETTINGS, unstructuredSettings } from './traceSettings.js';

/** Settings of an unstructured trace; defaults are the protocol's. */
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
  return traceAlone(TRACE_SETTINGS.unstructured, options, traceUnstructuredIn);
}

/** The same in an open session, whose scores are shared with its other traces. */
export async function traceUnstructuredIn(
  session: TraceSession,
  options: UnstructuredChoices,
): Promise<TraceUnstructuredResult> {
  const { dataset } = session;
  const { rewindEpochs, ...settings } = unstructuredSettings(options, session.settings.protocol);
  const { criteria, topK, perturbation: kind, sigmas = [null], repeats, split } = settings;
  requireGroups(dataset, [split]);
  session.requireTopK(criteria, topK);
  if (repeats === undefined && options.sigmas !== undefined) {
    session.options.onWarning?.(`\`sigmas\` has no part in ${kind}, which draws no numbers.`);
  }
  const { known, rewound } = await knownOfRun(session, kind, rewindEpochs);
  const most = Math.max(0, ...Object.values(repeats ?? {}));
  const seeds = Array.from({ length: most }, (_, i) => session.seed + i);

  const groups = [...dataset.groupNames.keys()];
  const planned: (Pick<TraceEntry, 'criterion' | 'group' | 'k' | 'neurons'> &
    Omit<ComparedSet, 'outcomes'>)[] = [];
  for (const criterion of criteria) {
    const ofCriterion = seeds.slice(0, repeats?.[criterion]);
    for (const group of groups) {
      const neurons = await session.select(criterion, group, Math.max(...topK));
      for (const k of topK) {
        for (const sigma of sigmas) {
          const perturbation: PerturbationChoice = { kind, sigma, seeds: ofCriterion, known };
          planned.push({ criterion, group, k, neurons: neurons.slice(0, k), perturbation, groups });
        }
      }
    }
  }
  const { sets, recorded } = await measureSets(session, planned, settings, {
    task: 'perturbed variants',
    namedExamples: NAMED_EXAMPLES,
    isCompared: ({ k }) => settings.comparedTopK?.includes(k) === true,
  });
  const entries = sets.map((set): TraceEntry => {
    const outcomes = set.outcomes as readonly (readonly GroupOutcome[])[];
    return {
      criterion: set.criterion,
      group: set.group,
      k: set.k,
      sigma: set.perturbation.sigma,
      neurons: set.neurons,
      ...summarizeOutcomes(outcomes, groups, dataset.minorityGroups),
      lost: groups.map((group) => ({
        count: outcomes[0]?.[group]?.lost ?? 0,
        first: set.lost[group] ?? [],
      })),
      comparisons: set.comparisons,
    };
  });
  // Those of the most neurons first, which reports show.
  const shown = entries.toSorted((a, b) => b.k - a.k).flatMap(({ group, lost }) => lost[group]?.first ?? []);
  const result: TraceUnstructuredResult = {
    kind: 'trace-unstructured',
    ...recorded,
    seeds,
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
