import { ARTICLE_PERTURBATION } from '../../experiments/articlePerturbation.js';
import type { ControlsHeader } from '../../experiments/controls.js';
import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { Criterion } from '../../neurons/neuron.js';
import type { PerturbationKind } from '../../neurons/perturb.js';
import { plural } from '../format.js';
import type { CriterionTrace } from './selections.js';

/** The article's standard deviation, of several the one that is shown first. */
export const ARTICLE_SIGMA: number = ARTICLE_PERTURBATION.sigmas[0];

/** How a report speaks of a perturbation. */
interface Wording {
  /** Heading of its section. */
  readonly heading: string;
  /** What the neurons are: `Top-k by gradient, zeroed`. */
  readonly state: string;
  /** After "after", before "the neurons". */
  readonly deed: string;
  /** What happens to neurons, in one sentence: "The neurons ...". */
  readonly method: string;
  /** What happens to one neuron, and to several. */
  readonly singular: string;
  readonly plural: string;
}

/** Zeroing, random initialization and random noise in words. */
export const PERTURBED: Readonly<Record<PerturbationKind, Wording>> = {
  zero: {
    heading: 'Zeroed neurons',
    state: 'zeroed',
    deed: 'zeroing',
    method: 'are set to zero',
    singular: 'is zeroed',
    plural: 'are zeroed',
  },
  reinit: {
    heading: 'Randomly initialized neurons',
    state: 'randomly initialized',
    deed: 'randomly initializing',
    method:
      'get new weights instead of their own, drawn from a normal distribution with mean 0 and standard deviation σ',
    singular: 'is randomly initialized',
    plural: 'are randomly initialized',
  },
  noise: {
    heading: 'Neurons with random noise',
    state: 'with random noise',
    deed: 'adding random noise to',
    method:
      'keep their weights, to which noise from a normal distribution with mean 0 and standard deviation σ is added',
    singular: 'gets random noise',
    plural: 'get random noise',
  },
};

/** `σ = 0.005, mean of 10 seeds`; empty for zeroing, which draws nothing. */
export function drawsNote({
  sigma,
  criterion,
  trace,
}: Pick<CriterionTrace, 'sigma' | 'criterion' | 'trace'>): string {
  if (trace.perturbation === 'zero') return '';
  return [...(sigma === null ? [] : [`σ = ${sigma}`]), seedsNote(trace, criterion)].join(', ');
}

/** `mean of 10 seeds`: of one criterion, or of the one with the most. */
export function seedsNote(
  { seeds, repeats }: Pick<TraceUnstructuredResult, 'seeds' | 'repeats'>,
  criterion?: Criterion,
): string {
  const count = (criterion && repeats?.[criterion]) ?? seeds.length;
  return count === 1 ? 'one seed' : `mean of ${plural(count, 'seed')}`;
}

/** The legend's entry for random neurons. */
export function randomName({ draws }: Pick<ControlsHeader, 'draws'>): string {
  return `random neurons, same layers (${plural(draws, 'draw')})`;
}

/** Whether some change of the view has a spread over seeds. */
export function hasSpread({ entries }: Pick<CriterionTrace, 'entries'>): boolean {
  return entries.some(({ changeStd }) => changeStd?.some(Number.isFinite) === true);
}
