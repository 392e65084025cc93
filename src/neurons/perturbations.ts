import type { Perturbation } from './perturbation.js';
import { noise } from './perturbations/noise.js';
import { reinit } from './perturbations/reinit.js';
import { zero } from './perturbations/zero.js';

/** All perturbations, in the order in which results show them. */
export const PERTURBATIONS = [zero, reinit, noise] as const;

export type PerturbationName = (typeof PERTURBATIONS)[number]['name'];

export const PERTURBATION_NAMES: readonly PerturbationName[] = PERTURBATIONS.map(({ name }) => name);

export function perturbationNamed(name: PerturbationName): Perturbation {
  const found = PERTURBATIONS.find((perturbation) => perturbation.name === name);
  if (!found) throw new RangeError(`There is no perturbation ${name}`);
  return found;
}
