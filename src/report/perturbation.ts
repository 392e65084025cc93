import { ARTICLE_PERTURBATION } from '../experiments/articlePerturbation.js';
import type { ControlsHeader } from '../experiments/controls.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import type { Criterion } from '../neurons/neuron.js';
import type { PerturbationKind } from '../neurons/perturb.js';
import { plural } from './format.js';
import type { CriterionTrace } from './selections.js';

/** The article's standard deviation, of several the one that is shown first. */
export const ARTICLE_SIGMA: number = ARTICLE_PERTURBATION.sigmas[0];

/** How a report speaks of a perturbation. */
interface Wording {
  /** The article's figures with one standard deviation, and with several, as in file names. */
  readonly figure: string;
  readonly gridFigure: string;
  /** The same as in headings. */
  readonly reference: string;
  readonly references: string;
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

/** Zeroing (article, Fig. 2), random initialization (Figs 4 and 11) and random noise (Figs 5 and 12) in words. */
export const PERTURBED: Readonly<Record<PerturbationKind, Wording>> = {
  zero: {
    figure: 'fig2',
    gridFigure: 'fig2',
    reference: 'Fig. 2',
    references: 'Fig. 2',
    heading: 'Zeroed neurons',
    state: 'zeroed',
    deed: 'zeroing',
    method: 'are set to zero',
    singular: 'is zeroed',
    plural: 'are zeroed',
  },
  reinit: {
    figure: 'fig4',
    gridFigure: 'fig11',
    reference: 'Fig. 4',
    references: 'Figs. 4 and 11',
    heading: 'Randomly initialized neurons',
    state: 'randomly initialized',
    deed: 'randomly initializing',
    method:
      'get new weights instead of their own, drawn from a normal distribution with mean 0 and standard deviation σ',
    singular: 'is randomly initialized',
    plural: 'are randomly initialized',
  },
  noise: {
    figure: 'fig5',
    gridFigure: 'fig12',
    reference: 'Fig. 5',
    references: 'Figs. 5 and 12',
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

/**
 * The file name of a view's chart without its ending: `fig2-gradient`, `fig4-gradient-0.01` where several standard
 * deviations were tried, `fig5-magnitude-test` for another split than training.
 */
export function figureName({ criterion, sigma, trace }: CriterionTrace): string {
  const sigmas = new Set(trace.entries.map((entry) => entry.sigma)).size;
  return [
    PERTURBED[trace.perturbation].figure,
    criterion,
    ...(sigma !== null && sigmas > 1 ? [String(sigma)] : []),
    ...(trace.split === 'train' ? [] : [trace.split]),
  ].join('-');
}

/** The file name of a chart over many numbers of neurons: `table3-gradient`, `table3-noise-gradient-0.005-test`. */
export function table3Name(view: CriterionTrace): string {
  const { perturbation } = view.trace;
  return figureName(view).replace(/^fig\d+/, perturbation === 'zero' ? 'table3' : `table3-${perturbation}`);
}

/** The file name of a chart over standard deviations without its ending: `fig11-gradient`, `fig12-magnitude-test`. */
export function gridFigureName({ criterion, trace }: Pick<CriterionTrace, 'criterion' | 'trace'>): string {
  const { gridFigure } = PERTURBED[trace.perturbation];
  return [gridFigure, criterion, ...(trace.split === 'train' ? [] : [trace.split])].join('-');
}
