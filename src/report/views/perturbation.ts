import type { ControlsHeader } from '../../experiments/results.js';
import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { CriterionName } from '../../neurons/criteria.js';
import type { PerturbationWords } from '../../neurons/perturbation.js';
import { isDrawn, PERTURBATIONS, type PerturbationName } from '../../neurons/perturbations.js';
import { plural } from '../format.js';
import type { CriterionTrace } from './selections.js';

import { ARTICLE_SIGMA } from '../../experiments/traceSettings.js';

/** How a report speaks of each perturbation. */
export const PERTURBED = Object.fromEntries(
  PERTURBATIONS.map(({ name, words }) => [name, words]),
) as Readonly<Record<PerturbationName, PerturbationWords>>;

/** `σ = 0.005, mean of 10 seeds`, or `to epoch 35`; empty where there is nothing to tell, as of zeroing. */
export function settingsNote({
  sigma,
  criterion,
  trace,
}: Pick<CriterionTrace, 'sigma' | 'criterion' | 'trace'>): string {
  if (trace.rewound) return `to epoch ${trace.rewound.epoch}`;
  if (!isDrawn(trace.perturbation)) return '';
  return [...(sigma === null ? [] : [`σ = ${sigma}`]), seedsNote(trace, criterion)].join(', ');
}

/** `mean of 10 seeds`: of one criterion, or of the one with the most. */
export function seedsNote(
  { seeds, repeats }: Pick<TraceUnstructuredResult, 'seeds' | 'repeats'>,
  criterion?: CriterionName,
): string {
  const count = (criterion && repeats?.[criterion]) ?? seeds.length;
  return count === 1 ? 'one seed' : `mean of ${plural(count, 'seed')}`;
}

/** The legend's entry for random neurons. */
export function randomName({ draws }: Pick<ControlsHeader, 'draws'>): string {
  return `random neurons, same layers (up to ${plural(draws, 'draw')})`;
}

/** Whether some change of the view has a spread over seeds. */
export function hasSpread({ entries }: Pick<CriterionTrace, 'entries'>): boolean {
  return entries.some(({ changeStd }) => changeStd?.some(Number.isFinite) === true);
}

/** Of several standard deviations, the one that is drawn large: the article's, or the smallest. */
export function shownSigma({ entries }: Pick<TraceUnstructuredResult, 'entries'>): number | null {
  const sigmas = [...new Set(entries.map(({ sigma }) => sigma))].sort((a, b) => (a ?? 0) - (b ?? 0));
  return sigmas.find((sigma) => sigma === ARTICLE_SIGMA) ?? sigmas[0] ?? null;
}
