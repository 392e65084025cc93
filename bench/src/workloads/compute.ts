import { loadDataset } from '#src/data/dataset.js';
import { evaluateModel } from '#src/metrics/evaluate.js';
import type { Architecture } from '#src/models/architectures.js';
import { Model } from '#src/models/model.js';
import { loadWeights } from '#src/models/weights.js';
import { native } from '#src/native/addon.js';
import { type ComputeContext, type PendingRead, PendingReads } from '#src/native/context.js';
import { openEngine } from '#src/native/engine.js';
import type { Precision, Tensor } from '#src/native/interface.js';
import { Adam } from '#src/train/adam.js';
import { descend } from '#src/train/run.js';
import { openRun } from '#src/train/runFolder.js';
import { createModel, openImages } from '#src/train/runModel.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface ComputeSettings {
  readonly arch: Architecture;
  /** Side of the images in pixels. */
  readonly size: number;
  readonly batch: number;
  /** Steps of a repeat. */
  readonly steps: number;
  /** Default: float32. */
  readonly precision?: Precision | undefined;
  /** Whether a GPU takes TF32 for float32; default: no. */
  readonly tf32?: boolean;
}

/**
 * Forward passes in eval mode, as evaluation and tracing run them.
 *
 * @param settings.run a run, for which the share of images whose prediction `precision` changes is measured, too
 */
export async function forward(
  settings: ComputeSettings & { readonly run?: string },
  place: WorkloadPlace,
): Promise<Workload> {
  const { run } = settings;
  const measures =
    run === undefined ? {} : { 'predictions changed %': 100 * (await shareChanged(run, settings, place)) };
  const { model, images } = await create(settings, place);
  const work = repeated(settings, model.context, async () => {
    const { logits } = await model.network.run(images);
    return {
      read: logits.argmax(),
      dispose: () => {
        free(logits);
      },
    };
  });
  // Counting changed predictions takes more memory than a forward pass.
  const knowsProcess = run === undefined;
  return { ...work, knowsProcess, run: async () => ({ ...(await work.run()), measures }) };
}

/** The share of a run's training images whose prediction differs from float32's. */
async function shareChanged(
  run: string,
  { precision = 'fp32', batch }: ComputeSettings,
  { device }: WorkloadPlace,
): Promise<number> {
  const exact = await predictionsOf(run, { precision: 'fp32', batch, device });
  const other = await predictionsOf(run, { precision, batch, device });
  return exact.filter((predicted, i) => predicted !== other[i]).length / exact.length;
}

async function predictionsOf(
  run: string,
  {
    precision,
    batch,
    device,
  }: { readonly precision: Precision; readonly batch: number; readonly device: string },
): Promise<Int32Array> {
  const { config, environment, weights } = await openRun(run);
  const dataset = await loadDataset(environment.data, environment.dataOptions);
  using loader = await openImages(config, dataset, { device });
  using model = await createModel({ ...config, precision }, loader, new (native().Generator)(config.seed));
  await loadWeights(model, weights);
  const options = { batchSize: batch, task: precision };
  return (await evaluateModel(model, loader, dataset.splits.train, options)).predictions;
}

/** Steps of empirical risk minimization, as `train erm` runs them. */
export async function ermStep(settings: ComputeSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images, labels } = await create(settings, place);
  const part = { network: model.network, optimizer: new Adam(model, 1e-4) };
  return repeated(settings, model.context, async () => {
    const { logits } = await model.network.run(images, { statistics: 'shared', grad: true });
    const loss = await native().crossEntropy(logits, labels, 'mean');
    return {
      read: Promise.all([descend(loss, [part]), loss.item()]),
      dispose: () => {
        free(logits, loss);
      },
    };
  });
}

/** The l2 norm of every neuron's gradient, from existing gradients. A repeat's units are neurons. */
export async function neuronNorms(settings: ComputeSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images, labels } = await create(settings, place);
  using logits = (await model.network.run(images, { grad: true })).logits;
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const { run } = repeated(settings, model.context, async () => {
    const norms = await model.network.neuronScores('gradient', 'neuron');
    return {
      read: norms.data(),
      dispose: () => {
        free(norms);
      },
    };
  });
  return { units: settings.steps * model.numNeurons, run };
}

/** A model with random weights, and a batch of noise. */
export async function create(
  { arch, size, batch, precision, tf32 = false }: ComputeSettings,
  place: WorkloadPlace,
): Promise<{ model: Model; images: Tensor; labels: Tensor }> {
  const addon = native();
  // A workload computes alone.
  using context = await openEngine({
    ...place,
    cudnnAllowTf32: tf32,
    float32MatmulPrecision: tf32 ? 'high' : 'highest',
  });
  const generator = new addon.Generator(0);
  const imageSize = [size, size] as const;
  const model = await Model.create({ arch, numClasses: 2, generator, context, precision, imageSize });
  const pixels = generator.randn(batch * 3 * size * size);
  using contiguous = await context.tensor(pixels, [batch, 3, size, size]);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 2);
  return {
    model,
    images: await contiguous.channelsLast(),
    labels: await context.tensor(labels),
  };
}

export function free(...tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/** A step, and its values to be read. */
export type Step = () => Promise<Pick<PendingRead<unknown>, 'read' | 'dispose'>>;

/** A repeat is several steps, with as many reads pending as in training. */
export function repeated({ batch, steps }: ComputeSettings, context: ComputeContext, step: Step): Workload {
  return {
    units: batch * steps,
    run: async () => ({
      seconds: await secondsOf(async () => {
        await using pending = new PendingReads(context);
        for (let i = 0; i < steps; i += 1) await pending.add({ ...(await step()), finish: () => undefined });
        await pending.drain();
      }),
    }),
  };
}
