import type { ViewPair } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import { lossOf } from '../metrics/loss.js';
import type { Architecture } from '../models/architectures.js';
import { takeData, withTensors } from '../models/model.js';
import { native, type Network, type Tensor } from '../native/addon.js';
import { TensorScope } from '../native/tensorScope.js';
import { maskNeurons, type NeuronMask } from '../neurons/perturb.js';
import { auxiliaryNeurons } from './auxiliaryMask.js';
import { prefixed, withPrefix } from './checkpoint.js';
import { finetuneConfig, type FinetuneChoices } from './finetuneConfig.js';
import type { TrainingResult } from './metrics.js';
import type { FinetuneConfig } from './runConfig.js';
import { isFile, openRun, requireSameDataset, type RunFolder } from './runFolder.js';
import type { BatchLoss, TrainedPart, Trainer, TrainingMethod } from './trainer.js';
import { trainRun, type TrainingOptions } from './trainRun.js';

export type { FinetuneChoices } from './finetuneConfig.js';

export interface FinetuneOptions extends Omit<TrainingOptions, 'data'>, FinetuneChoices {
  /** The run folder whose model is fine-tuned. */
  readonly from: string;
  /** The dataset's folder; by default the one that the run was trained on. */
  readonly data?: string | undefined;
  /** Checked against the run's, where it is given. */
  readonly arch?: Architecture | undefined;
}

/** SimCLR's projection head: two layers, as wide as the features, to 128 dimensions. */
const PROJECTION = { outputs: 128 } as const;
/** Masks of single weights have thousands: a line of metrics names the first ones. */
const NAMED_NEURONS = 20;

/**
 * Fine-tuning against spurious memorization (article, "Spurious memorization by critical neurons", Eqs 3 to 5). Before each
 * epoch, the neurons of the target model f(theta, .) are scored and the highest ones masked; the target's features of one
 * view of a batch are then contrasted (NT-Xent) with those that the auxiliary model f(m * theta, .) has of the other view, and
 * lambda times the supervised loss of the target is added. Gradients flow through both branches to theta. The auxiliary model
 * is no copy: only masked layers get a masked weight.
 *
 * @throws `RUN_NOT_FOUND` when `from` holds no trained run or not the kick-in epoch, `DATASET_INVALID` for another dataset,
 *   `USAGE` for another architecture, and what `trainRun` and `finetuneConfig` throw
 */
export async function trainFinetune(options: FinetuneOptions): Promise<TrainingResult> {
  const { folder, config, environment, weights: selected } = await openRun(options.from);
  if (options.arch !== undefined && options.arch !== config.arch) {
    throw new SpurmemError(
      'USAGE',
      `--arch is ${options.arch}, and ${folder.path} was trained with ${config.arch}. Leave --arch out, or choose another --from.`,
    );
  }
  const weights = options.kickInEpoch === undefined ? selected : await keptEpoch(folder, options.kickInEpoch);
  return trainRun(
    {
      ...options,
      data: options.data ?? environment.data,
      datasetOptions: options.datasetOptions ?? environment.dataOptions,
    },
    {
      configOf: (dataset) => {
        requireSameDataset(config.dataset.fingerprint, dataset, folder);
        return finetuneConfig(options, { config, weights }, dataset);
      },
      weights,
      from: folder.path,
      method: finetune,
    },
  );
}

async function keptEpoch(folder: RunFolder, epoch: number): Promise<string> {
  const path = folder.epoch(epoch);
  if (await isFile(path)) return path;
  throw new SpurmemError(
    'RUN_NOT_FOUND',
    `--kick-in-epoch is ${epoch}, and ${folder.path} has not kept that epoch: ${path} is missing. ` +
      `Train it with \`spurmem train erm --keep-epochs ${epoch}\`, or leave --kick-in-epoch out to start from its selected epoch.`,
  );
}

/** Both branches, epoch after epoch. */
async function finetune(trainer: Trainer<FinetuneConfig>): Promise<TrainingMethod> {
  const { config, loader, model, generator } = trainer;
  const indices = loader.dataset.splits.train;
  const head = await projectionHead(trainer);
  return {
    async trainEpoch(epoch, lr) {
      const neurons = config.contrast ? await auxiliaryNeurons(trainer, epoch) : [];
      const mask = maskNeurons(neurons, config.unit);
      const views = loader.trainingViews(indices, config.batchSize, generator, config);
      const training = await trainer.trainBatches(epoch, lr, views, indices.length, (batch) =>
        finetuneLoss(config, model.network, head?.network, mask, batch),
      );
      return { ...training, mask: { count: neurons.length, neurons: neurons.slice(0, NAMED_NEURONS) } };
    },
    async stateDict() {
      return {
        // The next epoch's scores start from the last gradient where the published code's slip is followed.
        ...(config.staleGradient
          ? prefixed('gradient.', await takeData(await model.network.gradients()))
          : {}),
        ...(head ? prefixed('head.', await takeData(await head.network.state())) : {}),
        ...(head ? prefixed('headOptimizer.', await head.optimizer.stateDict()) : {}),
      };
    },
    async loadStateDict(state) {
      if (config.staleGradient) {
        await withTensors(withPrefix('gradient.', state), (tensors) => model.network.loadGradients(tensors));
      }
      if (!head) return;
      await withTensors(withPrefix('head.', state), (tensors) => head.network.loadState(tensors));
      await head.optimizer.loadStateDict(withPrefix('headOptimizer.', state));
    },
  };
}

async function projectionHead(trainer: Trainer<FinetuneConfig>): Promise<TrainedPart | undefined> {
  const { config, model, generator } = trainer;
  if (!config.contrast || config.features !== 'projection') return undefined;
  const inputs = model.numFeatures;
  const options = { inputs, hidden: inputs, ...PROJECTION, generator, device: model.device };
  return trainer.addPart(await native().createProjectionHead(options));
}

/** The settings that a batch's loss depends on. */
export type FinetuneLossSettings = Pick<
  FinetuneConfig,
  'contrast' | 'features' | 'statistics' | 'temperature' | 'lambda' | 'loss'
> &
  Pick<FinetuneConfig, 'supervised' | 'supervisedReduction' | 'supervisedForward'>;

/**
 * The loss of one batch with its graph (article, Eq. 5): NT-Xent of both branches' features plus lambda times the supervised
 * loss.
 *
 * @param head the projection head, for `projection` features
 * @param mask the neurons that the auxiliary branch lacks
 * @returns tensors that the caller disposes; the terms are NT-Xent (`contrast`) and the supervised loss without lambda
 */
export async function finetuneLoss(
  config: FinetuneLossSettings,
  network: Network,
  head: Network | undefined,
  mask: NeuronMask,
  { images, second, labels }: Pick<ViewPair, 'images' | 'second' | 'labels'>,
): Promise<BatchLoss> {
  using scope = new TensorScope();
  const target = scope.own(await network.forwardFeatures(images, { statistics: 'shared', grad: true }));
  const terms: Record<string, Tensor> = {};
  let { logits } = target;
  if (config.contrast) {
    const auxiliary = scope.own(
      await network.forwardFeatures(second, { statistics: config.statistics, grad: true, edits: mask.edits }),
    );
    const a = await contrasted(config, head, target, scope);
    const b = await contrasted(config, head, auxiliary, scope);
    terms.contrast = scope.own(await native().ntXent(a, b, config.temperature));
    if (config.supervisedForward === 'own') {
      logits = scope.own(await network.forwardFeatures(images, { statistics: 'shared', grad: true })).logits;
    }
  }
  terms.supervised = scope.own(
    config.supervised === 'mse'
      ? await native().squaredError(logits, labels, 'mean')
      : await lossOf(logits, labels, 'mean', config.loss),
  );
  const loss = await native().combine([
    ...(terms.contrast ? [{ tensor: terms.contrast, weight: 1 }] : []),
    { tensor: terms.supervised, weight: config.lambda * supervisedScale(config, logits) },
  ]);
  scope.release(logits, ...Object.values(terms));
  return { loss, logits, terms };
}

/** What NT-Xent compares of one branch, [N, D]. */
async function contrasted(
  { features: which }: FinetuneLossSettings,
  head: Network | undefined,
  { features, logits }: { readonly features: Tensor; readonly logits: Tensor },
  scope: TensorScope,
): Promise<Tensor> {
  switch (which) {
    case 'projection':
      if (!head) throw new RangeError('There is no projection head');
      return scope.own(await head.forward(features, { grad: true }));
    case 'penultimate':
      return features;
    case 'logits':
      return logits;
    case 'softmax':
      return scope.own(await logits.softmax());
  }
}

/** The elements that a mean is over, where the sum is asked for: of the squared error all outputs, else the images. */
function supervisedScale({ supervised, supervisedReduction }: FinetuneLossSettings, logits: Tensor): number {
  if (supervisedReduction === 'mean') return 1;
  const [images = 1, outputs = 1] = logits.shape;
  return supervised === 'mse' ? images * outputs : images;
}
