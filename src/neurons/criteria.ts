import { gradient } from './criteria/gradient.js';
import { gradientXWeight } from './criteria/gradientXWeight.js';
import { gradientXWeightContrast } from './criteria/gradientXWeightContrast.js';
import { learnedMask } from './criteria/learnedMask.js';
import { magnitude } from './criteria/magnitude.js';
import { unitmem } from './criteria/unitmem.js';
import type { Criterion } from './criterion.js';

/** All criteria, in the order in which results show them. */
export const CRITERIA = [
  gradient,
  magnitude,
  gradientXWeight,
  gradientXWeightContrast,
  unitmem,
  learnedMask,
] as const;

/** The name of a criterion of the package. */
export type CriterionName = (typeof CRITERIA)[number]['name'];

export const CRITERION_NAMES: readonly CriterionName[] = CRITERIA.map(({ name }) => name);

/** The default of traces and figures. */
export const ARTICLE_CRITERIA: readonly CriterionName[] = CRITERIA.filter(
  ({ inArticle }: Criterion) => inArticle === true,
).map(({ name }) => name);

export function criterionNamed(name: CriterionName): Criterion {
  return CRITERIA.find((criterion) => criterion.name === name) as Criterion;
}
