import type { Batch, Batches, BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import type { BatchNormStatistics, Generator, Network, Tensor } from '../native/addon.js';
import type { ComputeContext } from '../native/context.js';
import { isOutOfMemory } from '../native/outOfMemory.js';
import { type PendingRead, PendingReads } from '../native/pendingReads.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { Adam, type Infinite } from './adam.js';
import type { BatchLoss, LossOfBatch } from './batchLoss.js';
import type { MethodState, TrainingProgress, TrainingState } from './checkpoint.js';
import { PassTotals } from './passTotals.js';
import type { EpochTraining } from './results.js';
import type { EpochsConfig } from './runConfig.js';
import type { RunWriter } from './runWriter.js';
import { ReduceLROnPlateau } from './scheduler.js';
import { culprits, requireLastBatch, tooLarge } from './stepFailures.js';

/** A training method in a run. */
export interface MethodRun extends MethodState {
  /** Called once before epoch 1, also when that epoch is repeated. */
  begin?(): void | Promise<void>;
  /** @param epoch counted from 1 */
  trainEpoch(epoch: number, lr: number): Promise<EpochTraining>;
}

/** A network that is trained beside the model, such as a projection head. */
export interface TrainedPart {
  readonly network: Network;
  readonly optimizer: Adam;
}

/** A pass over batches. */
interface Pass {
  readonly lr: number;
  readonly parts: readonly TrainedPart[];
  readonly totals: PassTotals;
}

/** Loss, predictions, what is no longer finite, and the loss's terms. */
type StepValues = [number, Int32Array, Infinite | undefined, number[]];

/** A run's model with all that training it takes. */
export class Trainer<Config extends EpochsConfig> implements TrainingState, Disposable {
  readonly optimizer: Adam;
  readonly scheduler: ReduceLROnPlateau;
  /** As of the last checkpoint. */
  progress: TrainingProgress = { epoch: 0, bestEpoch: 0, bestScore: -1 };
  readonly #parts: TrainedPart[] = [];

  constructor(
    readonly config: Config,
    readonly folder: RunWriter,
    readonly loader: BatchLoader,
    readonly model: Model,
    /** The exponential moving average of the weights. */
    readonly ema: Model | undefined,
    readonly generator: Generator,
    readonly job: JobOptions,
  ) {
    this.optimizer = this.addPart(model.network).optimizer;
    const { factor, patience } = config.scheduler;
    this.scheduler = new ReduceLROnPlateau(config.lr, factor, patience);
  }

  /** The model that is evaluated and saved. */
  get evaluated(): Model {
    return this.ema ?? this.model;
  }

  get context(): ComputeContext {
    return this.model.context;
  }

  get images(): string | undefined {
    return this.loader.digest;
  }

  /** Shares the steps among the processes, where there are several; before the first of them. */
  async distribute(): Promise<void> {
    const syncBatchNorm = this.config.processes?.syncBatchNorm === true;
    for (const { network } of this.#parts) await this.context.distribute(network, syncBatchNorm);
  }

  /** Gives all processes the first one's running statistics: each has those of its own parts of batches. */
  async agreeOnStatistics(): Promise<void> {
    await this.context.broadcastBuffers(this.model.network);
    if (this.ema) await this.context.broadcastBuffers(this.ema.network);
  }

  /** Trains another network by the same loss, with an optimizer of its own. The trainer disposes it. */
  addPart(network: Network): TrainedPart {
    const { lr, weightDecay } = this.config;
    const part = { network, optimizer: new Adam({ network }, lr, weightDecay) };
    this.#parts.push(part);
    return part;
  }

  /**
   * Makes a step for each batch, and disposes the tensors of `lossOfBatch`.
   *
   * @param only.parts the networks that are trained; default: all
   * @param only.task the name of the pass in messages; default: the epoch
   * @param only.statistics the batch-norms' in the pass; default: `shared`
   */
  async trainBatches<Prepared extends Batch>(
    epoch: number,
    lr: number,
    batches: Batches<Prepared>,
    lossOfBatch: LossOfBatch<Prepared>,
    only: {
      readonly parts?: readonly TrainedPart[];
      readonly task?: string;
      readonly statistics?: BatchNormStatistics;
    } = {},
  ): Promise<EpochTraining> {
    const { context, job } = this;
    const { parts = this.#parts, task = `epoch ${epoch}`, statistics = 'shared' } = only;
    const title = only.task ?? `epoch ${epoch}/${this.config.epochs}`;
    const totals = new PassTotals(this.loader.dataset);
    const total = batches.indices.length;
    let number = 0;
    let done = 0;
    try {
      await using pending = new PendingReads(context);
      await requireLastBatch(this.model, this.loader, batches, statistics);
      for await (const batch of batches) {
        using current = batch;
        throwIfAborted(job.signal, task);
        const loss = await lossOfBatch(current);
        number += 1;
        const step = this.#step({ lr, parts, totals }, `${task}, batch ${number}`, current, loss);
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
      return await totals.means(context, done);
    } catch (error) {
      throw isOutOfMemory(error) ? tooLarge(batches.batchSize, error) : error;
    }
  }

  [Symbol.dispose](): void {
    for (const { network } of this.#parts.slice(1)) network.dispose();
  }

  /** A step down the loss of a batch, and its measurements. */
  #step(
    pass: Pass,
    place: string,
    { indices, part }: Batch,
    { loss, logits, terms = {} }: BatchLoss,
  ): PendingRead<StepValues> {
    // Processes have parts of a batch of unequal sizes: their gradients are averaged as if they were equal.
    const scale = (this.context.worldSize * indices.length) / part.total;
    return {
      read: Promise.all([
        loss.item(),
        logits.argmax(),
        this.#descend(loss, pass, scale),
        Promise.all(Object.values(terms).map((term) => term.item())),
      ]),
      finish: async ([value, predictions, infinite, values]) => {
        const bad = !Number.isFinite(value)
          ? `loss became ${value}`
          : infinite && `${infinite} became infinite or NaN`;
        if (bad) {
          throw this.diverged(`${bad} in ${place}. ${await culprits(this.loader.dataset, indices, logits)}`);
        }
        const means = Object.keys(terms).map((name, i) => [name, values[i] as number] as const);
        pass.totals.add(indices, value, means, predictions);
      },
      dispose() {
        for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
      },
    };
  }

  async #descend(loss: Tensor, { lr, parts }: Pass, scale: number): Promise<Infinite | undefined> {
    for (const { optimizer } of parts) optimizer.lr = lr;
    const descent = descend(loss, parts, scale);
    const { ema } = this.config;
    const average = ema === undefined ? undefined : this.ema?.network.moveToward(this.model.network, 1 - ema);
    return (await Promise.all([descent, average]))[0];
  }

  /** The error of numbers that are not finite. The last checkpoint is kept. */
  diverged(what: string): SpurmemError {
    const { epoch } = this.progress;
    // Without a checkpoint, the folder is free for other settings.
    const hasCheckpoint = epoch > 0;
    return new SpurmemError(
      'NATIVE_FAILED',
      `The ${what}${hasCheckpoint ? ` Epoch ${epoch} is kept.` : ''}`,
      {
        advice: [
          `Try a lower \`lr\`${hasCheckpoint ? ' with another `out`' : ''}.`,
          'Other `weights` may help, too.',
        ],
      },
    );
  }
}

/**
 * A step of these parts down a loss, times `scale`, handed to the compute lane at once: waiting for JavaScript in between would
 * leave the cores to threads that only spin.
 */
export async function descend(
  loss: Tensor,
  parts: readonly TrainedPart[],
  scale = 1,
): Promise<Infinite | undefined> {
  const gradients = [
    ...parts.flatMap(({ network }) => [network.zeroGrad(), network.prepareReduction()]),
    loss.backward(scale),
  ];
  const steps = parts.map(({ optimizer }) => optimizer.step());
  const [infinite] = await Promise.all([Promise.all(steps), ...gradients]);
  return infinite.find((found) => found !== undefined);
}
