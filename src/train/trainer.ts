import type { Batch, BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import { countCorrect } from '../metrics/evaluate.js';
import { GroupCounter } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import type { Generator, Network, Tensor } from '../native/addon.js';
import { processGroup, sumOfProcesses } from '../native/processGroup.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { Adam } from './adam.js';
import type { MethodState, TrainingState } from './checkpoint.js';
import type { EpochTraining } from './results.js';
import type { EpochsConfig } from './runConfig.js';
import type { RunFolder } from './runFolder.js';
import { ReduceLROnPlateau } from './scheduler.js';

/** A way to train at work: what it does in an epoch, and what it keeps between epochs besides the trainer's state. */
export interface MethodRun extends MethodState {
  /** What comes before the first epoch, and again only where that epoch was not finished. */
  begin?(): Promise<void>;
  /** @param epoch counted from 1 */
  trainEpoch(epoch: number, lr: number): Promise<EpochTraining>;
}

/** A network that is trained beside the model, such as a projection head. */
export interface TrainedPart {
  readonly network: Network;
  readonly optimizer: Adam;
}

/** A batch's loss with its graph, the logits that it is judged by, and what else is to be known of it. */
export interface BatchLoss {
  readonly loss: Tensor;
  /** [N, numClasses] */
  readonly logits: Tensor;
  /** Parts of the loss by name, each averaged over the epoch. */
  readonly terms?: Readonly<Record<string, Tensor>>;
}

/** A run's model with all that training it takes. */
export class Trainer<Config extends EpochsConfig> implements TrainingState, Disposable {
  readonly optimizer: Adam;
  readonly scheduler: ReduceLROnPlateau;
  readonly #parts: TrainedPart[];

  constructor(
    readonly config: Config,
    readonly folder: RunFolder,
    readonly loader: BatchLoader,
    readonly model: Model,
    /** The moving average of the weights, where one is kept. */
    readonly averaged: Model | undefined,
    readonly generator: Generator,
    readonly job: JobOptions,
  ) {
    this.optimizer = new Adam(model, config.lr, { weightDecay: config.weightDecay });
    const { factor, patience } = config.scheduler;
    this.scheduler = new ReduceLROnPlateau(config.lr, factor, patience);
    this.#parts = [{ network: model.network, optimizer: this.optimizer }];
  }

  /** The model that is evaluated and saved. */
  get evaluated(): Model {
    return this.averaged ?? this.model;
  }

  /** Shares the steps among the processes of a group, where there is one; before the first of them. */
  async distribute(): Promise<void> {
    const group = processGroup();
    const isSynchronized = this.config.processes?.batchNorm === 'synchronized';
    if (!group) return;
    for (const { network } of this.#parts) await network.distribute(group.handle, isSynchronized);
  }

  /** Gives all processes the first one's running statistics, which each has of its own parts of batches. */
  async agreeOnStatistics(): Promise<void> {
    const group = processGroup();
    if (!group) return;
    await this.model.network.copyBuffersFromFirst(group.handle);
    await this.averaged?.network.copyBuffersFromFirst(group.handle);
  }

  /** Trains another network by the same loss, with an optimizer of its own. The trainer disposes it. */
  addPart(network: Network): TrainedPart {
    const part = {
      network,
      optimizer: new Adam({ network }, this.config.lr, { weightDecay: this.config.weightDecay }),
    };
    this.#parts.push(part);
    return part;
  }

  /**
   * One pass over batches: a step for each.
   *
   * @param total examples in all batches
   * @param lossOfBatch the loss and its terms; all their tensors are disposed here
   * @param only.parts that are trained; default: all
   * @param only.task what messages call the pass; default: the epoch
   * @returns the mean loss over the examples, and the accuracies of the batches as they were trained on
   */
  async trainBatches<Prepared extends Batch>(
    epoch: number,
    lr: number,
    batches: AsyncIterable<Prepared>,
    total: number,
    lossOfBatch: (batch: Prepared) => Promise<BatchLoss>,
    only: { readonly parts?: readonly TrainedPart[]; readonly task?: string } = {},
  ): Promise<EpochTraining> {
    const { parts = this.#parts, task } = only;
    const { dataset } = this.loader;
    const counter = new GroupCounter(dataset.numGroups);
    const sums = new Map<string, number>();
    const { size: processes } = processGroup() ?? { size: 1 };
    let lossSum = 0;
    let done = 0;
    let number = 0;
    for await (const batch of batches) {
      using current = batch;
      throwIfAborted(this.job.signal, task ?? `epoch ${epoch}`);
      const { loss, logits, terms = {} } = await lossOfBatch(current);
      const size = current.indices.length;
      number += 1;
      try {
        const [value, predictions, ...values] = await Promise.all([
          loss.item(),
          logits.argmax(),
          ...Object.values(terms).map((term) => term.item()),
          // Processes have parts of a batch of unequal sizes: their gradients are averaged as if they were equal.
          this.#descend(loss, lr, parts, (processes * size) / current.part.total),
        ]);
        if (!Number.isFinite(value)) {
          throw diverged(`loss became ${value} in ${task ?? `epoch ${epoch}`}, batch ${number}`, epoch);
        }
        lossSum += value * size;
        Object.keys(terms).forEach((name, i) => {
          sums.set(name, (sums.get(name) ?? 0) + (values[i] as number) * size);
        });
        countCorrect(counter, dataset, current.indices, predictions);
      } finally {
        for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
      }
      done += current.part.total;
      this.job.onProgress?.({
        task: task ?? `epoch ${epoch}/${this.config.epochs}`,
        done,
        total,
        unit: 'images',
      });
    }
    const totals = await sumOfProcesses(Float64Array.of(lossSum, ...sums.values()));
    const [trainLoss = Number.NaN, ...means] = Array.from(totals, (sum) => sum / done);
    return {
      trainLoss,
      train: (await counter.ofProcesses()).accuracies(dataset.counts.train),
      ...(sums.size > 0
        ? { lossTerms: Object.fromEntries([...sums.keys()].map((name, i) => [name, means[i] as number])) }
        : {}),
    };
  }

  [Symbol.dispose](): void {
    for (const { network } of this.#parts.slice(1)) network.dispose();
  }

  async #descend(loss: Tensor, lr: number, parts: readonly TrainedPart[], scale: number): Promise<void> {
    for (const { optimizer } of parts) optimizer.lr = lr;
    const descent = descend(loss, parts, scale);
    const { averaging } = this.config;
    await Promise.all([
      descent,
      averaging === undefined
        ? undefined
        : this.averaged?.network.moveToward(this.model.network, 1 - averaging),
    ]);
  }
}

/**
 * A step of these parts down a loss. All of it is handed to the compute lane at once, which runs it in order: waiting for
 * JavaScript in between would leave the cores to threads that only spin.
 *
 * @param scale of the loss
 */
export async function descend(loss: Tensor, parts: readonly TrainedPart[], scale = 1): Promise<void> {
  await Promise.all([
    ...parts.flatMap(({ network }) => [network.zeroGrad(), network.prepareReduction()]),
    loss.backward(scale),
    ...parts.map(({ optimizer }) => optimizer.step()),
  ]);
}

/** The error of a loss that is no finite number. The last finished epoch is kept. */
export function diverged(what: string, epoch: number): SpurmemError {
  // Without a finished epoch, the folder is free for other settings.
  const [kept, where] = epoch > 1 ? [` Epoch ${epoch - 1} is kept.`, ' with another `out`'] : ['', ''];
  return new SpurmemError('NATIVE_FAILED', `The ${what}.${kept}`, {
    advice: [`Try a lower \`lr\`${where}.`, 'Other `weights` may help, too.'],
  });
}
