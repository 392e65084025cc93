import type { Criterion } from './criterion.js';
import { gradientScores, magnitudeScores } from './score.js';

/** The l2 norm of the loss's gradient in a neuron's weights, on the worst samples of a group (article, Eq. 1). */
const gradient = {
  name: 'gradient',
  largest: 'largest gradient',
  inArticle: true,
  dependsOnGroup: true,
  repeats: { article: 10, released: 3 },
  scores: async (context) => {
    const { indices, labels } = await context.samples();
    return gradientScores(context.model, context.loader, indices, { ...context, labels });
  },
} as const satisfies Criterion;

/** The l2 norm of a neuron's weights. */
const magnitude = {
  name: 'magnitude',
  largest: 'largest magnitude',
  inArticle: true,
  dependsOnGroup: false,
  repeats: { article: 10, released: 10 },
  scores: ({ model, unit }) => magnitudeScores(model, unit),
  layers: (layers, settings) =>
    settings.magnitudeLayers === 'all' ? layers : layers.filter(({ isShortcut }) => !isShortcut),
  order: ({ magnitudeOrder }) => magnitudeOrder ?? 'largest',
} as const satisfies Criterion;

/** The growth, to first order, of the mean loss on a group's worst samples when a neuron is zeroed; negative where zeroing helps. */
const gradientXWeight = {
  name: 'gradient-x-weight',
  largest: 'largest growth of the loss by gradient x weight',
  dependsOnGroup: true,
  repeats: { article: 10, released: 10 },
  scores: async (context) => {
    const { indices, labels } = await context.samples();
    const options = { ...context, labels, timesWeight: true };
    return gradientScores(context.model, context.loader, indices, options);
  },
} as const satisfies Criterion;

/** All criteria, in the order in which results show them. */
export const CRITERIA = [gradient, magnitude, gradientXWeight] as const;

export type CriterionName = (typeof CRITERIA)[number]['name'];

export const CRITERION_NAMES: readonly CriterionName[] = CRITERIA.map(({ name }) => name);

/** The default of traces and figures. */
export const ARTICLE_CRITERIA: readonly CriterionName[] = CRITERIA.filter(
  ({ inArticle }: Criterion) => inArticle === true,
).map(({ name }) => name);

export function criterionNamed(name: CriterionName): Criterion {
  return CRITERIA.find((criterion) => criterion.name === name) as Criterion;
}
