import { ENGINE_TYPES } from '../native/engine.js';
import { invalidParameter } from '../errors.js';
import { PROCESS_BATCH_NORMS } from '../native/processGroup.js';
import { checkPart, checkValues, JOB_TYPES, type Accepted, type OptionTypes } from '../settings/options.js';
import { firstRepeated } from '../settings/repeated.js';
import { requireKnownNames } from '../settings/names.js';
import { checkSettings } from '../settings/setting.js';
import { callback, severalOf, objectWith, oneOf, share, text } from '../settings/values.js';
import { CHECKPOINT_EVERY, KEEP_EPOCHS } from '../train/ermSettings.js';
import { FINETUNE_SETTINGS } from '../train/finetune/settings.js';
import { TRAINING_METHODS } from '../train/methods.js';
import { RECIPE_SETTINGS } from '../train/recipe.js';
import { DATA_TYPES, PROTOCOL_TYPE, RUN_TYPE, SEEDS_TYPE } from '../train/runOptions.js';
import type { ArmOptions, StudyArm } from './studyArm.js';

export interface StudyOptions extends ArmOptions {
  readonly arms: readonly StudyArm[];
  /** The arm that the others are compared with; default: the first one. */
  readonly reference?: string | undefined;
  /** An arm that is compared with each of the others, besides. */
  readonly focus?: string | undefined;
  readonly seeds: readonly number[];
  /** The largest difference of worst-group accuracies that would not matter, a fraction; left out: none is tested for. */
  readonly equivalence?: number | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

const PART = objectWith('an object with settings by their names');

/** What a study takes. */
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
  equivalence: share('a difference'),
  keepEpochs: KEEP_EPOCHS.type,
  checkpointEvery: CHECKPOINT_EVERY.type,
  processBatchNorm: oneOf(PROCESS_BATCH_NORMS),
  onStep: callback(),
  onStart: callback(),
  onEpoch: callback(),
};

const ERM: Accepted = { types: { protocol: PROTOCOL_TYPE }, settings: RECIPE_SETTINGS };
const FINETUNE: Accepted = { types: { protocol: PROTOCOL_TYPE }, settings: FINETUNE_SETTINGS };
const ARM = { name: true, method: true, settings: true, erm: true } satisfies Record<keyof StudyArm, true>;

/** Checks the options of a study, and of all its arms. Throws `USAGE`. */
export function checkStudyOptions(options: object, accepted: Accepted): void {
  requireKnownNames(options, accepted.types);
  checkValues(options, accepted);
  checkPart(options, 'erm', ERM);
  checkPart(options, 'finetune', FINETUNE);
}

/** Checks what tells the arms apart, and that those which others are compared with are there. Throws `USAGE`. */
export function checkArms({
  arms,
  reference,
  focus,
}: Pick<StudyOptions, 'arms' | 'reference' | 'focus'>): void {
  const names = arms.map(({ name }) => name);
  const twice = firstRepeated(names);
  if (twice !== undefined) {
    throw invalidParameter('arms', twice, 'arms whose names differ from each other');
  }
  for (const [parameter, name] of Object.entries({ reference, focus })) {
    if (name === undefined || names.includes(name)) continue;
    throw invalidParameter(parameter, name, `the name of an arm: ${names.join('; ')}`);
  }
  for (const arm of arms) {
    requireKnownNames(arm, ARM);
    const methods = TRAINING_METHODS.map(({ name }) => name);
    const { method: wanted = 'erm', settings = {} } = arm;
    const method = TRAINING_METHODS.find(({ name }) => name === wanted);
    if (!method) throw invalidParameter('method', wanted, `one of ${methods.join(', ')}`);
    requireKnownNames(settings, method.settings, { protocol: true });
    checkSettings(method.settings, settings);
    checkPart(arm, 'erm', ERM);
  }
}
