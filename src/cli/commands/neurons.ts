import type { Command } from 'commander';
import type { AtlasResult } from '../../experiments/atlas/atlasResult.js';
import { TRACE_SETTINGS } from '../../experiments/traceSettings.js';
import { reproduceNeurons } from '../../reproduce/figureFiles.js';
import { addJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  addRunOptions,
  type ComputeOptions,
  pick,
  type RunOptions,
  sharedOptionsOf,
} from '../options.js';
import { addSettings, givenSettings } from '../settings.js';
import { openGroups } from '../tables.js';
import { textTables } from '../textTable.js';

interface NeuronsCommandOptions extends ComputeOptions, Omit<RunOptions, 'images'> {
  readonly neurons?: readonly string[];
  /** The dataset's folder of images, or false where none may be shown. */
  readonly images?: string | false;
}

const SETTINGS = TRACE_SETTINGS.neurons;

export function addCommand(command: Command): void {
  addRunOptions(command, 'run folder of a trained model, whose report shows the neurons').option(
    '--neurons <neurons...>',
    'such as conv1[9] (default: those that the run\u2019s traces chose, and as many random ones)',
  );
  addDatasetOptions(addComputeOptions(addSettings(command, SETTINGS)));
  // After the folder of images, which has no default then.
  command.option(
    '--no-images',
    'for data that may not be shown: no image in the result, nor in the run\u2019s report',
  );
  addJob<NeuronsCommandOptions>(command, async (options, output, control) => {
    const { images = '' } = options;
    const { atlas, json, csv, report, tables } = await reproduceNeurons({
      ...pick(options, 'run', 'data', 'seed'),
      neurons: options.neurons?.flatMap((names) => names.split(',')),
      showImages: images !== false,
      ...sharedOptionsOf({ ...options, images: images === false || images === '' ? undefined : images }),
      ...givenSettings(SETTINGS, options),
      ...control,
    });
    const { folder } = await openGroups(options.run);
    const result = folder.result(atlas.kind);
    const files = [result, json, csv].map((path) => `  ${path}`);
    output.result([textTables(tables, output), 'Results:', ...files, `Report: ${report}`].join('\n'), {
      result,
      figures: [json, csv],
      report,
      ...withoutImages(atlas),
    });
  });
}

/** The atlas without its images, which are megabytes. */
function withoutImages({ pictures: _pictures, neurons, ...atlas }: AtlasResult): object {
  const bare = <Image extends { readonly map: string | null }>(images: readonly Image[]) =>
    images.map(({ map: _map, ...image }) => image);
  return {
    ...atlas,
    neurons: neurons.map(({ filter: _filter, strongest, strongestOfGroups, ...neuron }) => ({
      ...neuron,
      strongest: bare(strongest),
      strongestOfGroups: strongestOfGroups.map(bare),
    })),
  };
}
