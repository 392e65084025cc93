import type { TrainingMethod } from './method.js';
import { dfr } from './methods/dfr.js';
import { erm } from './methods/erm.js';
import { finetune } from './methods/finetune.js';
import { groupDro } from './methods/groupDro.js';
import { jtt } from './methods/jtt.js';
import { rwg, rwy, subg, suby } from './methods/resampled.js';

/** Every way to train, in the order of commands and tables. A new one is one object in a file of `methods/`. */
export const TRAINING_METHODS: readonly TrainingMethod[] = [
  erm,
  rwy,
  rwg,
  suby,
  subg,
  groupDro,
  jtt,
  dfr,
  finetune,
];

/** The way to train of that name. */
export function methodNamed(name: string): TrainingMethod {
  const method = TRAINING_METHODS.find((known) => known.name === name);
  if (!method) throw new RangeError(`There is no way to train named ${name}`);
  return method;
}
