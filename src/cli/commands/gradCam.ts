import type { Command } from 'commander';
import { gradCam, type GradCamOptions } from '../../experiments/gradCam.js';
import type { GradCamResult } from '../../experiments/gradCamResult.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import type { JobOptions } from '../../progress.js';
import { heatParts, heatRows } from '../../report/figures/gradCam.js';
import { reproduceFig10 } from '../../reproduce/figureFiles.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  type ComputeOptions,
  pick,
  type RunOptions,
  sharedOptionsOf,
} from '../options.js';
import { addSettings, givenSettings } from '../settings.js';
import { figureTables, openGroups } from '../tables.js';
import { textTables } from '../textTable.js';

type GradCamCommandOptions = ComputeOptions & RunOptions & { readonly compare?: string };

/** Grad-CAM's settings, and the session's settings that change its maps or speed. */
const SETTINGS = { ...TRACE_SETTINGS.gradCam, batchSize: TRACE_SETTINGS.session.batchSize } as const;

export function addCommand(command: Command): void {
  addJob<GradCamCommandOptions>(addGradCamOptions(command), async (options, output, control) => {
    const result = await gradCam(gradCamOptionsOf(options, control));
    const { groups, folder } = await openGroups(options.run);
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
  addJob<GradCamCommandOptions>(addGradCamOptions(command), async (options, output, control) => {
    const figure = await reproduceFig10(gradCamOptionsOf(options, control));
    const { json, csv, report } = figure;
    const text = [...figureTables([figure], output), `Results:\n  ${json}\n  ${csv}`, `Report: ${report}`];
    output.result(text.join('\n'), {
      run: options.run,
      report,
      figures: [json, csv],
      gradCam: withoutImages(figure.gradCam),
    });
  });
}

function addGradCamOptions(command: Command): Command {
  command
    .requiredOption(
      '--run <run>',
      'run folder of a trained model, such as a fine-tuned one; its report shows the maps',
    )
    .option('--compare <run>', 'the run before, such as the ERM run that it started from')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
  return addDatasetOptions(addComputeOptions(addSettings(command, SETTINGS)));
}

/** Returns the options for the library. */
function gradCamOptionsOf(options: GradCamCommandOptions, control: JobOptions): GradCamOptions {
  return {
    ...pick(options, 'run', 'compare', 'data', 'seed'),
    ...sharedOptionsOf(options),
    ...givenSettings(SETTINGS, options),
    ...control,
  };
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
