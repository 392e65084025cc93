import type { Protocol } from '../protocol.js';
import type { SettingsTable } from '../settings/setting.js';
import type { TrainedRun } from './results.js';
import type { EpochOptions } from './runOptions.js';

/** A training method, from which its command, studies and documents come: a file of `methods/` and an entry in `methods.ts`. */
export interface TrainingMethod {
  /** Also the command's and the result file's, such as `groupdro`. */
  readonly name: string;
  /** As papers write it, such as `GroupDRO`. */
  readonly title: string;
  /** One line, with its publication. */
  readonly description: string;
  /** A dataset, as ERM does, or another run's model. */
  readonly startsFrom: 'data' | 'run';
  /** Whether a method that starts from a dataset may start from a run's model instead of a weights file. */
  readonly mayStartFromRun?: boolean;
  /** Whether several processes can train it together: its loss of a batch is the mean over the examples. */
  readonly isDistributed?: boolean;
  /** Whether studies give it those settings of fine-tuning that it has. */
  readonly likeFinetuning?: boolean;
  /** Beside the options of every run. */
  readonly settings: SettingsTable;
  /** Its own settings that follow from a study's ERM. */
  readonly inStudies?: (erm: {
    readonly epochs: number;
    readonly batchSize: number;
  }) => Readonly<Record<string, unknown>>;
  /** Trains a run, or goes on with it. A method, not a property: each object takes options of its own. */
  train(options: MethodOptions): Promise<TrainedRun>;
}

/** Options of any training method, besides its settings, which are checked there. */
export interface MethodOptions extends Omit<EpochOptions, 'data'> {
  /** Default: the article's, or that of the run that it starts from (`protocolOf`). */
  readonly protocol?: Protocol | undefined;
  readonly data?: EpochOptions['data'] | undefined;
  /** The folder of the run to start from. */
  readonly from?: string | undefined;
}
