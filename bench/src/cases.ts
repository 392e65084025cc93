import type { BenchCase } from './case.js';
import { COMPUTE } from './cases/compute.js';
import { EPOCHS } from './cases/epochs.js';
import { FINETUNE } from './cases/finetune.js';
import { GPU } from './cases/gpu.js';
import { PIPELINE } from './cases/pipeline.js';
import { PROGRAMS } from './cases/programs.js';
import { STARTUP } from './cases/startup.js';
import { TRACING } from './cases/tracing.js';

/** Every case, in the order in which `all` runs them. A new case is one object in a file of `cases/`. */
export const CASES: readonly BenchCase[] = [
  ...STARTUP,
  ...COMPUTE,
  ...PROGRAMS,
  ...FINETUNE,
  ...PIPELINE,
  ...EPOCHS,
  ...TRACING,
  ...GPU,
];
