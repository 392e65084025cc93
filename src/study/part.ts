import type { SessionOptions } from '../experiments/traceSession.js';
import type { CsvRow, Row } from '../kit/rows.js';
import type { Table } from '../kit/table.js';
import type { JobOptions } from '../progress.js';
import type { NamedChart } from '../report/vega/render.js';
import type { SettingsTable } from '../settings/setting.js';
import type * as z from '../zod.js';

/** One value of each setting. */
export type Combination = Readonly<Record<string, unknown>>;

/** Recorded results behind tables. */
export interface RecordSource {
  readonly name: string;
  readonly read: (table: string) => Promise<CsvRow[]>;
}

/** A run to measure; `from` is the run that it started from. */
export interface TracedRun extends SessionOptions {
  readonly from?: string | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

/** A measurement of a study's runs, with a table of records. A new one is an object, and an entry in `STUDY_TRACES` or in the traces of a part. */
export interface StudyTrace {
  readonly settings: SettingsTable;
  /** The columns that identify a run in the table: its seed, with the stage of training or arm, or with the tuned configuration. */
  readonly by: 'seed' | 'stage' | 'configuration';
  /** The settings in which two traces of an arm must differ, with the column that has them; default: an arm has one. */
  readonly apart?: Readonly<Record<string, string | null>>;
  /** Whether tests of neurons allow it of arms that they do not test. */
  readonly ofAnyArm?: true;
  /** Returns why it cannot measure an arm whose runs have these settings, if so. */
  readonly refusal?: (arm: string, settings: Combination) => string | undefined;
  /** Makes the rows; none if they are in files of the run. */
  readonly rows: (run: TracedRun, settings: Combination) => Promise<CsvRow[]>;
}

/** Builds a study's missing data. */
export interface DataMaker<Options = { readonly by: string }> {
  readonly name: string;
  /** The keys of `make` in a study's document; `by` is the maker's name. */
  readonly options: z.ZodObject<{ readonly by: z.ZodType<string> }>;
  /** The file that it writes last. */
  readonly last: string;
  make(folder: string, options: Options, seed: number, job: JobOptions): Promise<void>;
}

/** A part of studies of its own: what it measures, how it is tested, and what is shown of it. The rest knows parts by their list, `parts.ts`. */
export interface StudyPart<Tests = unknown> {
  /** The key of its tests in a study's document. */
  readonly name: string;
  /** Its heading in tables, after the data's name. */
  readonly heading: string;
  readonly traces: Readonly<Record<string, StudyTrace>>;
  readonly makers?: readonly DataMaker[];
  /** The schema of its tests in a study's document. */
  readonly tests: z.ZodType<Tests>;
  /** Returns its tables; none without records. */
  tables(tests: Tests | undefined, records: RecordSource): Promise<Table[]>;
  charts(tests: Tests | undefined, records: RecordSource): Promise<NamedChart[]>;
  /** Rows that are written next to the report, into `<data>-<name>.csv`. */
  readonly rows?: (records: RecordSource) => Promise<Row[]>;
}

/** Returns a run's options with a trace's settings. */
export function session(
  { from: _from, onStep: _onStep, ...run }: TracedRun,
  settings: Combination,
): SessionOptions {
  return { ...run, ...settings };
}
