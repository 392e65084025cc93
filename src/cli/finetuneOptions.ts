import { InvalidArgumentError, Option } from 'commander';
import { LOSSES } from '../metrics/loss.js';
import { BATCH_NORM_STATISTICS } from '../native/addon.js';
import { GRADIENT_ORDERS } from '../neurons/score.js';
import { MAGNITUDE_LAYERS, MAGNITUDE_ORDERS } from '../neurons/select.js';
import type { ViewChoice } from '../train/finetuneConfig.js';

import { choice, defaultsOf, integer, positive, precisionOption, share, toggle } from './options.js';
import {
  ARTICLE_FINETUNE,
  DEFAULT_VIEW,
  RELEASED_FINETUNE,
  type FinetuneRecipe,
} from '../train/finetuneRecipes.js';
import {
  CONTRASTED_FEATURES,
  MASK_CRITERIA,
  MASK_GRADIENT_SOURCES,
  REDUCTIONS,
  SUPERVISED_FORWARDS,
  SUPERVISED_LOSSES,
  VIEWS,
} from '../train/finetuneWords.js';
import { CHECKPOINTS } from '../train/selection.js';

/** The settings of fine-tuning as options, each with what the protocols take where it is left out. */
export function finetuneOptions(): Option[] {
  const described = (text: string, name: keyof FinetuneRecipe): string =>
    `${text} ${defaultsOf({ article: word(ARTICLE_FINETUNE[name]), released: word(RELEASED_FINETUNE[name]) })}`;
  const one = (flags: string, text: string, name: keyof FinetuneRecipe, words: readonly string[]): Option =>
    choice(flags, described(text, name), words);
  return [
    integer(
      '--kick-in-epoch <n>',
      'ERM epoch to start from, kept by --keep-epochs (default: the selected one)',
      1,
    ),
    integer('--epochs <n>', described('epochs', 'epochs'), 1),
    integer('--batch-size <n>', described('batch size', 'batchSize'), 1),
    positive('--lr <rate>', described('learning rate of Adam', 'lr')),
    precisionOption('that of --from'),
    share('--averaging <decay>', 'evaluate a moving average of the weights (default: none)'),
    one('--select <checkpoint>', 'the epoch whose weights are tested', 'select', CHECKPOINTS),
    one('--loss <loss>', 'loss that ranks samples, and of --supervised cross-entropy', 'loss', LOSSES),
    one('--criterion <name>', 'how the masked neurons are chosen', 'criterion', MASK_CRITERIA),
    share('--fraction <share>', described('share of all neurons that is masked', 'fraction')),
    choice('--unit <unit>', 'what a neuron is (default: neuron; released: weight by magnitude, and of ViT)', [
      'neuron',
      'weight',
    ]),
    one(
      '--gradient-source <source>',
      'samples and labels of the gradient',
      'gradientSource',
      MASK_GRADIENT_SOURCES,
    ),
    integer('--gradient-worst <n>', described('samples picked by their loss', 'gradientWorst'), 1),
    integer('--gradient-drawn <n>', described('samples drawn from these', 'gradientDrawn'), 1),
    one(
      '--gradient-order <order>',
      'by which end of the losses samples are picked',
      'gradientOrder',
      GRADIENT_ORDERS,
    ),
    toggle(
      '--stale-gradient <yes|no>',
      described('add the last training batch\u2019s gradient to the scores\u2019', 'staleGradient'),
    ),
    one('--magnitude-layers <which>', 'where magnitude chooses', 'magnitudeLayers', MAGNITUDE_LAYERS),
    one('--magnitude-order <order>', 'by which end magnitude chooses', 'magnitudeOrder', MAGNITUDE_ORDERS),
    toggle('--contrast <yes|no>', described('train on NT-Xent beside the supervised loss', 'contrast')),
    positive('--temperature <tau>', described('of NT-Xent', 'temperature')),
    positive('--lambda <weight>', described('weight of the supervised loss', 'lambda')),
    one('--supervised <loss>', 'supervised loss', 'supervised', SUPERVISED_LOSSES),
    one('--supervised-reduction <how>', 'over the batch', 'supervisedReduction', REDUCTIONS),
    one(
      '--supervised-forward <which>',
      'forward pass that the supervised loss takes',
      'supervisedForward',
      SUPERVISED_FORWARDS,
    ),
    one('--features <which>', 'what NT-Xent compares', 'features', CONTRASTED_FEATURES),
    one('--views <how-many>', 'augmentations of an image', 'views', VIEWS),
    one('--statistics <how>', 'batch-norm of the auxiliary branch', 'statistics', BATCH_NORM_STATISTICS),
    new Option(
      '--view-augmentation <crop>',
      'crops of the views as minScale,maxScale,flip such as 0.8,1,0, or none ' +
        `(default: the dataset\u2019s, or ${[...DEFAULT_VIEW.scale, DEFAULT_VIEW.horizontalFlip].join(',')})`,
    ).argParser(viewAugmentation),
  ];
}

/** A setting as the command line writes it. */
function word(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}

/** Random crops of the views, by their share of the image, and flips; `none` for the evaluation's pixels. */
function viewAugmentation(text: string): ViewChoice | null {
  if (text === 'none') return null;
  const [low = 0, high = 0, horizontalFlip = 0, ...rest] = text.split(',').map(Number);
  if (
    rest.length === 0 &&
    0 < low &&
    low <= high &&
    high <= 1 &&
    0 <= horizontalFlip &&
    horizontalFlip <= 1
  ) {
    return { scale: [low, high], horizontalFlip };
  }
  throw new InvalidArgumentError(
    'It takes minScale,maxScale,flip, each from 0 to 1, such as 0.8,1,0, or none.',
  );
}
