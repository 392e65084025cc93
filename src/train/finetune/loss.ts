import type { ViewPair } from '../../data/batches.js';
import { lossOf } from '../../metrics/loss.js';
import type { Model } from '../../models/model.js';
import { native, type Network, type PassOptions, type Tensor } from '../../native/addon.js';
import type { ComputeContext } from '../../native/context.js';
import { TensorScope } from '../../native/tensorScope.js';
import type { NeuronMask } from '../../neurons/perturb.js';
import type { BatchLoss } from '../batchLoss.js';
import type { FinetuneConfig } from './config.js';

/** The settings that a batch's loss depends on. */
export type FinetuneLossSettings = Pick<
  FinetuneConfig,
  'contrast' | 'features' | 'statistics' | 'temperature' | 'lambda' | 'loss'
> &
  Pick<FinetuneConfig, 'supervised' | 'supervisedReduction' | 'supervisedForward'> & {
    /** Default: none. */
    readonly stopGradient?: FinetuneConfig['stopGradient'];
    /** The layers that the supervised loss trains; default: all. */
    readonly supervision?: Supervision;
  };

/** Whether the supervised loss trains all layers, or the last one alone, as a linear probe. */
export const SUPERVISION = ['all-layers', 'last-layer'] as const;
type Supervision = (typeof SUPERVISION)[number];

/**
 * The loss of one batch with its graph (article, Eq. 5): NT-Xent of both branches' features plus lambda times the supervised
 * loss.
 *
 * @param head the projection head, for `projection` features
 * @param auxiliary what tells the auxiliary branch from the target: what it lacks, and batch-norms of its own where it has them
 * @returns tensors that the caller disposes; the terms are NT-Xent (`contrast`) and the supervised loss without lambda
 */
export async function finetuneLoss(
  config: FinetuneLossSettings,
  { network, context }: LossModel,
  head: Network | undefined,
  auxiliary: Pick<PassOptions, 'edits' | 'masks' | 'norms'>,
  { images, second, labels, part }: LossViews,
): Promise<BatchLoss> {
  using scope = new TensorScope();
  const detachFeatures = config.supervision === 'last-layer';
  const own: PassOptions = { statistics: 'shared', grad: true, detachFeatures };
  const target = scope.own(await network.forwardFeatures(images, own));
  const terms: Record<string, Tensor> = {};
  let { logits } = target;
  if (config.contrast) {
    const passed: PassOptions = { ...auxiliary, statistics: config.statistics, grad: true };
    const other = scope.own(await network.forwardFeatures(second, passed));
    const a = await wholeBatch(context, await contrasted('target', config, head, target, scope), part, scope);
    const b = await wholeBatch(
      context,
      await contrasted('auxiliary', config, head, other, scope),
      part,
      scope,
    );
    terms.contrast = scope.own(await native().ntXent(a, b, config.temperature));
    if (config.supervisedForward === 'own') {
      logits = scope.own(await network.forwardFeatures(images, own)).logits;
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

/**
 * NT-Xent of both branches, of which only the projection head has a graph. Batch-norm normalizes as in training, and leaves the
 * running statistics alone.
 *
 * @returns tensors that the caller disposes
 */
export async function headLoss(
  { statistics, temperature }: Pick<FinetuneLossSettings, 'statistics' | 'temperature'>,
  { network, context }: LossModel,
  head: Network,
  mask: NeuronMask,
  { images, second, part }: Omit<LossViews, 'labels'>,
): Promise<BatchLoss> {
  using scope = new TensorScope();
  const ofAuxiliary = statistics === 'shared' ? 'separate' : statistics;
  const target = scope.own(await network.forwardFeatures(images, { statistics: 'separate' }));
  const auxiliary = scope.own(
    await network.forwardFeatures(second, { statistics: ofAuxiliary, edits: mask.edits }),
  );
  const projected = async ({ features }: Passed): Promise<Tensor> =>
    wholeBatch(context, scope.own(await head.forward(features, { grad: true })), part, scope);
  const a = await projected(target);
  const b = await projected(auxiliary);
  const loss = await native().ntXent(a, b, temperature);
  scope.release(target.logits);
  return { loss, logits: target.logits };
}

/** The model, and the processes whose images are negatives too. */
type LossModel = Pick<Model, 'network' | 'context'>;

/** Two views, and the part of the batch that they are where several processes train. */
type LossViews = Pick<ViewPair, 'images' | 'second' | 'labels'> & Partial<Pick<ViewPair, 'part'>>;

/** The rows of all processes' parts of a batch: the others are negatives. */
async function wholeBatch(
  context: ComputeContext,
  rows: Tensor,
  part: ViewPair['part'] | undefined,
  scope: TensorScope,
): Promise<Tensor> {
  const all = part && (await context.gatherRows(rows, part));
  return all ? scope.own(all) : rows;
}

/** What a forward pass gives. */
interface Passed {
  readonly features: Tensor;
  readonly logits: Tensor;
}

/** What NT-Xent compares of one branch, [N, D]. */
async function contrasted(
  branch: 'target' | 'auxiliary',
  { features: which, stopGradient }: FinetuneLossSettings,
  head: Network | undefined,
  passed: Passed,
  scope: TensorScope,
): Promise<Tensor> {
  const { features, logits } =
    stopGradient === branch
      ? scope.own({ features: await passed.features.detach(), logits: await passed.logits.detach() })
      : passed;
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
