import { CRITERIA_TYPE, type CriterionChoice } from '../../experiments/traceSettings.js';
import { CRITERION_NAMES } from '../../neurons/criteria.js';
import { setting, type SettingsTable } from '../../settings/setting.js';
import { oneOf, severalOf } from '../../settings/values.js';

/** The settings of ranking planted neurons. */
export const FOUND_SETTINGS = {
  criteria: setting<readonly CriterionChoice[]>({
    type: CRITERIA_TYPE,
    argument: 'name...',
    help: 'criteria that are asked for the planted neurons',
    default: CRITERION_NAMES,
    source: 'ours',
  }),
} satisfies SettingsTable;

export const ERASED_SETTINGS = {
  ...FOUND_SETTINGS,
  perturbations: setting({
    type: severalOf(oneOf(['zero', 'rewind'])),
    argument: 'name...',
    help: 'what is done to the neurons that a criterion chooses',
    default: ['zero'],
    source: 'ours',
  }),
} satisfies SettingsTable;
