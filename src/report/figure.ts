import type { SampleImage } from '../data/dataDescription.js';
import type { Split } from '../data/split.js';
import type { ComparisonResult } from '../experiments/comparison.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import type { Trace, Traced } from '../experiments/traces.js';
import type { CsvRow, Row } from '../kit/rows.js';
import type { Table } from '../kit/table.js';
import type { PerturbationName } from '../neurons/perturbations.js';
import type { SelectedCheckpoint } from '../train/ermSettings.js';
import type { EpochMetrics, TrainingResult } from '../train/results.js';
import type { HistoryEntry } from '../train/runFolder.js';
import type { Groups, NamedGroups } from './groupLabels.js';
import type { Markup } from './html/html.js';
import type { Chart, NamedChart } from './vega/render.js';

/** The data that the run trained on. */
export interface ReportDataset extends NamedGroups {
  readonly name: string;
  /** Names of the classes, [numClasses]; left out: their numbers. */
  readonly targetNames?: readonly string[];
  /** Names of the attribute's values, [numSpurious]. */
  readonly spuriousNames?: readonly string[];
  /** The attribute's name in a sentence, such as `digit`. */
  readonly attribute?: string;
  /** The table of ticks that the groups are. */
  readonly ticks?: string | undefined;
  /** Examples of each group, [numGroups] for each split. */
  readonly counts: Readonly<Record<Split, readonly number[]>>;
  readonly samples?: readonly { readonly group: number; readonly images: readonly SampleImage[] }[];
}

/** The results in a run's folder, as far as they were measured. */
export interface RunResults {
  /** `results/<method>.json`, such as `erm.json` (article, Fig. 1). */
  readonly result?: TrainingResult | undefined;
  /** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11 and 12). */
  readonly traces: readonly TraceUnstructuredResult[];
  /** Results of the other traces, one each. */
  readonly made?: readonly Traced[];
}

/** The result of a trace, if the source has it. */
export function resultOf<Result extends Traced>(
  { made = [] }: RunResults,
  { kind }: Trace<Result>,
): Result | undefined {
  return made.find((one): one is Result => one.kind === kind);
}

/** The source of figures and tables. */
export interface FigureSource extends RunResults {
  readonly dataset: ReportDataset;
}

/** A model's accuracies on every split, and its training method. */
export type Measured = Pick<TrainingResult, 'kind' | Split>;

/** Everything that the report shows, read by the caller from the run folder. */
export interface RunReport extends FigureSource {
  readonly title: string;
  /** The model's architecture. */
  readonly arch: string;
  /** One line on what the network is fed; runs of earlier versions may lack it. */
  readonly input?: string | undefined;
  /** The resolved configuration: name, value. */
  readonly config: readonly (readonly [string, string])[];
  /** The measurements of the epochs; empty when the run did not train. */
  readonly epochs: readonly EpochMetrics[];
  /** What the run selects its checkpoint by; the result says it of a finished one. */
  readonly select?: SelectedCheckpoint | undefined;
  /** Retrainings of this run, side by side. */
  readonly comparison?: ComparisonResult | undefined;
  /** The checkpoint that it is, if it was trained elsewhere: its file's name and SHA-256. */
  readonly adopted?: { readonly file: string; readonly sha256: string } | undefined;
  /** The measurements of the run that this one started from, on the same groups. */
  readonly before?: Measured | undefined;
  /** Finished runs next to it that started from it: their folders' names and worst-group test accuracies. */
  readonly repairs?: readonly { readonly run: string; readonly worst: number }[];
  /** The origin of its results, in the order in which they were written. */
  readonly history: readonly HistoryEntry[];
  /** Software that produced the run: name, version. */
  readonly versions: readonly (readonly [string, string])[];
}

/** An unstructured trace that a figure shows: all its k under all its standard deviations, for the article's criteria. */
export interface TraceNeed {
  readonly perturbation: PerturbationName;
  readonly split: Split;
  readonly topK: readonly number[];
  /** Those of them that it compares with random ones, where a user asks for nothing else. */
  readonly compared: readonly number[];
  /** Empty where nothing is drawn. */
  readonly sigmas: readonly number[];
  /** Whether a user may choose others in their place. */
  readonly isGrid?: boolean;
}

/** The results that a figure takes from a run's folder; missing ones are made. */
export interface FigureNeeds {
  /** Unstructured traces. */
  readonly traces?: readonly TraceNeed[];
  readonly others?: readonly Trace[];
}

/** The drawn form of a chart of the section; undefined where nothing is drawn. */
export type Drawn = (chart: NamedChart) => Chart | undefined;

/** A figure, or another section of the report, of some results. Computes each part at most once. */
export interface Section {
  /** The section's anchor in the report, and its heading. */
  readonly id: string;
  readonly title: string;
  /** Its numbers in words: one sentence before its charts and tables, and others after them. */
  readonly verdict?: readonly string[] | undefined;
  /** A picture of its verdict, for the top of a run's report. */
  readonly opening?: readonly NamedChart[];
  /** Its charts, named as their files: `fig1`, `fig2-gradient`. */
  readonly charts?: readonly NamedChart[];
  /** Its tables for a terminal. */
  readonly tables?: readonly Table[];
  /** Its JSON and CSV, which the page holds: a name without an ending, and rows with the same columns. */
  readonly data?: { readonly name: string; readonly rows: readonly CsvRow[] };
  /** The section's text, with its charts and the page's tables; left out where the report has no such section. */
  readonly prose?: (drawn: Drawn) => Markup | Promise<Markup>;
}

/** Makes a section; undefined where the source holds nothing to show. */
export type Show<Source = FigureSource> = (source: Source, groups: Groups) => Section | undefined;

/** What a figure makes of rows. */
export interface FigureParts {
  /** Its claims, a sentence each. */
  readonly verdict: readonly string[];
  readonly opening?: readonly NamedChart[];
  readonly charts: readonly NamedChart[];
  readonly tables: readonly Table[];
}

/** A figure or table, of the article's Part I or beyond it: what it takes, and what it shows. `figures.ts` lists all of them. */
export interface Figure {
  /** As in file names and commands: `fig2`, `table3`. */
  readonly name: string;
  readonly title: string;
  /** Whether the article has no such figure, so that all of its Part I leave it out. */
  readonly beyondArticle?: boolean;
  readonly needs: FigureNeeds;
  readonly show: Show;
  /** Its charts, tables and claims over models, from rows of `overModels`; left out for a figure that shows one run alone. */
  readonly parts?: (rows: readonly Row[], groups: Groups) => FigureParts;
  /** The report's sections for it, in order, which it may share with other figures; default: `show`. */
  readonly sections?: readonly Show<RunReport>[];
}
