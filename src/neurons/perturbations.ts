import type { Perturbation } from './perturbation.js';
import { mean } from './perturbations/mean.js';
import { noise } from './perturbations/noise.js';
import { reinit } from './perturbations/reinit.js';
import { rewind } from './perturbations/rewind.js';
import { zero } from './perturbations/zero.js';

/** All perturbations, in the order in which results show them. */
export const PERTURBATIONS = [zero, reinit, noise, rewind, mean] as const;

export type PerturbationName = (typeof PERTURBATIONS)[number]['name'];

export const PERTURBATION_NAMES: readonly PerturbationName[] = PERTURBATIONS.map(({ name }) => name);

export function perturbationNamed(name: PerturbationName): Perturbation {
  const found = PERTURBATIONS.find((perturbation) => perturbation.name === name);
  if (!found) throw new RangeError(`There is no perturbation ${name}`);
  return found;
}

/** Whether a perturbation takes a standard deviation and seeds. */
export function isDrawn(name: PerturbationName): boolean {
  return typeof perturbationNamed(name).values === 'function';
}
