import type { SampleImage } from '../data/dataDescription.js';
import type { Split } from '../data/split.js';
import type { ComparisonResult } from '../experiments/comparison.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { EpochMetrics, TrainingResult } from '../train/results.js';
import type { HistoryEntry } from '../train/runFolder.js';
import type { NamedGroups } from './views/groupLabels.js';

/** The data that the run trained on. */
export interface ReportDataset extends NamedGroups {
  readonly name: string;
  /** Names of the classes, [numClasses]; left out: their numbers. */
  readonly targetNames?: readonly string[];
  /** Examples of each group, [numGroups] for each split. */
  readonly counts: Readonly<Record<Split, readonly number[]>>;
  readonly samples?: readonly { readonly group: number; readonly images: readonly SampleImage[] }[];
}

/** What a run's folder holds in `results`, as far as it was measured. */
export interface RunResults {
  /** `results/<method>.json`, such as `erm.json` (article, Fig. 1). */
  readonly result?: TrainingResult | undefined;
  /** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11 and 12). */
  readonly traces: readonly TraceUnstructuredResult[];
  /** `results/trace-overlap.json` (article, Fig. 3). */
  readonly overlap?: TraceOverlapResult | undefined;
  /** `results/trace-structured.json` (article, Fig. 7). */
  readonly layers?: TraceStructuredResult | undefined;
  /** `results/trace-minimal.json`; the article has no such figure. */
  readonly minimal?: TraceMinimalResult | undefined;
  /** `results/grad-cam.json` (article, Fig. 10). */
  readonly gradCam?: GradCamResult | undefined;
}

/** What figures and tables are made of. */
export interface FigureSource extends RunResults {
  readonly dataset: ReportDataset;
}

/** Everything that the report shows: plain data, read by the caller from the run folder. */
export interface RunReport extends FigureSource {
  readonly title: string;
  /** The model's architecture. */
  readonly arch: string;
  /** The resolved configuration: name, value. */
  readonly config: readonly (readonly [string, string])[];
  /** The lines of `metrics.jsonl`, in order; empty when the run did not train. */
  readonly epochs: readonly EpochMetrics[];
  /** Ways on from this run, side by side. */
  readonly comparison?: ComparisonResult | undefined;
  /** The result of the run that this one started from. */
  readonly before?: TrainingResult | undefined;
  /** How its results came about, in the order in which they were written; empty for a run from before that was kept. */
  readonly history: readonly HistoryEntry[];
  /** Software that produced the run: name, version. */
  readonly versions: readonly (readonly [string, string])[];
}
