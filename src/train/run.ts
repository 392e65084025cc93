import type { Batch, Batches, BatchLoader } from '../data/batches.js';
import { type Split, SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { evaluateModel, type Evaluation } from '../metrics/evaluate.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { lossOf } from '../metrics/loss.js';
import { type Model, withTensors } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import { native } from '../native/addon.js';
import { isOutOfMemory, type PendingRead, PendingReads } from '../native/context.js';
import type { BatchNormStatistics, Generator, Network, Tensor } from '../native/interface.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { Adam, type Infinite } from './adam.js';
import { ImageRecord } from './imageRecord.js';
import { PassTotals } from './passTotals.js';
import { type EpochTraining, NO_PROGRESS, type TrainingProgress } from './results.js';
import type { EpochsConfig, RunConfig } from './runConfig.js';
import { createModel } from './runModel.js';
import type { RunWriter } from './runWriter.js';
import { type SavedState, underPrefix } from './savedState.js';
import { culprits, requireLastBatch, tooLarge } from './stepFailures.js';

/** A method's part in a run. */
export interface Task {
  /** Called once before epoch 1 (again if epoch 1 is resumed). Methods without epochs train here. */
  begin?(): void | Promise<void>;
  /** @param epoch counted from 1 */
  readonly trainEpoch?: (epoch: number, lr: number) => Promise<EpochTraining>;
  /** Returns the method's own entries of the result. */
  result?(): object;
}

/** A batch's loss with its graph. */
export interface BatchLoss {
  readonly loss: Tensor;
  /** [N, numClasses] */
  readonly logits: Tensor;
  /** The parts of the loss, each averaged over the epoch. */
  readonly terms?: Readonly<Record<string, Tensor>>;
}

/** A network that is trained with the model, such as a projection head. */
export interface TrainedPart {
  readonly network: Network;
  readonly optimizer: Adam;
}

/** Loss, predictions, the part that is no longer finite, the loss's terms, and each image's loss if it is tracked. */
type StepValues = [number, Int32Array, Infinite | undefined, number[], Float32Array | undefined];

/** A run in training: its settings, data, model and optimizers, and everything else that its epochs change. */
export class Run<Config extends RunConfig = EpochsConfig> implements Disposable {
  /** Saved and restored with the model. */
  readonly states: SavedState[] = [];
  /** As of the last saved epoch. */
  progress: TrainingProgress = NO_PROGRESS;
  /** The exponential moving average of the weights. */
  ema: Model | undefined;
  /** The record of training images, if they are tracked. */
  readonly images: ImageRecord | undefined;
  readonly #parts: TrainedPart[] = [];

  /**
   * @param model disposed with the run
   * @param generator plays the part of PyTorch's default generator; it drew the model
   */
  constructor(
    readonly config: Config,
    readonly folder: RunWriter,
    readonly loader: BatchLoader,
    readonly model: Model,
    readonly generator: Generator,
    readonly job: JobOptions,
  ) {
    if (config.lr !== undefined) {
      this.states.push(ofOptimizer('optimizer.', this.#train(model.network).optimizer));
    }
    if (config.trackImages === true) {
      this.images = new ImageRecord(loader.dataset, this.state('images', ImageRecord.zeros(loader.dataset)));
    }
    this.states.push({
      save: () => {
        const state = generator.getState();
        return { generator: { shape: [state.length], data: state } };
      },
      load({ generator: saved }) {
        if (!saved) throw new Error('generator is missing');
        generator.setState(saved.data as Uint8Array);
      },
    });
  }

  /** Starts the moving average of the weights, if the run has one. */
  async startAverage(): Promise<void> {
    const { config, loader, model } = this;
    if (config.ema === undefined) return;
    this.ema = await createModel(config, loader, new (native().Generator)(config.seed), model.program);
    await this.ema.network.moveToward(model.network, 1);
  }

  /** Returns the model to evaluate and save. */
  get evaluated(): Model {
    return this.ema ?? this.model;
  }

  get context() {
    return this.model.context;
  }

  /** Registers an array that persists across epochs, like PyTorch's `register_buffer`. */
  state(name: string, value: Int32Array): { value: Int32Array };
  state(name: string, value: Float64Array): { value: Float64Array };
  state(name: string, value: Int32Array | Float64Array): { value: Int32Array | Float64Array } {
    const buffer = { value };
    const key = `method.${name}`;
    this.states.push({
      save: () => ({ [key]: { shape: [buffer.value.length], data: buffer.value.slice() } }),
      load(tensors) {
        const data = tensors[key]?.data;
        if (data?.[Symbol.toStringTag] !== value[Symbol.toStringTag]) throw new Error(`${key} is missing`);
        buffer.value = data as Int32Array | Float64Array;
      },
    });
    return buffer;
  }

  /** Trains another network on the same loss with its own optimizer. Both are saved under the name; the run disposes them. */
  addPart(name: string, network: Network): TrainedPart {
    const part = this.#train(network);
    this.states.push(
      underPrefix(
        `method.${name}.`,
        () => network.state(),
        (state) => withTensors(state, (tensors) => network.loadState(tensors)),
      ),
      ofOptimizer(`method.${name}Optimizer.`, part.optimizer),
    );
    return part;
  }

  #train(network: Network): TrainedPart {
    const { lr = 0, weightDecay } = this.config;
    const part = { network, optimizer: new Adam({ network }, lr, weightDecay) };
    this.#parts.push(part);
    return part;
  }

  /** Shares the steps among the processes, if there are several; called before the first step. */
  async distribute(): Promise<void> {
    const syncBatchNorm = this.config.processes?.syncBatchNorm === true;
    for (const { network } of this.#parts) await this.context.distribute(network, syncBatchNorm);
  }

  /** Copies rank 0's running statistics to all processes, whose own come from different parts of batches. */
  async agreeOnStatistics(): Promise<void> {
    await this.context.broadcastBuffers(this.model.network);
    if (this.ema) await this.context.broadcastBuffers(this.ema.network);
  }

  /**
   * Takes a step for each batch, and disposes the tensors of `lossOfBatch`.
   *
   * @param statistics the batch-norms' in the pass
   */
  async trainBatches<Prepared extends Batch>(
    epoch: number,
    lr: number,
    batches: Batches<Prepared>,
    lossOfBatch: (batch: Prepared) => Promise<BatchLoss>,
    statistics: BatchNormStatistics = 'shared',
  ): Promise<EpochTraining> {
    const { context, job } = this;
    const title = this.title(epoch);
    const totals = new PassTotals(this.loader.dataset);
    const total = batches.indices.length;
    let number = 0;
    let done = 0;
    try {
      await using pending = new PendingReads(context);
      await requireLastBatch(this.model, this.loader, batches, statistics);
      for await (const batch of batches) {
        using current = batch;
        throwIfAborted(job.signal, `epoch ${epoch}`);
        const loss = await lossOfBatch(current);
        number += 1;
        const step = this.#step({ lr, totals }, `epoch ${epoch}, batch ${number}`, current, loss);
        await pending.add({
          ...step,
          finish: async (values) => {
            await step.finish(values);
            done += batch.part.total;
            job.onProgress?.({ task: title, done, total, unit: 'images' });
          },
        });
      }
      await pending.drain();
      await this.images?.endEpoch(epoch, context);
      return await totals.means(context, done);
    } catch (error) {
      throw isOutOfMemory(error) ? tooLarge(batches.batchSize, error) : error;
    }
  }

  /** Evaluates a model, by default the saved one, by the run's settings. */
  evaluate(indices: Int32Array, task: string, model: Model = this.evaluated): Promise<Evaluation> {
    const { batchSize, loss } = this.config;
    return evaluateModel(model, this.loader, indices, { ...this.job, batchSize, loss, task });
  }

  /** Measures the validation split. Throws `NATIVE_FAILED` if the loss or logits are not finite. */
  async validate(epoch: number): Promise<Evaluation> {
    const task = `${this.title(epoch)}, validation`;
    const val = await this.evaluate(this.loader.dataset.splits.val, task);
    const isFinite = Number.isFinite(val.loss);
    if (isFinite && (await this.#givesFiniteLogits())) return val;
    throw this.diverged(`validation loss became ${isFinite ? Number.NaN : val.loss} after epoch ${epoch}.`);
  }

  /** Evaluates the weights of the selected epoch, with their SHA-256, on every split. */
  async testSelected(
    epoch: number,
  ): Promise<Record<Split, GroupAccuracies> & { readonly checkpoint: string }> {
    const { evaluated, folder } = this;
    const weights = folder.weights(epoch);
    await loadWeights(evaluated, weights);
    return { checkpoint: await weightsFingerprint(weights), ...(await this.measure('selected epoch')) };
  }

  /** Evaluates the present weights on every split. */
  async measure(what: string): Promise<Record<Split, GroupAccuracies>> {
    const accuracies: Partial<Record<Split, GroupAccuracies>> = {};
    for (const split of SPLITS) {
      const measured = await this.evaluate(this.loader.dataset.splits[split], `${what}, ${split}`);
      accuracies[split] = measured.accuracies;
    }
    return accuracies as Record<Split, GroupAccuracies>;
  }

  /** Returns an epoch's name in progress reports, such as `epoch 3/100`. */
  title(epoch: number): string {
    return `epoch ${epoch}/${this.config.epochs ?? 0}`;
  }

  /** Whether a validation batch's logits are finite without fused kernels, which turn NaN into 0 when activations overflow. */
  async #givesFiniteLogits(): Promise<boolean> {
    const { evaluated, loader, config } = this;
    const { batchSize } = config;
    using batch = await loader.evaluation(loader.dataset.splits.val, batchSize).start(batchSize);
    using logits = (await evaluated.network.run(batch.images, { grad: true })).logits;
    return ((await logits.data()) as Float32Array).every(Number.isFinite);
  }

  [Symbol.dispose](): void {
    for (const { optimizer } of this.#parts) optimizer[Symbol.dispose]();
    for (const { network } of this.#parts.slice(1)) network.dispose();
    this.ema?.[Symbol.dispose]();
    this.model[Symbol.dispose]();
  }

  /** Takes a step on a batch's loss and records its measurements. */
  #step(
    { lr, totals }: { readonly lr: number; readonly totals: PassTotals },
    place: string,
    { indices, part }: Batch,
    { loss, logits, terms = {} }: BatchLoss,
  ): PendingRead<StepValues> {
    // Gradients are averaged as if all processes had parts of equal size, which they do not.
    const scale = (this.context.worldSize * indices.length) / part.total;
    return {
      read: Promise.all([
        loss.item(),
        logits.argmax(),
        this.#descend(loss, lr, scale),
        Promise.all(Object.values(terms).map((term) => term.item())),
        this.images && this.#lossesOf(indices, logits),
      ]),
      finish: async ([value, predictions, infinite, values, losses]) => {
        const bad = !Number.isFinite(value)
          ? `loss became ${value}`
          : infinite && `${infinite} became infinite or NaN`;
        if (bad) {
          throw this.diverged(`${bad} in ${place}. ${await culprits(this.loader.dataset, indices, logits)}`);
        }
        const means = Object.keys(terms).map((name, i) => [name, values[i] as number] as const);
        totals.add(indices, value, means, predictions);
        if (losses) this.images?.add(indices, losses, predictions);
      },
      dispose() {
        for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
      },
    };
  }

  async #lossesOf(indices: Int32Array, logits: Tensor): Promise<Float32Array> {
    const { labels } = this.loader.dataset;
    using own = await this.context.tensor(indices.map((index) => labels[index] as number));
    using losses = await lossOf(logits, own, 'none', this.config.loss);
    return (await losses.data()) as Float32Array;
  }

  async #descend(loss: Tensor, lr: number, scale: number): Promise<Infinite | undefined> {
    for (const { optimizer } of this.#parts) optimizer.lr = lr;
    const descent = descend(loss, this.#parts, scale);
    const { ema } = this.config;
    const average = ema === undefined ? undefined : this.ema?.network.moveToward(this.model.network, 1 - ema);
    return (await Promise.all([descent, average]))[0];
  }

  /** Returns the error of numbers that are not finite. The last saved epoch is kept. */
  diverged(what: string): SpurmemError {
    const { epoch } = this.progress;
    // Without a saved epoch, the folder is free for other settings.
    const isSaved = epoch > 0;
    return new SpurmemError('NATIVE_FAILED', `The ${what}${isSaved ? ` Epoch ${epoch} is kept.` : ''}`, {
      advice: [
        `Try a lower \`lr\`${isSaved ? ' with another `out`' : ''}.`,
        'Other `weights` may help, too.',
      ],
    });
  }
}

function ofOptimizer(prefix: string, optimizer: Adam): SavedState {
  return underPrefix(
    prefix,
    () => optimizer.state(),
    (state) => optimizer.loadStateDict(state),
  );
}

/**
 * Takes a step of these parts on a loss times `scale`, enqueued as a whole: waiting for JavaScript in between would
 * leave the cores to spinning threads.
 */
export async function descend(
  loss: Tensor,
  parts: readonly TrainedPart[],
  scale = 1,
): Promise<Infinite | undefined> {
  const gradients = [...parts.map(({ network }) => network.zeroGrad(true)), loss.backward(scale)];
  const steps = parts.map(({ optimizer }) => optimizer.step());
  const [infinite] = await Promise.all([Promise.all(steps), ...gradients]);
  return infinite.find((found) => found !== undefined);
}
