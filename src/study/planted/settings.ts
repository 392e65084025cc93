import { CRITERIA } from '../../neurons/criteria.js';
import { setting, type SettingsTable } from '../../settings/setting.js';
import { oneOf, severalOf } from '../../settings/values.js';

/** Ends the name of a criterion whose scores for the kept images of the class are subtracted. */
export const MINUS_KEPT = ' minus kept';
const NAMES = CRITERIA.map(({ name }): string => name);

export const FOUND_SETTINGS = {
  criteria: setting({
    type: severalOf(oneOf([...NAMES, ...NAMES.map((name) => `${name}${MINUS_KEPT}`)])),
    argument: 'name...',
    help: 'criteria that are asked for the planted neurons',
    default: NAMES,
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
