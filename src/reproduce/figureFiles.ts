import { writeCsv } from '../csvFile.js';
import { gradCam, type GradCamOptions } from '../experiments/gradCam.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import type { TraceStructuredResult } from '../experiments/results.js';
import { structured, type Traced } from '../experiments/traces.js';
import type { CsvRow } from '../kit/rows.js';
import type { Table } from '../kit/table.js';
import { type EngineOptions, openEngine } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import type { Figure, FigureNeeds, ReportDataset, RunResults } from '../report/figure.js';
import { fig10 } from '../report/figures/gradCam.js';
import { groupLabels } from '../report/groupLabels.js';
import { neededTraces } from '../report/needs.js';
import { writeReport } from '../report/writeReport.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { RunWriter } from '../train/runWriter.js';

/** `results/<figure>.json`: a figure or table, a row a measurement; the same rows are in its CSV. */
interface FigureResult {
  readonly kind: string;
  readonly title: string;
  readonly checkpoint: string;
  readonly models: 1;
  readonly rows: readonly CsvRow[];
}

/** The same with the paths of its files, and tables for a terminal. */
export interface ReproducedFigure extends FigureResult {
  readonly json: string;
  readonly csv: string;
  readonly tables: readonly Table[];
}

/** Writes `results/<figure>.json` and `results/<figure>.csv` in a folder that is locked. */
export async function writeFigures(
  folder: RunWriter,
  figures: readonly Figure[],
  { results, dataset, checkpoint, criteria }: FigureContent,
): Promise<ReproducedFigure[]> {
  const groups = groupLabels(dataset);
  const written: ReproducedFigure[] = [];
  for (const { name, title, needs, show } of figures) {
    const shown = show({ ...shownBy(needs, results, criteria), dataset }, groups);
    const rows = shown?.data?.rows ?? [];
    const result: FigureResult = { kind: name, title, checkpoint, models: 1, rows };
    await folder.writeResult(name, result);
    const json = folder.result(name);
    const csv = json.replace(/json$/, 'csv');
    await writeCsv(csv, result.rows);
    written.push({ ...result, json, csv, tables: shown?.tables ?? [] });
  }
  return written;
}

interface FigureContent {
  readonly results: RunResults;
  readonly dataset: ReportDataset;
  /** sha256 of the weights that the results are of. */
  readonly checkpoint: string;
  /** The criteria that were asked for, of which traces may hold more. */
  readonly criteria: readonly string[];
}

/** What a figure needs of some results, by the criteria that were asked for. */
function shownBy(
  { traces: needs = [] }: FigureNeeds,
  results: RunResults,
  criteria: readonly string[],
): RunResults {
  const isAsked = ({ criterion }: { readonly criterion: string }): boolean => criteria.includes(criterion);
  return {
    ...results,
    made: (results.made ?? []).map((one) =>
      one.kind === structured.kind
        ? { ...one, entries: (one as TraceStructuredResult).entries.filter(isAsked) }
        : one,
    ),
    traces: neededTraces(results.traces, needs).map((trace) => ({
      ...trace,
      entries: trace.entries.filter(isAsked),
    })),
  };
}

interface Fig10Result extends ReproducedFigure {
  readonly gradCam: GradCamResult;
  readonly report: string;
}

/**
 * Reproduces the article's Fig. 10, ERM and fine-tuned (it shows layer4.2.conv3 and output 0 of ResNet-50), with the share of the
 * heat in the core region. Writes `results/grad-cam.json`, `results/fig10.json`, `results/fig10.csv`, and the report of `run`.
 */
export async function reproduceFig10(options: GradCamOptions): Promise<Fig10Result> {
  const result = await gradCam(options);
  const made = await withFiles(options, fig10, result, result.after.checkpoint);
  return { ...made, gradCam: result };
}

/** Writes a figure's files and the run's report. */
export async function withFiles(
  options: EngineOptions & JobOptions & { readonly run: string },
  figure: Figure,
  made: Traced,
  checkpoint: string,
): Promise<ReproducedFigure & { readonly report: string }> {
  const run = await openRun(options.run);
  const content = {
    results: { traces: [], made: [made] },
    dataset: await readRunData(run),
    checkpoint,
    criteria: [],
  };
  using context = await openEngine(options);
  const folder = new RunWriter(run.folder.path, context, options);
  const [written] = (await folder.locked(() => writeFigures(folder, [figure], content), {
    waits: true,
  })) as [ReproducedFigure];
  return { ...written, report: await writeReport({ run: options.run, signal: options.signal }) };
}
