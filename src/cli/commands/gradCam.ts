import type { Command } from 'commander';
import { gradCam } from '../../experiments/gradCam.js';
import type { GradCamResult } from '../../experiments/gradCamResult.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { heatParts, heatRows } from '../../report/figures/gradCam.js';
import { reproduceFig10 } from '../../reproduce/figureFiles.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, READING, SEED, settingsSet } from '../options.js';
import { figureTables, openGroups } from '../tables.js';
import { textTables } from '../textTable.js';

/** Grad-CAM's settings, and the session's settings that change its maps or speed. */
const SETTINGS = { ...TRACE_SETTINGS.gradCam, batchSize: TRACE_SETTINGS.session.batchSize } as const;

const RUNS = ownOptions<{ readonly run: string; readonly compare?: string; readonly data?: string }>(
  (command) =>
    command
      .requiredOption(
        '--run <run>',
        'run folder of a trained model, such as a fine-tuned one; its report shows the maps',
      )
      .option('--compare <run>', 'the run before, such as the ERM run that it started from')
      .option('--data <folder>', 'dataset folder (default: the one the run was trained on)'),
);
const OPTIONS = [RUNS, settingsSet(SETTINGS), ENGINE, SEED, READING] as const;

export function addCommand(command: Command): void {
  addJob(command, OPTIONS, async (given, output, control) => {
    const result = await gradCam({ ...given, ...control });
    const { groups, folder } = await openGroups(given.run);
    const path = folder.result(result.kind);
    const { tables } = heatParts(heatRows(result, []), groups);
    output.result(`${textTables(tables, output)}\nResult: ${path}`, {
      result: path,
      ...withoutImages(result),
    });
  });
}

/** Adds `reproduce fig10`. */
export function addFig10Command(reproduce: Command): void {
  const command = reproduce
    .command('fig10')
    .description('Fig. 10: heat maps of a fine-tuned run and of the ERM run before it, with the report');
  addJob(command, OPTIONS, async (given, output, control) => {
    const figure = await reproduceFig10({ ...given, ...control });
    const { json, csv, report } = figure;
    const text = [...figureTables([figure], output), `Results:\n  ${json}\n  ${csv}`, `Report: ${report}`];
    output.result(text.join('\n'), {
      run: given.run,
      report,
      figures: [json, csv],
      gradCam: withoutImages(figure.gradCam),
    });
  });
}

/** Returns the result without its examples' images, which take megabytes. */
function withoutImages({ examples, ...result }: GradCamResult): object {
  return {
    ...result,
    examples: examples.map(({ group, filename, before, after }) => ({
      group,
      filename,
      before: before && { share: before.share },
      after: { share: after.share },
    })),
  };
}
