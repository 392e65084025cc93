import type { Command } from 'commander';
import { addJob } from '../../cli/job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  addRunOptions,
  type ComputeOptions,
  pick,
  type RunOptions,
  sharedOptionsOf,
} from '../../cli/options.js';
import { addSettings, givenSettings } from '../../cli/settings.js';
import { openGroups } from '../../cli/tables.js';
import { textTables } from '../../cli/textTable.js';
import { withFiles } from '../../reproduce/figureFiles.js';
import { neuronAtlas, type NeuronAtlasOptions } from './atlas.js';
import { neurons as figure } from './figure.js';
import { ATLAS_SETTINGS } from './result.js';

interface NeuronsCommandOptions extends ComputeOptions, Omit<RunOptions, 'images'> {
  readonly neurons?: readonly string[];
  /** The dataset's folder of images, or false if none may be shown. */
  readonly images?: string | false;
}

export function addCommand(command: Command): void {
  addRunOptions(command, 'run folder of a trained model, whose report shows the neurons').option(
    '--neurons <neurons...>',
    'neurons to show, such as conv1[9] (default: the neurons that the run\u2019s traces chose, and as many random ones)',
  );
  addDatasetOptions(addComputeOptions(addSettings(command, ATLAS_SETTINGS)));
  // After the folder of images, which has no default then.
  command.option('--no-images', 'for confidential data: no image in the result or the run\u2019s report');
  addJob<NeuronsCommandOptions>(command, async ({ images = '', ...options }, output, control) => {
    const { atlas, json, csv, report, tables } = await reproduceNeurons({
      ...pick(options, 'run', 'data', 'seed'),
      neurons: options.neurons?.flatMap((names) => names.split(',')),
      showImages: images !== false,
      ...sharedOptionsOf({ ...options, images: images === false || images === '' ? undefined : images }),
      ...givenSettings(ATLAS_SETTINGS, options),
      ...control,
    });
    const result = (await openGroups(options.run)).folder.result(atlas.kind);
    const files = [result, json, csv].map((path) => `  ${path}`);
    // Images are megabytes.
    const bare = JSON.stringify({ ...atlas, pictures: undefined }, (key, value: unknown) =>
      key === 'map' || key === 'filter' ? undefined : value,
    );
    output.result([textTables(tables, output), 'Results:', ...files, `Report: ${report}`].join('\n'), {
      result,
      figures: [json, csv],
      report,
      ...(JSON.parse(bare) as object),
    });
  });
}

/** Makes the neuron atlas of a run, `results/neurons.json` and `results/neurons.csv` with a row for each neuron and group, and the report. */
export async function reproduceNeurons(options: NeuronAtlasOptions) {
  const atlas = await neuronAtlas(options);
  return { ...(await withFiles(options, figure, atlas, atlas.checkpoint)), atlas };
}
