import { ENGINE_TYPES } from '../native/engine.js';
import { PROCESS_BATCH_NORMS } from '../native/processGroup.js';
import { PROTOCOLS } from '../protocol.js';
import { JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { callback, either, integer, severalOf, objectWith, oneOf, text, toggle } from '../settings/values.js';
import { CHECKPOINT_EVERY, KEEP_EPOCHS } from './ermSettings.js';
import type { MethodOptions } from './method.js';

/** Where the data is, and how its folder is read. */
export const DATA_TYPES = {
  data: either(text('a dataset\u2019s folder'), objectWith('what loadDataset gives', 'folder', 'splits')),
  datasetOptions: objectWith('an object with options of loadDataset'),
} as const;

export const SEED_TYPE = integer(0, 2 ** 32 - 1);
export const SEEDS_TYPE = severalOf(SEED_TYPE);
export const PROTOCOL_TYPE = oneOf(PROTOCOLS);
export const RUN_TYPE = text('a run\u2019s folder');

/** What every way to train takes besides its settings. */
export const METHOD_TYPES: OptionTypes<MethodOptions & { readonly protocol: unknown }> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  from: RUN_TYPE,
  out: RUN_TYPE,
  resume: toggle(),
  seed: SEED_TYPE,
  protocol: PROTOCOL_TYPE,
  keepEpochs: KEEP_EPOCHS.type,
  checkpointEvery: CHECKPOINT_EVERY.type,
  processBatchNorm: oneOf(PROCESS_BATCH_NORMS),
  onStart: callback(),
  onEpoch: callback(),
};
