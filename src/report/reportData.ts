import type { SampleImage } from '../data/dataDescription.js';
import type { Split } from '../data/split.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { EpochMetrics, TrainingResult } from '../train/metrics.js';

/** The data that the run trained on. */
export interface ReportDataset {
  readonly name: string;
  /** Name of each group g = y * numSpurious + a, [numGroups]; the number of groups of the whole report. */
  readonly groupNames: readonly string[];
  /** Indices of the minority groups; the article stars them. */
  readonly minorityGroups: readonly number[];
  /** Examples of each group, [numGroups] for each split. */
  readonly counts: Readonly<Record<Split, readonly number[]>>;
  readonly samples?: readonly { readonly group: number; readonly images: readonly SampleImage[] }[];
}

/** Everything that the report shows: plain data, read by the caller from the run folder. */
export interface RunReport {
  readonly title: string;
  readonly dataset: ReportDataset;
  /** The resolved configuration: name, value. */
  readonly config: readonly (readonly [string, string])[];
  /** The lines of `metrics.jsonl`, in order; empty when the run did not train. */
  readonly epochs: readonly EpochMetrics[];
  /** `results/<method>.json`, such as `erm.json` (article, Fig. 1). */
  readonly result?: TrainingResult;
  /** The result of the run that this one started from. */
  readonly before?: TrainingResult;
  /** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11 and 12). */
  readonly traces: readonly TraceUnstructuredResult[];
  /** `results/trace-overlap.json` (article, Fig. 3). */
  readonly overlap?: TraceOverlapResult;
  /** `results/trace-structured.json` (article, Fig. 7). */
  readonly layers?: TraceStructuredResult;
  /** `results/grad-cam.json` (article, Fig. 10). */
  readonly gradCam?: GradCamResult;
  /** Software that produced the run: name, version. */
  readonly versions: readonly (readonly [string, string])[];
}
