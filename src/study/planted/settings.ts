import { CRITERION_NAMES, type CriterionName } from '../../neurons/criteria.js';
import { setting, type SettingsTable } from '../../settings/setting.js';
import { oneOf, severalOf } from '../../settings/values.js';

export const FOUND_SETTINGS = {
  criteria: setting<readonly CriterionName[]>({
    type: severalOf(oneOf(CRITERION_NAMES)),
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
