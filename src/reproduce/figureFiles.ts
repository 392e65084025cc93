import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from '../files.js';
import type { CriterionName } from '../neurons/criteria.js';
import type { Figure, FigureRow, ReportDataset, RunResults } from '../report/figure.js';
import { groupLabels } from '../report/groupLabels.js';
import type { Table } from '../report/table.js';
import type { RunWriter } from '../train/runWriter.js';
import { neededOf } from './articleFigures.js';

/** `results/<figure>.json`: what a figure or table shows, a row a measurement; the same rows are in its CSV. */
export interface FigureResult {
  /** The figure's name. */
  readonly kind: string;
  readonly title: string;
  readonly checkpoint: string;
  /** One: the numbers do not show how models differ. */
  readonly models: 1;
  readonly rows: readonly FigureRow[];
}

/** The same with the paths of its files, and its numbers as tables for a terminal. */
export interface ReproducedFigure extends FigureResult {
  readonly json: string;
  readonly csv: string;
  readonly tables: readonly Table[];
}

/** Writes `results/<figure>.json` and `results/<figure>.csv` of some figures, in a folder that is locked. */
export async function writeFigures(
  folder: RunWriter,
  figures: readonly Figure[],
  { results, dataset, checkpoint, criteria, grid }: FigureContent,
): Promise<ReproducedFigure[]> {
  const groups = groupLabels(dataset);
  const written: ReproducedFigure[] = [];
  for (const { name, title, needs, show } of figures) {
    const shown = show({ ...neededOf(results, needs, criteria, grid), dataset }, groups);
    const rows = shown?.data?.rows ?? [];
    const result: FigureResult = { kind: name, title, checkpoint, models: 1, rows };
    await folder.writeResult(name, result);
    const json = folder.result(name);
    const csv = json.replace(/json$/, 'csv');
    await writeAtomic(csv, stringify([...result.rows], { header: true }));
    written.push({ ...result, json, csv, tables: shown?.tables ?? [] });
  }
  return written;
}

interface FigureContent {
  readonly results: RunResults;
  readonly dataset: ReportDataset;
  /** sha256 of the weights that the results are of. */
  readonly checkpoint: string;
  /** Of neurons that are shown. */
  readonly criteria: readonly CriterionName[];
  /** Standard deviations of figures that show several, where others than their own were chosen. */
  readonly grid: readonly number[] | undefined;
}
