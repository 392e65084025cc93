import { SpurmemError } from '../errors.js';
import { checkOptions } from '../settings/options.js';
import type { TrainingMethod } from './method.js';
import { cnc } from './methods/cnc.js';
import { dfr } from './methods/dfr.js';
import { erm } from './methods/erm.js';
import { finetune } from './methods/finetune.js';
import { groupDro } from './methods/groupDro.js';
import { jtt } from './methods/jtt.js';
import { rwg, rwy, subg, suby } from './methods/resampled.js';
import { sdclr } from './methods/sdclr.js';
import type { ErmOptions } from './recipe.js';
import type { TrainedRun } from './results.js';
import { acceptedBy } from './runOptions.js';

/** Every training method, in the order of commands and tables. A new one is one object in a file of `methods/`. */
export const TRAINING_METHODS: readonly TrainingMethod[] = [
  erm,
  rwy,
  rwg,
  suby,
  subg,
  groupDro,
  jtt,
  cnc,
  dfr,
  sdclr,
  finetune,
];

/** The training method of that name, as a run's config.json has it. Throws `RUN_INVALID` where there is none. */
export function methodNamed(name: string): TrainingMethod {
  const method = TRAINING_METHODS.find((known) => known.name === name);
  if (method) return method;
  const names = TRAINING_METHODS.map((known) => known.name).join(', ');
  throw new SpurmemError(
    'RUN_INVALID',
    `There is no training method named ${JSON.stringify(name)}: there are ${names}.`,
    {
      advice: ['A `config.json` that has another is damaged, or of a newer version.'],
    },
  );
}

/** Trains by a method, for callers who may misspell an option or its value. */
async function train<Options extends object, Result>(
  method: Omit<TrainingMethod, 'train'> & { train(options: Options): Promise<Result> },
  options: Options,
): Promise<Result> {
  checkOptions(options, acceptedBy(method));
  return method.train(options);
}

/** Trains a run by ERM (`methods/erm.ts`), which fine-tuning and DFR start from. */
export const trainErm: RecipeTrain = (options) => train(erm, options);
/** ERM on images drawn with each class equally likely. */
export const trainRwy: RecipeTrain = (options) => train(rwy, options);
/** ERM on images drawn with each group equally likely. */
export const trainRwg: RecipeTrain = (options) => train(rwg, options);
/** ERM on a subset with as many images of each class. */
export const trainSuby: RecipeTrain = (options) => train(suby, options);
/** ERM on a subset with as many images of each group. */
export const trainSubg: RecipeTrain = (options) => train(subg, options);
/** GroupDRO (`methods/groupDro.ts`). */
export const trainGroupDro: typeof groupDro.train = (options) => train(groupDro, options);
/** JTT (`methods/jtt.ts`). */
export const trainJtt: typeof jtt.train = (options) => train(jtt, options);
/** Correct-n-Contrast (`methods/cnc.ts`). */
export const trainCnc: typeof cnc.train = (options) => train(cnc, options);
/** Last-layer retraining of another run's model (`methods/dfr.ts`). */
export const trainDfr: typeof dfr.train = (options) => train(dfr, options);
/** Self-damaging contrastive learning from another run's model (`methods/sdclr.ts`). */
export const trainSdclr: typeof sdclr.train = (options) => train(sdclr, options);
/** Fine-tunes another run's model against spurious memorization (`methods/finetune.ts`). */
export const trainFinetune: typeof finetune.train = (options) => train(finetune, options);

/** Trains a run from a dataset by ERM's recipe. */
type RecipeTrain = (options: ErmOptions) => Promise<TrainedRun>;
