import { gradCam, type GradCamOptions } from '../experiments/gradCam.js';
import type { GradCamResult } from '../experiments/gradCamResult.js';
import { openEngine } from '../native/engine.js';
import { fig10 } from '../report/figures/gradCam/fig10.js';
import { writeReport } from '../report/writeReport.js';
import { readRunData } from '../train/runData.js';
import { openRun } from '../train/runFolder.js';
import { RunWriter } from '../train/runWriter.js';
import { type ReproducedFigure, writeFigures } from './figureFiles.js';

interface Fig10Result extends ReproducedFigure {
  readonly gradCam: GradCamResult;
  /** The report's path. */
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
  const run = await openRun(options.run);
  const result = await gradCam(options);
  const content = {
    results: { traces: [], gradCam: result },
    dataset: await readRunData(run),
    checkpoint: result.after.checkpoint,
    criteria: [],
    grid: [],
  };
  const folder = new RunWriter(run.folder.path, await openEngine(options));
  const [figure] = (await folder.locked(() => writeFigures(folder, [fig10], content), { waits: true })) as [
    ReproducedFigure,
  ];
  return { ...figure, gradCam: result, report: await writeReport({ run: options.run }) };
}
