import type { Protocol } from '../protocol.js';
import type { SettingsTable } from '../settings/setting.js';
import type { TrainedRun } from './results.js';
import type { EpochOptions } from './trainRun.js';

/**
 * A training method: one object that holds all that commands, studies and documents say of it. It is written in one file of
 * `methods/` and named in the list of `methods.ts`.
 */
export interface TrainingMethod {
  /** The command's word and the result file's name, such as `groupdro`. */
  readonly name: string;
  /** As papers write it, such as `GroupDRO`. */
  readonly title: string;
  /** One line, with its publication. */
  readonly description: string;
  /** What it starts from: a dataset, as ERM does, or another run's model. */
  readonly startsFrom: 'data' | 'run';
  /** Whether several processes can train it together: what it does with a batch is the mean over its examples. */
  readonly isDistributed?: boolean;
  /** Whether studies give it their settings of fine-tuning: those of its settings that are fine-tuning's own. */
  readonly likeFinetuning?: boolean;
  /** What it can be given, beside what every run takes. */
  readonly settings: SettingsTable;
  /** Its own settings in a study whose ERM has so many epochs and images in a batch, where they are not its defaults. */
  readonly inStudies?: (erm: {
    readonly epochs: number;
    readonly batchSize: number;
  }) => Readonly<Record<string, unknown>>;
  /** Trains a run, or goes on with it. A method, not a property: each object has options of its own. */
  train(options: MethodOptions): Promise<TrainedRun>;
}

/** Options of any training method, besides its settings, which are checked there. */
export interface MethodOptions extends Omit<EpochOptions, 'data'> {
  /** Default: the article's; of a method whose settings do not depend on it, that of the run that it starts from. */
  readonly protocol?: Protocol | undefined;
  readonly data?: EpochOptions['data'] | undefined;
  /** The folder of the run to start from, where it starts from one. */
  readonly from?: string | undefined;
}
