import { ENGINE_TYPES } from '../native/engine.js';
import { PROTOCOLS } from '../protocol.js';
import { type Accepted, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { RANGES } from '../settings/ranges.js';
import { dependsOnProtocol } from '../settings/setting.js';
import { callback, either, integer, objectWith, oneOf, severalOf, text, toggle } from '../settings/values.js';
import { KEEP_EPOCHS } from './ermSettings.js';
import type { MethodOptions, TrainingMethod } from './method.js';

export const DATA_TYPES = {
  data: either(text('a dataset\u2019s folder'), objectWith('what loadDataset gives', 'folder', 'splits')),
  datasetOptions: objectWith('an object with options of loadDataset'),
} as const;

export const SEED_TYPE = integer(...RANGES.seed);
export const SEEDS_TYPE = severalOf(SEED_TYPE);
export const PROTOCOL_TYPE = oneOf(PROTOCOLS);
export const RUN_TYPE = text('a run\u2019s folder');

export const TENSORBOARD_TYPE = either(text('a folder'), toggle());

/** Options of training methods besides their settings. */
const METHOD_TYPES: OptionTypes<MethodOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  from: RUN_TYPE,
  out: RUN_TYPE,
  resume: toggle(),
  seed: SEED_TYPE,
  protocol: PROTOCOL_TYPE,
  keepEpochs: KEEP_EPOCHS.type,
  tensorboard: TENSORBOARD_TYPE,
  syncBatchNorm: toggle(),
  onStart: callback(),
  onEpoch: callback(),
};

/** The options of a training method: those that it has no use for are refused. */
export function acceptedBy({
  settings,
  startsFrom,
  mayStartFromRun = false,
  isDistributed,
}: Pick<TrainingMethod, 'settings' | 'startsFrom' | 'mayStartFromRun' | 'isDistributed'>): Accepted {
  const { from, protocol, keepEpochs, tensorboard, onEpoch, syncBatchNorm, ...all } = METHOD_TYPES;
  const types = {
    ...all,
    ...(startsFrom === 'run' || mayStartFromRun ? { from } : {}),
    ...(dependsOnProtocol(settings) ? { protocol } : {}),
    ...('epochs' in settings ? { keepEpochs, tensorboard, onEpoch } : {}),
    ...(isDistributed === true ? { syncBatchNorm } : {}),
  };
  // With a run its data are the default, which training itself checks.
  const required = startsFrom === 'run' ? ['from'] : mayStartFromRun ? [] : ['data'];
  return { types, settings, required };
}
