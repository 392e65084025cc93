import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { LOSSES } from '../../metrics/loss.js';
import { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe, type ErmSettings } from '../../train/ermConfig.js';
import { CHECKPOINTS } from '../../train/runConfig.js';
import { DEFAULT_VIT } from '../../train/vitOptions.js';
import { runJob } from '../job.js';
import { addFinetuneCommand } from './trainFinetune.js';
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
} from '../options.js';

interface TrainErmOptions extends ComputeOptions, DatasetOptions, ErmSettings {
  readonly data: string;
  readonly out?: string;
  readonly resume: boolean;
}

export function addTrainCommands(program: Command): void {
  const train = program.command('train').description('train a network');
  addErmCommand(train);
  addFinetuneCommand(train);
}

function addErmCommand(train: Command): void {
  const erm = train
    .command('erm')
    .description('empirical risk minimization with the article\u2019s recipe')
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--out <run>', 'run folder (default: runs/erm-<dataset>)')
    .addOption(archOption().default('resnet50'))
    .option(
      '--weights <file>',
      'safetensors or PyTorch file (.pth, .pt, .pth.tar) to start from; a head with other classes is replaced (default: random weights)',
    )
    .option('--resume', 'continue the run in --out from its last finished epoch', false);
  addDatasetOptions(addComputeOptions(addVitOptions(addRecipeOptions(erm)))).action(
    async (options: TrainErmOptions) => {
      await runJob(options, async (output, control) => {
        const [{ trainErm }, { loadDataset }, { describeEpoch }, { trainingTables }] = await Promise.all([
          import('../../train/erm.js'),
          import('../../data/dataset.js'),
          import('../describe.js'),
          import('../tables.js'),
        ]);
        const datasetOptions = datasetOptionsOf(options);
        const dataset = await loadDataset(options.data, datasetOptions);
        const out = options.out ?? `runs/erm-${dataset.name}`;
        const result = await trainErm({
          ...options,
          ...control,
          out,
          datasetOptions,
          onEpoch: (metrics) => {
            output.info(describeEpoch(metrics, dataset.groupNames));
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
    .addOption(
      integer('--patch-size <n>', `ViT: side of a patch in pixels (default: ${DEFAULT_VIT.patchSize})`, 1),
    )
    .addOption(
      positive('--layer-norm-eps <eps>', `ViT: eps of LayerNorm (default: ${DEFAULT_VIT.layerNormEps})`),
    );
}
