import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { GradCamOptions } from '../../experiments/gradCam.js';
import type { GradCamResult } from '../../experiments/gradCamResult.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { engineOptions } from '../../native/engine.js';
import type { JobOptions } from '../../progress.js';
import { addJob } from '../job.js';
import { openResult } from '../openResult.js';
import {
  addComputeOptions,
  addDatasetOptions,
  chosenDatasetOptions,
  type ComputeOptions,
} from '../options.js';
import { addSettings, givenSettings } from '../settings.js';

export interface GradCamCommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly compare?: string;
  readonly data?: string;
}

/** Grad-CAM's settings, and those of its session that change its maps or its speed. */
const SETTINGS = { ...TRACE_SETTINGS.gradCam, batchSize: TRACE_SETTINGS.session.batchSize } as const;

export function addGradCamCommand(command: Command): void {
  addJob<GradCamCommandOptions>(addGradCamOptions(command), async (options, output, control) => {
    const [{ gradCam }, { gradCamTable }] = await Promise.all([
      import('../../experiments/gradCam.js'),
      import('../gradCamTable.js'),
    ]);
    const result = await gradCam(gradCamOptionsOf(options, control));
    const { data, path } = await openResult(options.run, result.kind);
    output.result(`${gradCamTable(data, result, output.color)}\nResult: ${path}`, {
      result: path,
      ...withoutImages(result),
    });
  });
}

/** What `gradcam` and its preset take. */
export function addGradCamOptions(command: Command): Command {
  command
    .requiredOption(
      '--run <run>',
      'run folder of a trained model, such as a fine-tuned one; its report shows the maps',
    )
    .option('--compare <run>', 'the run before, such as the ERM run that it started from')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
  return addDatasetOptions(addComputeOptions(addSettings(command, SETTINGS)));
}

/** The library's options. */
export function gradCamOptionsOf(options: GradCamCommandOptions, control: JobOptions): GradCamOptions {
  const { run, compare, data, seed } = options;
  return {
    run,
    compare,
    data,
    seed,
    ...engineOptions(options),
    ...givenSettings(SETTINGS, options),
    ...control,
    datasetOptions: chosenDatasetOptions(options),
  };
}

/** The result without its examples' images, which are megabytes. */
export function withoutImages({ examples, ...result }: GradCamResult): object {
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
