import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import type { CriterionName } from '../../../neurons/criteria.js';
import type { PerturbationWords } from '../../../neurons/perturbation.js';
import { isDrawn, type PerturbationName, PERTURBATIONS } from '../../../neurons/perturbations.js';
import type { CriterionView } from './view.js';
import { plural } from '../../format.js';

/** How a report speaks of each perturbation. */
export const PERTURBED = Object.fromEntries(
  PERTURBATIONS.map(({ name, words }) => [name, words]),
) as Readonly<Record<PerturbationName, PerturbationWords>>;

/** `σ = 0.005, mean of 10 seeds`, or `to epoch 35`; empty where there is nothing to tell, as of zeroing. */
export function settingsNote({
  sigma,
  criterion,
  trace,
}: Pick<CriterionView, 'sigma' | 'criterion' | 'trace'>): string {
  if (trace.rewound) return `to epoch ${trace.rewound.epoch}`;
  if (!isDrawn(trace.perturbation)) return '';
  return [...(sigma === null ? [] : [`σ = ${sigma}`]), seedsNote(trace, criterion)].join(', ');
}

/** The same in brackets after a word. */
export function bracketed(note: string): string {
  return note === '' ? '' : ` (${note})`;
}

/** `mean of 10 seeds`: of one criterion, or of the one with the most. */
export function seedsNote(
  { seeds, repeats }: Pick<TraceUnstructuredResult, 'seeds' | 'repeats'>,
  criterion?: CriterionName,
): string {
  const count = (criterion && repeats?.[criterion]) ?? seeds.length;
  return count === 1 ? 'one seed' : `mean of ${plural(count, 'seed')}`;
}

/** The criteria that were averaged over fewer seeds than others, with how many. */
export function fewerSeeds({ seeds, repeats = {} }: TraceUnstructuredResult): [string, number][] {
  return Object.entries(repeats).filter(([, count]) => count < seeds.length);
}

/** Whether some change of the view has a spread over seeds. */
export function hasSpread({ entries }: Pick<CriterionView, 'entries'>): boolean {
  return entries.some(({ changeStd }) => changeStd?.some(Number.isFinite) === true);
}
