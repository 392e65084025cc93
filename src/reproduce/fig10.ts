import { stringify } from 'csv-stringify/sync';
import { loadDataset, type Dataset } from '../data/dataset.js';
import { gradCam, type GradCamOptions } from '../experiments/gradCam.js';
import type { GradCamResult, GroupHeat, MeanShare } from '../experiments/gradCamResult.js';
import { writeAtomic } from '../files.js';
import { writeReport } from '../report/writeReport.js';
import { openRun } from '../train/runFolder.js';
import type { FigureRow } from './figureRows.js';

export interface Fig10Result {
  readonly dataset: Dataset;
  readonly gradCam: GradCamResult;
  readonly rows: readonly FigureRow[];
  /** Paths of `results/fig10.json`, `results/fig10.csv` and the report. */
  readonly json: string;
  readonly csv: string;
  readonly report: string;
}

/**
 * Reproduces the article's Fig. 10, ERM beside fine-tuned, with a number for it: the share of the heat in the core region. The
 * article shows layer4.2.conv3 and output 0 of ResNet-50. Writes `results/grad-cam.json`, the numbers as
 * `results/fig10.json` and `results/fig10.csv`, and the report of `run`.
 *
 * @throws what `gradCam` and `writeReport` throw
 */
export async function reproduceFig10(options: GradCamOptions): Promise<Fig10Result> {
  const { folder, environment } = await openRun(options.run);
  const { data = environment.data } = options;
  const dataset =
    typeof data === 'string'
      ? await loadDataset(data, options.datasetOptions ?? environment.dataOptions)
      : data;
  const result = await gradCam({ ...options, data: dataset });
  const rows = heatRows(result, dataset.groupNames);
  const json = folder.result('fig10');
  const csv = json.replace(/json$/, 'csv');
  await folder.locked(async () => {
    const { checkpoint } = result.after;
    await folder.writeResult('fig10', { kind: 'fig10', title: 'Grad-CAM', checkpoint, rows });
    await writeAtomic(csv, stringify([...rows], { header: true }));
  });
  const report = await writeReport({ run: options.run, data: dataset.folder });
  return { dataset, gradCam: result, rows, json, csv, report };
}

/** A row for each group: its share of the heat before and after, and their difference. */
function heatRows(
  { split, layer, output, groups, before, after }: GradCamResult,
  groupNames: readonly string[],
): FigureRow[] {
  return groups.map((group) => ({
    ...{
      split,
      layer,
      output,
      group: group.group,
      name: groupNames[group.group] ?? '',
      images: group.images,
    },
    ...(before ? { before: before.run, ...heatColumns('before', group.before) } : {}),
    ...{ after: after.run, ...heatColumns('after', group.after) },
    ...(before ? meanColumns('difference', group.difference) : {}),
  }));
}

function heatColumns(when: 'before' | 'after', heat: GroupHeat | null): FigureRow {
  return { ...meanColumns(`${when}Share`, heat?.share ?? null), [`${when}Blank`]: heat?.blank ?? null };
}

function meanColumns(name: string, share: MeanShare | null): FigureRow {
  return {
    [name]: share?.mean ?? null,
    [`${name}Low`]: share?.interval[0] ?? null,
    [`${name}High`]: share?.interval[1] ?? null,
    [`${name}Images`]: share?.images ?? null,
  };
}
