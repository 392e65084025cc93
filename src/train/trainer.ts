import { Arrears } from '../native/arrears.js';
import type { Batch, Batches, BatchLoader } from '../data/batches.js';
import { invalidParameter, messageOf, SpurmemError } from '../errors.js';
import { countCorrect } from '../metrics/evaluate.js';
import { GroupCounter } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import type { Generator, Network, Tensor } from '../native/addon.js';
import { processGroup, sumOfProcesses } from '../native/processGroup.js';
import { isOutOfMemory } from '../native/outOfMemory.js';
import { TensorScope } from '../native/tensorScope.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { Adam, type Infinite } from './adam.js';
import type { MethodState, PassProgress, TrainingProgress, TrainingState } from './checkpoint.js';
import type { EpochTraining } from './results.js';
import type { EpochsConfig } from './runConfig.js';
import type { RunFolder } from './runFolder.js';
import { ReduceLROnPlateau } from './scheduler.js';

/** A way to train at work: what it does in an epoch, and what it keeps between epochs besides the trainer's state. */
export interface MethodRun extends MethodState {
  /** What comes before the first epoch, and again only where that epoch was not finished. */
  begin?(): Promise<void>;
  /**
   * What it chooses before an epoch's first step and keeps until its last, as part of `stateDict`: a run that goes on inside an
   * epoch does not choose anew.
   *
   * @param epoch counted from 1
   */
  beginEpoch?(epoch: number): Promise<void>;
  /**
   * An epoch's draws and steps.
   *
   * @param epoch counted from 1
   */
  trainEpoch(epoch: number, lr: number): Promise<EpochTraining>;
}

/** A network that is trained beside the model, such as a projection head. */
export interface TrainedPart {
  readonly network: Network;
  readonly optimizer: Adam;
}

/** Images that a message names at most. */
const NAMED_IMAGES = 10;

/** A batch's loss with its graph, the logits that it is judged by, and what else is to be known of it. */
export interface BatchLoss {
  readonly loss: Tensor;
  /** [N, numClasses] */
  readonly logits: Tensor;
  /** Parts of the loss by name, each averaged over the epoch. */
  readonly terms?: Readonly<Record<string, Tensor>>;
}

/** How an epoch can be left and taken up again between its batches. */
export interface EpochCheckpoints {
  /** What the run had done of this epoch before. */
  readonly done: PassProgress | undefined;
  /** Steps from one checkpoint to the next. */
  readonly every: number | undefined;
  save(done: PassProgress): Promise<void>;
}

/** A run's model with all that training it takes. */
export class Trainer<Config extends EpochsConfig> implements TrainingState, Disposable {
  readonly optimizer: Adam;
  readonly scheduler: ReduceLROnPlateau;
  /** What the last checkpoint has. */
  progress: TrainingProgress = { epoch: 0, bestEpoch: 0, bestWorstGroupAccuracy: -1 };
  /** Of the epoch under way; a pass that is none, such as a warm-up, has none. */
  checkpoints: EpochCheckpoints | undefined;
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
   * One pass over batches: a step for each, from the first one on that the run had not done before.
   *
   * @param lossOfBatch the loss and its terms; all their tensors are disposed here
   * @param only.parts that are trained; default: all
   * @param only.task what messages call the pass; default: the epoch
   * @returns the mean loss over the examples, and the accuracies of the batches as they were trained on
   */
  async trainBatches<Prepared extends Batch>(
    epoch: number,
    lr: number,
    batches: Batches<Prepared>,
    lossOfBatch: (batch: Prepared) => Promise<BatchLoss>,
    only: { readonly parts?: readonly TrainedPart[]; readonly task?: string } = {},
  ): Promise<EpochTraining> {
    try {
      return await this.#trainBatches(epoch, lr, batches, lossOfBatch, only);
    } catch (error) {
      // Of several processes, the others would wait for this one's attempts.
      if (!isOutOfMemory(error) || processGroup()) throw error;
      throw tooLarge(batches.batchSize, await this.#fitting(batches, lossOfBatch), error);
    }
  }

  [Symbol.dispose](): void {
    for (const { network } of this.#parts.slice(1)) network.dispose();
  }

  async #trainBatches<Prepared extends Batch>(
    epoch: number,
    lr: number,
    batches: Batches<Prepared>,
    lossOfBatch: (batch: Prepared) => Promise<BatchLoss>,
    only: { readonly parts?: readonly TrainedPart[]; readonly task?: string },
  ): Promise<EpochTraining> {
    const { parts = this.#parts, task = `epoch ${epoch}` } = only;
    const { checkpoints } = this;
    const { dataset } = this.loader;
    const { size: processes } = processGroup() ?? { size: 1 };
    const total = batches.indices.length;
    const before = checkpoints?.done;
    const counter = new GroupCounter(dataset.numGroups, before?.counts);
    const sums = new Map(Object.entries(before?.termSums ?? {}));
    let lossSum = before?.lossSum ?? 0;
    let number = before?.batches ?? 0;
    let done = number * batches.batchSize;
    let saved = number;
    await using arrears = new Arrears(this.model.device);
    const save = async (): Promise<void> => {
      await arrears.drain();
      if (number === saved) return;
      const termSums = Object.fromEntries(sums);
      await checkpoints?.save({ batches: number, lossSum, termSums, counts: counter.counts });
      saved = number;
    };
    await this.#requireNorms(batches);
    for await (const batch of batches.from(number)) {
      using current = batch;
      if (this.job.signal?.aborted === true && checkpoints?.every !== undefined) await save();
      throwIfAborted(this.job.signal, task);
      const { loss, logits, terms = {} } = await lossOfBatch(current);
      const { indices, part } = current;
      const size = indices.length;
      number += 1;
      const place = `${task}, batch ${number}`;
      await arrears.add({
        read: Promise.all([
          loss.item(),
          logits.argmax(),
          // Processes have parts of a batch of unequal sizes: their gradients are averaged as if they were equal.
          this.#descend(loss, lr, parts, (processes * size) / part.total),
          ...Object.values(terms).map((term) => term.item()),
        ]),
        finish: async ([value, predictions, infinite, ...values]) => {
          const bad = !Number.isFinite(value)
            ? `loss became ${value}`
            : infinite && `${infinite} became infinite or NaN`;
          if (bad) throw this.diverged(`${bad} in ${place}. ${await this.#culprits(indices, logits)}`);
          lossSum += value * size;
          Object.keys(terms).forEach((name, i) => {
            sums.set(name, (sums.get(name) ?? 0) + (values[i] as number) * size);
          });
          countCorrect(counter, dataset, indices, predictions);
          done += part.total;
          this.job.onProgress?.({
            task: only.task ?? `epoch ${epoch}/${this.config.epochs}`,
            done,
            total,
            unit: 'images',
          });
        },
        dispose() {
          for (const tensor of [loss, logits, ...Object.values(terms)]) tensor.dispose();
        },
      });
      if (
        checkpoints?.every !== undefined &&
        number % checkpoints.every === 0 &&
        number * batches.batchSize < total
      ) {
        await save();
      }
    }
    await arrears.drain();
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

  /** The error of numbers that are not finite. What the last checkpoint has is kept. */
  diverged(what: string): SpurmemError {
    const { epoch, underWay } = this.progress;
    const hasCheckpoint = epoch > 0 || underWay !== undefined;
    const kept = underWay ? `Epoch ${epoch + 1} up to batch ${underWay.batches}` : `Epoch ${epoch}`;
    // Without a checkpoint, the folder is free for other settings.
    return new SpurmemError('NATIVE_FAILED', `The ${what}${hasCheckpoint ? ` ${kept} is kept.` : ''}`, {
      advice: [
        `Try a lower \`lr\`${hasCheckpoint ? ' with another `out`' : ''}.`,
        'Other `weights` may help, too.',
      ],
    });
  }

  /** The largest batch that fits into memory, of half as many images and half of these; none where not even one does. The model is changed. */
  async #fitting<Prepared extends Batch>(
    batches: Batches<Prepared>,
    lossOfBatch: (batch: Prepared) => Promise<BatchLoss>,
  ): Promise<number | undefined> {
    for (let size = batches.batchSize >> 1; size > 0; size >>= 1) {
      try {
        using scope = new TensorScope();
        using batch = await batches.start(size);
        const { loss, logits, terms = {} } = await lossOfBatch(batch);
        scope.own({ loss, logits, ...terms });
        await loss.backward();
        return size;
      } catch (error) {
        if (!isOutOfMemory(error)) return undefined;
      }
    }
    return undefined;
  }

  /**
   * Throws `USAGE` where the last batch has one image and batch-norm one value of it: better before the first step than after
   * an epoch.
   */
  async #requireNorms({ indices, batchSize }: Batches<Batch>): Promise<void> {
    if (indices.length % batchSize !== 1) return;
    for await (const batch of this.loader.evaluation(indices.slice(-1), 1)) {
      using current = batch;
      try {
        using _logits = await this.model.network.forward(current.images, { statistics: 'separate' });
      } catch (error) {
        throw invalidParameter('batchSize', batchSize, 'a size that leaves no last batch of one image', [
          `An epoch has ${indices.length} images: ${messageOf(error)}`,
        ]);
      }
    }
  }

  /** Names the images of a batch whose logits are not finite, or all where each or none is to blame. */
  async #culprits(indices: Int32Array, logits: Tensor): Promise<string> {
    const { examples } = this.loader.dataset;
    const values = (await logits.data()) as Float32Array;
    const classes = values.length / indices.length;
    const bad = indices.filter((_, i) =>
      values.subarray(i * classes, (i + 1) * classes).some((value) => !Number.isFinite(value)),
    );
    const blamed = bad.length > 0 ? bad : indices;
    const which = blamed.length < indices.length ? 'Of its images, not finite are' : 'Its images are';
    const names = Array.from(blamed, (index) => examples[index]?.filename ?? '');
    const others = names.length > NAMED_IMAGES ? ` and ${names.length - NAMED_IMAGES} more` : '';
    return `${which} ${names.slice(0, NAMED_IMAGES).join(', ')}${others}.`;
  }

  async #descend(
    loss: Tensor,
    lr: number,
    parts: readonly TrainedPart[],
    scale: number,
  ): Promise<Infinite | undefined> {
    for (const { optimizer } of parts) optimizer.lr = lr;
    const descent = descend(loss, parts, scale);
    const { averaging } = this.config;
    const [infinite] = await Promise.all([
      descent,
      averaging === undefined
        ? undefined
        : this.averaged?.network.moveToward(this.model.network, 1 - averaging),
    ]);
    return infinite;
  }
}

/**
 * A step of these parts down a loss. All of it is handed to the compute lane at once, which runs it in order: waiting for
 * JavaScript in between would leave the cores to threads that only spin.
 *
 * @param scale of the loss
 * @returns what is no longer finite
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

/** The error of a batch that does not fit into memory. */
function tooLarge(size: number, fitting: number | undefined, cause: unknown): SpurmemError {
  const fits = fitting === undefined ? '' : ` ${fitting} ${fitting === 1 ? 'does' : 'do'}.`;
  const advice = fitting === undefined ? 'a smaller `batchSize`' : `\`batchSize\` ${fitting}`;
  return new SpurmemError('NATIVE_FAILED', `A batch of ${size} images does not fit into memory.${fits}`, {
    parameter: 'batchSize',
    value: size,
    advice: [`Choose ${advice}, or free memory.`],
    cause,
  });
}
