import { type Command, Option, type OptionValues } from 'commander';
import { addJob } from '../../cli/job.js';
import {
  ENGINE,
  type GivenBy,
  ofRun,
  type OptionSet,
  ownOptions,
  READING,
  SEED,
  settingsSet,
} from '../../cli/options.js';
import { openGroups } from '../../cli/tables.js';
import { textTables } from '../../cli/textTable.js';
import { withFiles } from '../../reproduce/figureFiles.js';
import { neuronAtlas, type NeuronAtlasOptions } from './atlas.js';
import { neurons as figure } from './figure.js';
import { ATLAS_SETTINGS } from './result.js';

const NEURONS = ownOptions<{ readonly neurons?: readonly string[] }>((command) =>
  command.option(
    '--neurons <neurons...>',
    'neurons to show, such as conv1[9] (default: the neurons that the run\u2019s traces chose, and as many random ones)',
  ),
);
/** As for other commands, with `--no-images`. */
const READING_OR_NOT: OptionSet<GivenBy<[typeof READING]> & { readonly showImages: boolean }> = {
  // After the folder of images, which has no default then.
  options: [
    ...READING.options,
    new Option('--no-images', 'for confidential data: no image in the result or the run\u2019s report'),
  ],
  read: ({ images, ...values }: OptionValues & { readonly images?: string | false }) => ({
    ...READING.read({ ...values, images: images === false ? undefined : images }),
    showImages: images !== false,
  }),
};

export function addCommand(command: Command): void {
  const run = ofRun('run folder of a trained model, whose report shows the neurons');
  const sets = [run, NEURONS, settingsSet(ATLAS_SETTINGS), ENGINE, SEED, READING_OR_NOT] as const;
  addJob(command, sets, async ({ neurons, ...given }, output, control) => {
    const { atlas, json, csv, report, tables } = await reproduceNeurons({
      ...given,
      neurons: neurons?.flatMap((names) => names.split(',')),
      ...control,
    });
    const result = (await openGroups(given.run)).folder.result(atlas.kind);
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
