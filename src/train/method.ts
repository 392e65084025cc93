import type { Dataset } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import type { Program } from '../models/exported/program.js';
import type { Loading } from '../models/weights.js';
import { ENGINE_TYPES } from '../native/engine.js';
import { type Accepted, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { dependsOnProtocol, type SettingsTable } from '../settings/setting.js';
import { callback, toggle } from '../settings/values.js';
import { KEEP_EPOCHS } from './ermSettings.js';
import type { INPUT_SETTINGS } from './inputSettings.js';
import type { Run, Task } from './run.js';
import type { RunConfig } from './runConfig.js';
import {
  DATA_TYPES,
  type OptionsOf,
  PROTOCOL_TYPE,
  RUN_TYPE,
  type RunOptions,
  SEED_TYPE,
  TENSORBOARD_TYPE,
} from './runOptions.js';

/**
 * A training method, from which its command, studies and documents come: a file of `methods/` and an entry in `methods.ts`. Plain data;
 * `make` trains.
 */
export interface TrainingMethod<
  Config extends RunConfig = RunConfig,
  Options extends RunOptions = RunOptions,
> {
  /** Also the command's and the result file's, such as `groupdro`. */
  readonly name: string;
  /** As papers write it, such as `GroupDRO`. */
  readonly title: string;
  /** One line, with its publication. */
  readonly description: string;
  /** Whether it starts from a dataset, from another run's model, or from a dataset with a run's model in place of a weights file. */
  readonly startsFrom: 'data' | 'run' | 'either';
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
  // Methods, not properties, so that each object can narrow their types.
  /** Resolves what the run starts from; `fromData` and `fromRun` do. Throws `USAGE`, and what reading a run or a file throws. */
  start(options: Options): Promise<Start<Config>>;
  task(run: Run<Config>, options: Options): Task | Promise<Task>;
}

/** What a run starts from. */
export interface Start<Config extends RunConfig = RunConfig> {
  /** The given options, with those of the run that it starts from. */
  readonly options: OptionsOf<typeof INPUT_SETTINGS> & { readonly data: string | Dataset };
  /** The file with the initial weights; undefined: those of the program, or random ones from the seed. */
  readonly weights: string | undefined;
  /** The file of the program to train, the program's name in messages, and which of its outputs are the logits. */
  readonly program:
    | { readonly path: string; readonly name: Program['name']; readonly output?: number | undefined }
    | undefined;
  /** The configuration of the run that it starts from. */
  readonly inherited?: RunConfig | undefined;
  /** Set if the checkpoint's head stays; by default one of other classes is replaced. */
  readonly keepsHead?: Loading['keepsHead'];
  /** Resolves the settings. Throws `USAGE`. */
  configOf(dataset: Dataset, program: Program | undefined): Config | Promise<Config>;
  /** Whether the initial weights are measured, too: the run that they are of was not measured on these groups. */
  readonly measuresStart?: (config: RunConfig) => boolean;
}

/** Options of training methods besides their settings. */
const METHOD_TYPES: OptionTypes<RunOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  from: RUN_TYPE,
  out: RUN_TYPE,
  resume: toggle(),
  seed: SEED_TYPE,
  protocol: PROTOCOL_TYPE,
  keepEpochs: KEEP_EPOCHS.type,
  keepState: toggle(),
  tensorboard: TENSORBOARD_TYPE,
  syncBatchNorm: toggle(),
  onStart: callback(),
  onEpoch: callback(),
};

/** Returns the options that a training method accepts; others are rejected. */
export function acceptedBy({
  settings,
  startsFrom,
  isDistributed,
}: Pick<TrainingMethod, 'settings' | 'startsFrom' | 'isDistributed'>): Accepted {
  const { from, protocol, keepEpochs, keepState, tensorboard, onEpoch, syncBatchNorm, ...all } = METHOD_TYPES;
  const types = {
    ...all,
    ...(startsFrom === 'data' ? {} : { from }),
    ...(dependsOnProtocol(settings) ? { protocol } : {}),
    ...('epochs' in settings ? { keepEpochs, keepState, tensorboard, onEpoch } : {}),
    ...(isDistributed === true ? { syncBatchNorm } : {}),
  };
  // A run's data are the default; training itself checks them.
  const required = { run: ['from'], either: [], data: ['data'] }[startsFrom];
  return { types, settings, required };
}
