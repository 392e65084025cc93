import type { Architecture } from '../../models/architectures.js';
import { Model } from '../../models/model.js';
import { native, type Tensor } from '../../native/addon.js';
import { setThreads } from '../../native/device.js';
import { Adam } from '../../train/adam.js';
import { secondsOf, type Workload, type WorkloadPlace } from '../workload.js';

export interface ComputeSettings {
  readonly arch: Architecture;
  /** Side of the images in pixels. */
  readonly size: number;
  readonly batch: number;
  /** Steps of a repeat. */
  readonly steps: number;
}

/** Forward passes in eval mode, as evaluation and tracing run them. */
export async function forward(settings: ComputeSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images } = await create(settings, place);
  return repeated(settings, async () => {
    using logits = await model.network.forward(images, false, false, null);
    await logits.argmax();
  });
}

/** Steps of empirical risk minimization, as `train erm` runs them. */
export async function ermStep(settings: ComputeSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images, labels } = await create(settings, place);
  const optimizer = new Adam(model, 1e-4);
  return repeated(settings, async () => {
    using logits = await model.network.forward(images, true, true, null);
    using loss = await native().crossEntropy(logits, labels, 'mean');
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();
    await loss.item();
  });
}

/** The l2 norm of every neuron's gradient, from gradients that are there. A repeat's units are neurons. */
export async function neuronNorms(settings: ComputeSettings, place: WorkloadPlace): Promise<Workload> {
  const { model, images, labels } = await create(settings, place);
  using logits = await model.network.forward(images, false, true, null);
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const { run } = repeated(settings, async () => {
    using norms = await model.network.neuronNorms('gradient', 'neuron');
    await norms.data();
  });
  return { units: settings.steps * model.numNeurons, run };
}

/** A model with random weights, and a batch of noise. */
export async function create(
  { arch, size, batch }: ComputeSettings,
  { device, threads }: WorkloadPlace,
): Promise<{ model: Model; images: Tensor; labels: Tensor }> {
  const addon = native();
  await setThreads(threads);
  const generator = new addon.Generator(0);
  const model = await Model.create({ arch, numClasses: 2, generator, device, imageSize: [size, size] });
  using contiguous = await addon.tensor(
    generator.randn(batch * 3 * size * size),
    [batch, 3, size, size],
    device,
  );
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 2);
  return {
    model,
    images: await contiguous.channelsLast(),
    labels: await addon.tensor(labels, [batch], device),
  };
}

/** A repeat is several steps. */
export function repeated({ batch, steps }: ComputeSettings, step: () => Promise<void>): Workload {
  return {
    units: batch * steps,
    run: async () => ({
      seconds: await secondsOf(async () => {
        for (let i = 0; i < steps; i += 1) await step();
      }),
    }),
  };
}
