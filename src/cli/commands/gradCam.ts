import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { SPLITS, type Split } from '../../data/split.js';
import type { GradCamOptions } from '../../experiments/gradCam.js';
import type { GradCamResult } from '../../experiments/gradCamResult.js';
import type { JobOptions } from '../../progress.js';
import { runJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  choice,
  chosenDatasetOptions,
  integer,
  type ComputeOptions,
} from '../options.js';

export interface GradCamCommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly compare?: string;
  readonly data?: string;
  readonly layer?: string;
  readonly output: number;
  readonly split: Split;
  readonly samples: number;
  readonly examples: number;
  readonly batchSize?: number;
}

export function addGradCamCommand(command: Command): void {
  addGradCamOptions(command).action(async (options: GradCamCommandOptions) => {
    await runJob(options, async (output, control) => {
      const [{ gradCam }, { gradCamTable }, { openRun }, { loadDataset }] = await Promise.all([
        import('../../experiments/gradCam.js'),
        import('../gradCamTable.js'),
        import('../../train/runFolder.js'),
        import('../../data/dataset.js'),
      ]);
      const library = gradCamOptionsOf(options, control);
      const result = await gradCam(library);
      const { folder, environment } = await openRun(options.run);
      const dataset = await loadDataset(
        options.data ?? environment.data,
        library.datasetOptions ?? environment.dataOptions,
      );
      const path = folder.result(result.kind);
      output.result(`${gradCamTable(dataset, result)}\nResult: ${path}`, {
        result: path,
        ...withoutImages(result),
      });
    });
  });
}

/** What `gradcam` and its preset take. */
export function addGradCamOptions(command: Command): Command {
  return addDatasetOptions(
    addComputeOptions(
      command
        .requiredOption(
          '--run <run>',
          'run folder of a trained model, such as a fine-tuned one; its report shows the maps',
        )
        .option('--compare <run>', 'the run before, such as the ERM run that it started from')
        .option('--data <folder>', 'dataset folder (default: the one the run was trained on)')
        .option(
          '--layer <name>',
          'a convolution, or a block\u2019s LayerNorm (default: the last; ResNet-50: layer4.2.conv3)',
        )
        .addOption(integer('--output <n>', 'the class whose logit the maps speak for', 0).default(0))
        .addOption(choice('--split <split>', 'whose images are mapped', SPLITS).default('test'))
        .addOption(integer('--samples <n>', 'images of each group, drawn by the seed', 1).default(128))
        .addOption(integer('--examples <n>', 'images of each group that the report shows', 0).default(3))
        .addOption(integer('--batch-size <n>', 'batch size (default: the run\u2019s)', 1)),
    ),
  );
}

/** The library's options. */
export function gradCamOptionsOf(options: GradCamCommandOptions, control: JobOptions): GradCamOptions {
  return { ...options, ...control, datasetOptions: chosenDatasetOptions(options) };
}

/** The result without its examples' images, which are megabytes. */
export function withoutImages({ examples, ...result }: GradCamResult): object {
  return {
    ...result,
    examples: examples.map(({ group, filename, before, after }) => ({
      ...{ group, filename, before: before && { share: before.share }, after: { share: after.share } },
    })),
  };
}
