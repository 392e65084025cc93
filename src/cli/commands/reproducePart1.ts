import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Architecture } from '../../models/architectures.js';
import type { Protocol } from '../../protocol.js';
import { PART1, part1Plans, type ArticleFigure } from '../../reproduce/articleFigures.js';
import { runJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  archOption,
  chosenDatasetOptions,
  integer,
  integers,
  numbers,
  positive,
  protocolOption,
  type ComputeOptions,
} from '../options.js';

interface Part1CommandOptions extends ComputeOptions, DatasetOptions {
  readonly run: string;
  readonly data?: string;
  readonly arch?: Architecture;
  readonly weights?: string;
  readonly protocol: Protocol;
  readonly epochs?: number;
  readonly lr?: number;
  readonly batchSize?: number;
  readonly sigma?: readonly number[];
  readonly repeats?: number;
  readonly topK?: readonly number[];
  readonly fraction?: number;
  readonly controls: number;
  readonly controlSamples: number;
}

/** Adds `reproduce fig1`, ..., `reproduce table14` and `reproduce part1`. */
export function addPart1Commands(reproduce: Command): void {
  const plans = part1Plans();
  for (const figure of PART1) {
    addFigureCommand(reproduce, figure, `${articleName(figure)}: ${plans[figure].title.toLowerCase()}`, [
      figure,
    ]);
  }
  addFigureCommand(
    reproduce,
    'part1',
    'all figures and tables of the article\u2019s Part I from one run',
    PART1,
  );
}

function addFigureCommand(
  reproduce: Command,
  name: string,
  description: string,
  figures: readonly ArticleFigure[],
): void {
  const command = reproduce
    .command(name)
    .description(description)
    .requiredOption('--run <run>', 'run folder; a model is trained there by ERM where it holds none')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)')
    .addOption(archOption())
    .option('--weights <file>', 'weights that training starts from')
    .addOption(protocolOption())
    .addOption(integer('--epochs <n>', 'epochs of training (default: the protocol\u2019s)', 1))
    .addOption(positive('--lr <rate>', 'learning rate of training (default: the protocol\u2019s)'))
    .addOption(
      integer('--batch-size <n>', 'batch size (default: the run\u2019s; the protocol\u2019s in training)', 1),
    )
    .addOption(numbers('--sigma <list>', 'standard deviations of Figs 11 and 12'))
    .addOption(
      integer(
        '--repeats <n>',
        'seeds that random perturbations are averaged over (default: the protocol\u2019s)',
        1,
      ),
    )
    .addOption(integers('--top-k <list>', 'numbers of neurons of each layer in Fig. 7 (default: 1)', 1))
    .addOption(positive('--fraction <share>', 'share of all neurons in Fig. 3 (default: 0.0001)'))
    .addOption(
      integer('--controls <n>', 'random sets to compare each set of neurons with; 0 for none', 0).default(
        100,
      ),
    )
    .addOption(
      integer('--control-samples <n>', 'examples of each group that they are compared on', 1).default(128),
    );
  addDatasetOptions(addComputeOptions(command)).action(async (options: Part1CommandOptions) => {
    await runJob(options, async (output, control) => {
      const [{ reproducePart1 }, { describeEpoch }, { part1Tables }] = await Promise.all([
        import('../../reproduce/part1.js'),
        import('../describe.js'),
        import('../part1Tables.js'),
      ]);
      const { weights, epochs, lr } = options;
      const result = await reproducePart1({
        ...options,
        ...control,
        figures,
        datasetOptions: chosenDatasetOptions(options),
        sigmas: options.sigma,
        layerTopK: options.topK,
        erm: {
          weights,
          epochs,
          lr,
          onEpoch: (metrics) => {
            output.info(describeEpoch(metrics, []));
          },
        },
        onStep: (step) => {
          output.info(step);
        },
      });
      const files = result.figures.flatMap(({ json, csv }) => [json, csv]);
      const text = [
        ...part1Tables(result, output.color),
        `Results:\n${files.map((file) => `  ${file}`).join('\n')}`,
        `Report: ${result.report}`,
      ];
      const { run, report } = result;
      output.result(text.join('\n'), { run, report, figures: result.figures });
    });
  });
}

/** `fig7` -> `Fig. 7`, `table3` -> `Table 3`. */
function articleName(figure: ArticleFigure): string {
  return figure.replace('fig', 'Fig. ').replace('table', 'Table ');
}
