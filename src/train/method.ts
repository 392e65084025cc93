import type { Split } from '../data/split.js';
import { ENGINE_TYPES } from '../native/engine.js';
import { type Accepted, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { dependsOnProtocol, type SettingsTable } from '../settings/setting.js';
import { callback, toggle } from '../settings/values.js';
import { KEEP_EPOCHS } from './ermSettings.js';
import type { TrainedRun } from './results.js';
import {
  DATA_TYPES,
  type EpochOptions,
  PROTOCOL_TYPE,
  RUN_TYPE,
  SEED_TYPE,
  TENSORBOARD_TYPE,
} from './runOptions.js';

/** A training method, from which its command, studies and documents come: a file of `methods/` and an entry in `methods.ts`. */
export interface TrainingMethod {
  /** Also the command's and the result file's, such as `groupdro`. */
  readonly name: string;
  /** As papers write it, such as `GroupDRO`. */
  readonly title: string;
  /** One line, with its publication. */
  readonly description: string;
  /** Whether it starts from a dataset, like ERM, or from another run's model. */
  readonly startsFrom: 'data' | 'run';
  /** Whether a method that starts from a dataset may start from a run's model instead of a weights file. */
  readonly mayStartFromRun?: boolean;
  /** The split of which it needs examples of every group; default: none, because it uses no group labels. */
  readonly needsGroupsIn?: Split | undefined;
  /** Whether several processes can train it together: its loss of a batch is the mean over the examples. */
  readonly isDistributed?: boolean;
  /** Whether studies give it those settings of fine-tuning that it has. */
  readonly likeFinetuning?: boolean;
  /** In addition to the options of every run. */
  readonly settings: SettingsTable;
  /** Its own settings that follow from a study's ERM. */
  readonly inStudies?: (erm: {
    readonly epochs: number;
    readonly batchSize: number;
  }) => Readonly<Record<string, unknown>>;
  /** Trains or resumes a run. A method, not a property, so that each object can narrow the options. */
  train(options: EpochOptions): Promise<TrainedRun>;
}

/** Options of training methods besides their settings. */
const METHOD_TYPES: OptionTypes<EpochOptions> = {
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

/** Returns the options that a training method accepts; others are rejected. */
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
  // A run's data are the default; training itself checks them.
  const required = startsFrom === 'run' ? ['from'] : mayStartFromRun ? [] : ['data'];
  return { types, settings, required };
}
