import { isDeepStrictEqual } from 'node:util';
import { invalidParameter, SpurmemError } from '../../errors.js';
import { ENGINE_TYPES } from '../../native/engine.js';
import { nearestSentence, requireKnownNames } from '../../settings/names.js';
import {
  type Accepted,
  checkPart,
  checkValues,
  JOB_TYPES,
  type OptionTypes,
} from '../../settings/options.js';
import { firstRepeated } from '../../settings/repeated.js';
import { checkSettings, requireValue } from '../../settings/setting.js';
import { callback, objectWith, severalOf, share, text, toggle } from '../../settings/values.js';
import { KEEP_EPOCHS } from '../../train/ermSettings.js';
import { FINETUNE_SETTINGS } from '../../train/finetune/settings.js';
import { TRAINING_METHODS } from '../../train/methods.js';
import { erm } from '../../train/methods/erm.js';
import {
  DATA_TYPES,
  type EpochOptions,
  type OfData,
  PROTOCOL_TYPE,
  RUN_TYPE,
  SEEDS_TYPE,
  TENSORBOARD_TYPE,
} from '../../train/runOptions.js';
import type { RunsOptions, StudyArm } from './studyArm.js';
import { configurationsOf } from './tuning.js';

export interface StudyOptions
  extends Omit<EpochOptions, 'data' | 'from' | 'out' | 'seed' | 'protocol' | 'resume'>, OfData, RunsOptions {
  readonly arms: readonly StudyArm[];
  /** The arm that the others are compared with; default: the first one. */
  readonly reference?: string | undefined;
  /** Another arm that is compared with each of the others. */
  readonly focus?: string | undefined;
  readonly seeds: readonly number[];
  /** The seeds that choose among the configurations of arms with grids, by validation worst-group accuracy. */
  readonly tuning?: { readonly seeds: readonly number[] } | undefined;
  /** The largest difference of worst-group accuracies that would not matter, a fraction; default: none is tested. */
  readonly equivalence?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

const PART = objectWith('an object with settings by their names');

export const STUDY_TYPES: OptionTypes<StudyOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  arms: severalOf(objectWith('an arm with a name', 'name')),
  out: RUN_TYPE,
  erm: PART,
  finetune: PART,
  reference: text('the name of an arm'),
  focus: text('the name of an arm'),
  seeds: SEEDS_TYPE,
  tuning: objectWith('an object with the seeds of the tuning', 'seeds'),
  equivalence: share('a difference'),
  keepEpochs: KEEP_EPOCHS.type,
  syncBatchNorm: toggle(),
  tensorboard: TENSORBOARD_TYPE,
  onStep: callback(),
  onStart: callback(),
  onEpoch: callback(),
};

const ERM: Accepted = { types: { protocol: PROTOCOL_TYPE }, settings: erm.settings };
const FINETUNE: Accepted = { types: { protocol: PROTOCOL_TYPE }, settings: FINETUNE_SETTINGS };
const ARM: Readonly<Record<keyof StudyArm, true>> = {
  name: true,
  method: true,
  settings: true,
  erm: true,
  grid: true,
  choice: true,
  tunedAs: true,
};

/** Checks the options of a study, and of all its arms. Throws `USAGE`. */
export function checkStudyOptions(options: object, accepted: Accepted): void {
  requireKnownNames(options, accepted.types);
  checkValues(options, accepted);
  checkPart(options, 'erm', ERM);
  checkPart(options, 'finetune', FINETUNE);
}

/** Checks the arms' names, those that others are compared with, and the tuning of those with a grid. Throws `USAGE`. */
export function checkArms(study: Pick<StudyOptions, 'arms' | 'reference' | 'focus' | 'tuning'>): void {
  const { arms, reference, focus, tuning } = study;
  const names = arms.map(({ name }) => name);
  const twice = firstRepeated(names);
  if (twice !== undefined) throw invalidParameter('arms', twice, 'arms whose names differ from each other');
  for (const [parameter, name] of Object.entries({ reference, focus })) {
    if (name === undefined || names.includes(name)) continue;
    throw invalidParameter(parameter, name, `the name of an arm: ${names.join('; ')}`);
  }
  if (tuning) requireValue('tuning.seeds', tuning.seeds, SEEDS_TYPE);
  for (const arm of arms) checkArm(arm, arms, tuning !== undefined);
}

/** Checks an arm's method, and its settings in each of its configurations. Throws `USAGE`. */
export function checkArm(arm: StudyArm, arms: readonly StudyArm[], isTuned: boolean): void {
  requireKnownNames(arm, ARM);
  const { name, method: wanted = 'erm', settings = {}, grid, choice, tunedAs } = arm;
  const methods = TRAINING_METHODS.map((method) => method.name);
  const method = TRAINING_METHODS.find((known) => known.name === wanted);
  if (!method) {
    const expected = `one of ${methods.join(', ')}`;
    throw invalidParameter('method', wanted, expected, [nearestSentence(wanted, methods)]);
  }
  const refuse = (problem: string): SpurmemError =>
    new SpurmemError('USAGE', `\`grid\` of the arm ${name}: ${problem}`, { parameter: 'grid', value: grid });
  const repeated = Object.entries(grid ?? {}).find(
    ([, values]) => values.length === 0 || firstRepeated(values) !== undefined,
  );
  if (repeated) throw refuse(`${repeated[0]} takes values that differ from each other.`);
  const source = tunedAs === undefined ? arm : arms.find((other) => other !== arm && other.name === tunedAs);
  if (source === undefined || (source !== arm && (grid !== undefined || source.grid === undefined))) {
    const tuned = arms.filter((other) => other !== arm && other.grid !== undefined);
    const expected = `another arm with a grid, where the arm ${name} has none: ${tuned.map((other) => other.name).join('; ')}`;
    throw invalidParameter('tunedAs', tunedAs, expected);
  }
  for (const configuration of configurationsOf(source)) {
    const whole = { ...settings, ...configuration };
    requireKnownNames(whole, method.settings, { protocol: true });
    checkSettings(method.settings, whole);
  }
  if (configurationsOf(arm).length > 1 && !isTuned) {
    throw refuse('it takes `tuning`, whose seeds choose a configuration.');
  }
  const others = arms.filter((other) => choice !== undefined && other.choice === choice);
  const unlike = others.find((other) => !isDeepStrictEqual(other.grid, grid));
  if (unlike)
    throw refuse(`the arm ${unlike.name}, which shares its choice ${choice ?? ''}, has another one.`);
  checkPart(arm, 'erm', ERM);
}
