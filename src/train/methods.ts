import { SpurmemError, usageError } from '../errors.js';
import { checkOptions } from '../settings/options.js';
import { accepts, metaOf } from '../settings/values.js';
import { make } from './make.js';
import { acceptedBy, type TrainingMethod } from './method.js';
import { adoption } from './methods/adopt.js';
import { cnc } from './methods/cnc.js';
import { dfr, type DfrOptions, type DfrResult } from './methods/dfr.js';
import { erm } from './methods/erm.js';
import { finetune } from './methods/finetune.js';
import { groupDro } from './methods/groupDro.js';
import { jtt } from './methods/jtt.js';
import { afr, cbllr } from './methods/lastLayer.js';
import { rwg, rwy, subg, suby } from './methods/resampled.js';
import type { ErmOptions } from './recipe.js';
import type { TrainedRun } from './results.js';
import { methodOf, type RunConfig } from './runConfig.js';
import type { RunOptions } from './runOptions.js';

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
  cbllr,
  afr,
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

/** Returns a method's function: it checks the options' names and values, and makes the run. */
function trainerOf<Config extends RunConfig, Options extends RunOptions, Result = object>(
  method: TrainingMethod<Config, Options>,
): (options: Options) => Promise<TrainedRun & Result> {
  return async (options) => {
    checkOptions(options, acceptedBy(method));
    return (await make(method, options)) as TrainedRun & Result;
  };
}

// src/index.ts describes these.
/** ERM (`methods/erm.ts`). */
export const trainErm = trainerOf(erm);
/** GroupDRO (`methods/groupDro.ts`). */
export const trainGroupDro = trainerOf(groupDro);
/** JTT (`methods/jtt.ts`). */
export const trainJtt = trainerOf(jtt);
/** Correct-n-Contrast (`methods/cnc.ts`). */
export const trainCnc = trainerOf(cnc);
/** Last-layer retraining of another run's model (`methods/dfr.ts`). */
export const trainDfr: (options: DfrOptions) => Promise<TrainedRun<DfrResult>> = trainerOf(dfr);
/** Last-layer retraining balanced by class (`methods/lastLayer.ts`). */
export const trainCbllr = trainerOf(cbllr);
/** Automatic feature reweighting (`methods/lastLayer.ts`). */
export const trainAfr = trainerOf(afr);
/** Fine-tunes another run's model against spurious memorization (`methods/finetune.ts`). */
export const trainFinetune = trainerOf(finetune);

/** Makes a run of a checkpoint that was trained elsewhere (`methods/adopt.ts`). */
export const adopt = trainerOf(adoption);

/** Trains by the method of that name. Throws `USAGE` if there is none. */
export async function train(
  name: string,
  options: ErmOptions & Readonly<Record<string, unknown>>,
): Promise<TrainedRun> {
  const method = TRAINING_METHODS.find((known) => known.name === name);
  if (method) return trainerOf(method)(options);
  const known = TRAINING_METHODS.map((one) => one.name).join(', ');
  throw usageError(
    'name',
    name,
    known,
    `There is no training method named ${JSON.stringify(name)}: there are ${known}.`,
  );
}
