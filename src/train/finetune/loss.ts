import type { ViewPair } from '../../data/batches.js';
import { lossOf } from '../../metrics/loss.js';
import { createProjectionHead } from '../../models/architectures.js';
import type { Model } from '../../models/model.js';
import { native } from '../../native/addon.js';
import { type ComputeContext, TensorScope } from '../../native/context.js';
import type { Network, PassOptions, Tensor } from '../../native/interface.js';
import type { BatchLoss, Run, TrainedPart } from '../run.js';
import type { FinetuneConfig } from './config.js';

type FinetuneLossSettings = Pick<
  FinetuneConfig,
  'contrast' | 'features' | 'statistics' | 'temperature' | 'lambda' | 'loss'
> &
  Pick<FinetuneConfig, 'supervised' | 'supervisedReduction' | 'supervisedForward'>;

/** Trains SimCLR's projection head with the model: two layers, as wide as the features, to 128 dimensions. */
export async function addProjectionHead(run: Run): Promise<TrainedPart> {
  const { model, generator } = run;
  const design = { inputs: model.numFeatures, hidden: model.numFeatures, outputs: 128 };
  return run.addPart('head', await createProjectionHead(design, generator, model.context));
}

/**
 * The loss of one batch with its graph (article, Eq. 5): NT-Xent of both branches' features (`contrast`) plus lambda times the
 * supervised loss. `head` is for `projection` features; `auxiliary` has the differences of the auxiliary branch.
 */
export async function finetuneLoss(
  config: FinetuneLossSettings,
  { network, context }: LossModel,
  head: Network | undefined,
  auxiliary: Pick<PassOptions, 'edits'>,
  { images, second, labels, part }: LossViews,
): Promise<BatchLoss> {
  using scope = new TensorScope();
  const own: PassOptions = { statistics: 'shared', grad: true };
  const target = scope.own(await network.run(images, { ...own, features: true }));
  const terms: Record<string, Tensor> = {};
  let { logits } = target;
  if (config.contrast) {
    const passed: PassOptions = { ...auxiliary, statistics: config.statistics, grad: true };
    const other = scope.own(await network.run(second, { ...passed, features: true }));
    const ofTarget = await contrasted(config, head, target, scope);
    const a = await wholeBatch(context, ofTarget, part, scope);
    const ofAuxiliary = await contrasted(config, head, other, scope);
    const b = await wholeBatch(context, ofAuxiliary, part, scope);
    terms.contrast = scope.own(await native().ntXent(a, b, config.temperature));
    if (config.supervisedForward === 'own') {
      logits = scope.own(await network.run(images, own)).logits;
    }
  }
  terms.supervised = scope.own(
    config.supervised === 'mse'
      ? await native().squaredError(logits, labels, 'mean')
      : await lossOf(logits, labels, 'mean', config.loss),
  );
  const loss = await native().combine([
    ...(terms.contrast ? [{ tensor: terms.contrast, weight: 1 }] : []),
    { tensor: terms.supervised, weight: config.lambda * supervisedScale(config, logits, part) },
  ]);
  scope.release(logits, ...Object.values(terms));
  return { loss, logits, terms };
}

type LossModel = Pick<Model, 'network' | 'context'>;

/** Two views; `part` where several processes train. */
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

/** The tensor of one branch that NT-Xent compares, [N, D]. */
async function contrasted(
  { features: which }: FinetuneLossSettings,
  head: Network | undefined,
  { features, logits }: { readonly features: Tensor; readonly logits: Tensor },
  scope: TensorScope,
): Promise<Tensor> {
  switch (which) {
    case 'projection':
      if (!head) throw new RangeError('There is no projection head');
      return scope.own((await head.run(features, { grad: true })).logits);
    case 'penultimate':
      return features;
    case 'logits':
      return logits;
    case 'softmax':
      return scope.own(await logits.softmax());
  }
}

/**
 * The factor that turns a mean into a sum, if the settings want one: the outputs for the squared error, else the images. With several
 * processes, the images are the whole batch's, because steps weight each part by its share.
 */
function supervisedScale(
  { supervised, supervisedReduction }: FinetuneLossSettings,
  { shape: [size = 1, outputs = 1] }: Tensor,
  part: LossViews['part'],
): number {
  if (supervisedReduction === 'mean') return 1;
  const images = part?.total ?? size;
  return supervised === 'mse' ? images * outputs : images;
}
