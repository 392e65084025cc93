import type { ControlsHeader } from '../experiments/controls.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import type { CriterionName } from '../neurons/criteria.js';
import type { PerturbationWords } from '../neurons/perturbation.js';
import { PERTURBATIONS, perturbationNamed, type PerturbationName } from '../neurons/perturbations.js';
import { plural } from './format.js';
import type { CriterionTrace } from './selections.js';

export { ARTICLE_SIGMA } from '../experiments/traceSettings.js';

/** Where a perturbation is shown. */
interface PerturbationFigures {
  /** The article's figures with one standard deviation, and with several, as in file names. */
  readonly figure: string;
  readonly gridFigure: string;
  /** The same as in headings. */
  readonly reference: string;
  readonly references: string;
}

/** The article's figures of its perturbations. */
const FIGURES: Readonly<Partial<Record<string, PerturbationFigures>>> = {
  zero: { figure: 'fig2', gridFigure: 'fig2', reference: 'Fig. 2', references: 'Fig. 2' },
  reinit: { figure: 'fig4', gridFigure: 'fig11', reference: 'Fig. 4', references: 'Figs. 4 and 11' },
  noise: { figure: 'fig5', gridFigure: 'fig12', reference: 'Fig. 5', references: 'Figs. 5 and 12' },
};

/** How a report speaks of each perturbation, and where it shows it. */
export const PERTURBED = Object.fromEntries(
  PERTURBATIONS.map(({ name, words }) => [name, { ...words, ...(FIGURES[name] ?? figuresBeside(name)) }]),
) as Readonly<Record<PerturbationName, PerturbationWords & PerturbationFigures>>;

function figuresBeside(name: string): PerturbationFigures {
  const reference = 'not in the article';
  return { figure: name, gridFigure: `${name}-sigmas`, reference, references: reference };
}

/** `σ = 0.005, mean of 10 seeds`; empty for zeroing, which draws nothing. */
export function drawsNote({
  sigma,
  criterion,
  trace,
}: Pick<CriterionTrace, 'sigma' | 'criterion' | 'trace'>): string {
  if (perturbationNamed(trace.perturbation).values === null) return '';
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
  const { figure } = PERTURBED[perturbation];
  return `${perturbation === 'zero' ? 'table3' : `table3-${perturbation}`}${figureName(view).slice(figure.length)}`;
}

/** The file name of a chart over standard deviations without its ending: `fig11-gradient`, `fig12-magnitude-test`. */
export function gridFigureName({ criterion, trace }: Pick<CriterionTrace, 'criterion' | 'trace'>): string {
  const { gridFigure } = PERTURBED[trace.perturbation];
  return [gridFigure, criterion, ...(trace.split === 'train' ? [] : [trace.split])].join('-');
}
