import type { Dataset, DatasetOptions } from '../data/dataset.js';
import { DATASET_OPTIONS } from '../data/datasetOptions.js';
import type { EngineOptions } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import { type Protocol, PROTOCOLS } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import type { GivenOf, SettingsTable } from '../settings/setting.js';
import { either, integer, objectWith, oneOf, optionsObject, text, toggle } from '../settings/values.js';
import type { EpochMetrics } from './results.js';
import type { RunConfig } from './runConfig.js';

/** The options of every run besides its settings. The last four are those of methods with epochs. */
export interface RunOptions extends JobOptions, EngineOptions {
  /** The dataset or its folder; default: that of `from`. */
  readonly data?: string | Dataset | undefined;
  /** How to read the folder, where its files do not say. */
  readonly datasetOptions?: DatasetOptions | undefined;
  /** The folder of the run to start from. */
  readonly from?: string | undefined;
  /** The run's folder; default: one in `runs/` named by the method and the dataset. */
  readonly out?: string | undefined;
  /** Default: 0. */
  readonly seed?: number | undefined;
  /** Default: the article's, or that of the run that it starts from (`protocolOf`). */
  readonly protocol?: Protocol | undefined;
  /** Whether batch-norm of several processes takes its statistics over the whole batch; default: no. */
  readonly syncBatchNorm?: boolean | undefined;
  /** Called before anything is written; what it throws is thrown. */
  readonly onStart?: ((start: RunStart) => void) | undefined;
  /** Continue the run in `out` from its last epoch; default: no. */
  readonly resume?: boolean | undefined;
  /** Epochs whose weights are kept in addition to the selected, the last, and the one that fine-tuning starts from; 0: before the first. */
  readonly keepEpochs?: readonly number[] | undefined;
  /** Keeps the optimizer's state when the run is finished, so that `resume` can train more epochs; default: no. */
  readonly keepState?: boolean | undefined;
  /**
   * Writes curves and settings as TensorBoard's event files into a folder for all runs, below this run's path; true:
   * into `tensorboard` in the run's folder. Default: none.
   */
  readonly tensorboard?: string | boolean | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics, run: EpochContext) => void) | undefined;
}

/** The options of a training method with those settings; omitted settings take the protocol's values. */
export type OptionsOf<Settings extends SettingsTable> = RunOptions & GivenOf<Settings>;

/** A run that is about to begin or resume. */
export interface RunStart {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  /** One line on what the network is fed. */
  readonly input: string;
  /** The run's folder. */
  readonly out: string;
}

/** The run of an epoch. */
interface EpochContext {
  /** [numGroups] */
  readonly groupNames: readonly string[];
  /** Epochs of the whole run. */
  readonly epochs: number;
  /** The name of a model that is trained first, such as JTT's `identification`. */
  readonly stage?: string;
}

export const DATA_TYPES = {
  data: either(text('a dataset\u2019s folder'), objectWith('what loadDataset gives', 'folder', 'splits')),
  datasetOptions: optionsObject(
    'an object with options of loadDataset',
    DATASET_OPTIONS.map(({ name }) => name),
  ),
} as const;

export const SEED_TYPE = integer(...RANGES.seed);
export const PROTOCOL_TYPE = oneOf(PROTOCOLS);
export const RUN_TYPE = text('a run\u2019s folder');

export const TENSORBOARD_TYPE = either(text('a folder'), toggle());
