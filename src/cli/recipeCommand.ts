import type { Command, Option } from 'commander';
import type { DatasetOptions } from '../data/dataset.js';
import { LOSSES } from '../metrics/loss.js';
import type { ErmOptions } from '../train/erm.js';
import type { ErmSettings } from '../train/ermConfig.js';
import type { EpochMetrics, TrainingResult } from '../train/metrics.js';
import type { TrainingMethodName } from '../train/runConfig.js';
import { runJob } from './job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  archOption,
  choice,
  datasetOptionsOf,
  defaultsOf,
  imageSize,
  integer,
  integers,
  positive,
  precisionOption,
  protocolOption,
  share,
  type ComputeOptions,
} from './options.js';
import { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe } from '../train/ermRecipes.js';
import { CHECKPOINTS } from '../train/selection.js';

interface RecipeCommandOptions extends ComputeOptions, DatasetOptions, ErmSettings {
  readonly data: string;
  readonly out?: string;
  readonly resume: boolean;
}

/** What a way to train takes beside ERM's options. */
export interface RecipeOptions extends ErmOptions {
  /** Called after each epoch of a model that is trained first. */
  readonly onIdentificationEpoch: (metrics: EpochMetrics) => void;
}

/** A way to train from a dataset with ERM's recipe. */
export interface RecipeMethod {
  readonly name: TrainingMethodName;
  readonly description: string;
  /** Its own options. */
  readonly options?: readonly Option[];
  /** Loads what trains it. */
  readonly load: () => Promise<(options: RecipeOptions) => Promise<TrainingResult>>;
}

/** Adds the command of a way to train from a dataset, with the options of `train erm` and its own. */
export function addRecipeCommand(
  train: Command,
  { name, description, options = [], load }: RecipeMethod,
): void {
  const command = train
    .command(name)
    .description(description)
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--out <run>', `run folder (default: runs/${name}-<dataset>)`)
    .addOption(archOption().default('resnet50'))
    .option(
      '--weights <file>',
      'safetensors or PyTorch file (.pth, .pt, .pth.tar) to start from; a head with other classes is replaced (default: random weights)',
    )
    .option('--resume', 'continue the run in --out from its last finished epoch', false);
  for (const option of options) command.addOption(option);
  addDatasetOptions(addComputeOptions(addVitOptions(addRecipeOptions(command)))).action(
    async (given: RecipeCommandOptions) => {
      await runJob(given, async (output, control) => {
        const [trainMethod, { loadDataset }, { describeEpoch }, { trainingTables }] = await Promise.all([
          load(),
          import('../data/dataset.js'),
          import('./describe.js'),
          import('./tables.js'),
        ]);
        const datasetOptions = datasetOptionsOf(given);
        const dataset = await loadDataset(given.data, datasetOptions);
        const out = given.out ?? `runs/${name}-${dataset.name}`;
        const result = await trainMethod({
          ...given,
          ...control,
          out,
          datasetOptions,
          onEpoch: (metrics) => {
            output.info(describeEpoch(metrics, dataset.groupNames));
          },
          onIdentificationEpoch: (metrics) => {
            output.info(`identification, ${describeEpoch(metrics, dataset.groupNames)}`);
          },
        });
        output.result(`${trainingTables(dataset, result, output.color)}\nRun: ${out}`, {
          run: out,
          ...result,
        });
      });
    },
  );
}

/** What the protocol decides where it is left out. */
function addRecipeOptions(command: Command): Command {
  const described = (text: string, name: keyof ErmRecipe): string =>
    `${text} ${defaultsOf({ article: ARTICLE_ERM[name], released: RELEASED_ERM[name] })}`;
  return command
    .addOption(protocolOption())
    .addOption(integer('--epochs <n>', described('epochs', 'epochs'), 1))
    .addOption(integer('--batch-size <n>', described('batch size', 'batchSize'), 1))
    .addOption(positive('--lr <rate>', described('learning rate of Adam', 'lr')))
    .addOption(
      choice('--loss <loss>', described('cross-entropy of the logits, or of their softmax', 'loss'), LOSSES),
    )
    .addOption(
      choice(
        '--select <checkpoint>',
        described('the epoch whose weights are tested and traced', 'select'),
        CHECKPOINTS,
      ),
    )
    .addOption(precisionOption('fp32'))
    .addOption(share('--averaging <decay>', 'evaluate a moving average of the weights (default: none)'))
    .addOption(
      integers(
        '--keep-epochs <list>',
        'epochs whose weights are kept for `train finetune --kick-in-epoch`',
        1,
      ),
    );
}

function addVitOptions(command: Command): Command {
  return command
    .addOption(
      imageSize('--image-size <pixels>', 'ViT: resize images to it (default: as the dataset prepares them)'),
    )
    .addOption(integer('--patch-size <n>', "ViT: side of a patch in pixels (default: the architecture's)", 1))
    .addOption(positive('--layer-norm-eps <eps>', "ViT: eps of LayerNorm (default: the architecture's)"));
}
