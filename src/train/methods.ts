import { SpurmemError } from '../errors.js';
import { checkOptions } from '../settings/options.js';
import { accepts, metaOf } from '../settings/values.js';
import { acceptedBy, type TrainingMethod } from './method.js';
import { adoption, type AdoptOptions } from './methods/adopt.js';
import { cnc } from './methods/cnc.js';
import { dfr } from './methods/dfr.js';
import { erm } from './methods/erm.js';
import { finetune } from './methods/finetune.js';
import { groupDro } from './methods/groupDro.js';
import { jtt } from './methods/jtt.js';
import { rwg, rwy, subg, suby } from './methods/resampled.js';
import type { ErmOptions } from './recipe.js';
import type { TrainedRun } from './results.js';
import { methodOf, type RunConfig } from './runConfig.js';

/** Every training method, in the order of commands and tables. */
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
  finetune,
];

/** What makes a run: training methods, and the adoption of a checkpoint. */
const MAKERS: readonly TrainingMethod[] = [...TRAINING_METHODS, adoption];

/** Settings whose form in a run's config.json differs from the options'. */
const OTHER_FORMS = new Set([
  'arch',
  'weights',
  'imageSize',
  'crop',
  'augmentation',
  'viewAugmentation',
  'kickInEpoch',
]);

/** Returns the training method of that name. Throws `RUN_INVALID` if there is none. */
export function methodNamed(name: string): TrainingMethod {
  const method = MAKERS.find((known) => known.name === name);
  if (method) return method;
  const names = MAKERS.map((known) => known.name).join(', ');
  const problem = `There is no training method named ${JSON.stringify(name)}: there are ${names}.`;
  const advice = ['The `config.json` is damaged, or from a newer version.'];
  throw new SpurmemError('RUN_INVALID', problem, { advice });
}

/** Returns the training method of a run's configuration. Throws `RUN_INVALID` if the method's settings have wrong types. */
export function methodOfRun(config: RunConfig): TrainingMethod {
  const method = methodNamed(methodOf(config));
  for (const [name, { type }] of Object.entries(method.settings)) {
    const value = (config as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || OTHER_FORMS.has(name) || accepts(type, value)) continue;
    const problem = `config.json has \`${name}\` ${JSON.stringify(value)}: it takes ${metaOf(type).expected}.`;
    throw new SpurmemError('RUN_INVALID', problem, {
      advice: ['Restore it, or start anew in another folder.'],
    });
  }
  return method;
}

/** Checks the names and values of options before training. */
function checked<Options extends object, Result>(
  method: Omit<TrainingMethod, 'train'> & { train(options: Options): Promise<Result> },
): (options: Options) => Promise<Result> {
  return async (options) => {
    checkOptions(options, acceptedBy(method));
    return method.train(options);
  };
}

/** Every training method, with its options checked. */
export const CHECKED_METHODS: readonly TrainingMethod[] = TRAINING_METHODS.map((method) => ({
  ...method,
  train: checked(method),
}));

// src/index.ts describes these.
/** ERM (`methods/erm.ts`). */
export const trainErm: typeof erm.train = checked(erm);
export const trainRwy: RecipeTrain = checked(rwy);
export const trainRwg: RecipeTrain = checked(rwg);
export const trainSuby: RecipeTrain = checked(suby);
export const trainSubg: RecipeTrain = checked(subg);
/** GroupDRO (`methods/groupDro.ts`). */
export const trainGroupDro: typeof groupDro.train = checked(groupDro);
/** JTT (`methods/jtt.ts`). */
export const trainJtt: typeof jtt.train = checked(jtt);
/** Correct-n-Contrast (`methods/cnc.ts`). */
export const trainCnc: typeof cnc.train = checked(cnc);
/** Last-layer retraining of another run's model (`methods/dfr.ts`). */
export const trainDfr: typeof dfr.train = checked(dfr);
/** Fine-tunes another run's model against spurious memorization (`methods/finetune.ts`). */
export const trainFinetune: typeof finetune.train = checked(finetune);

/** Makes a run of a checkpoint that was trained elsewhere (`methods/adopt.ts`). */
export const adopt: (options: AdoptOptions) => Promise<TrainedRun> = checked(adoption);

/** Trains a run from a dataset by ERM's recipe. */
type RecipeTrain = (options: ErmOptions) => Promise<TrainedRun>;
