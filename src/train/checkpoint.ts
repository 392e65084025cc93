import { z } from 'zod';
import { SpurmemError, messageOf } from '../errors.js';
import type { GroupCounts } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import {
  readSafetensors,
  writeSafetensors,
  type TensorData,
  type WrittenTensor,
} from '../models/safetensors.js';
import type { Generator } from '../native/addon.js';
import { TensorScope } from '../native/tensorScope.js';
import type { Adam } from './adam.js';
import type { ReduceLROnPlateau } from './scheduler.js';

/** Everything that training changes: restoring it continues a run to the same bits. */
export interface TrainingState {
  readonly model: Model;
  /** The moving average of the weights, where one is kept. */
  readonly averaged: Model | undefined;
  readonly optimizer: Adam;
  readonly scheduler: ReduceLROnPlateau;
  readonly generator: Generator;
}

/** What a way to train keeps besides, and what it has chosen for an epoch that is under way. */
export interface MethodState {
  stateDict?(): Promise<Record<string, WrittenTensor>>;
  loadStateDict?(state: Readonly<Record<string, TensorData>>): Promise<void>;
}

/** How far a pass over batches has come, and what it has measured. */
export interface PassProgress {
  /** Batches that a step was made for. */
  readonly batches: number;
  /** The sum of the examples' losses, and of each term. */
  readonly lossSum: number;
  readonly termSums: Readonly<Record<string, number>>;
  readonly counts: GroupCounts;
}

/** An epoch that is under way. */
export interface EpochUnderWay extends PassProgress {
  /** Wall time so far. */
  readonly seconds: number;
}

/** How far training has come. */
export interface TrainingProgress {
  /** Epochs finished. */
  readonly epoch: number;
  /** The selected epoch so far, counted from 1; 0: none yet. */
  readonly bestEpoch: number;
  /** Its validation accuracy by which it was selected (`selectionScore`): the worst group's, unless another was asked for. */
  readonly bestWorstGroupAccuracy: number;
  /** Of the epoch after these, where it is under way. */
  readonly underWay?: EpochUnderWay | undefined;
}

const sums = z.array(z.number().int().min(0));
const underWaySchema = z.object({
  batches: z.number().int().min(1),
  lossSum: z.number(),
  termSums: z.record(z.string(), z.number()),
  counts: z.object({ correct: sums, total: sums }),
  seconds: z.number(),
});

const progressSchema = z.object({
  epoch: z.number().int().min(0),
  bestEpoch: z.number().int().min(0),
  bestWorstGroupAccuracy: z.number(),
  scheduler: z.object({ lr: z.number(), best: z.number().nullable(), badEpochs: z.number().int() }),
  underWay: underWaySchema.optional(),
});

/**
 * Saves the whole training state in one file, atomically: weights as `model.<name>`, their moving average as
 * `averaged.<name>`, moments as `optimizer.<name>`, what the method keeps as `method.<name>`, the generator as `generator`,
 * the rest as metadata.
 *
 * @param drawn the generator's state, from which the next epoch is drawn: that before the epoch under way, where one is
 */
export async function saveTraining(
  path: string,
  { model, averaged, optimizer, scheduler }: Omit<TrainingState, 'generator'>,
  method: MethodState,
  progress: TrainingProgress,
  drawn: Uint8Array,
): Promise<void> {
  using scope = new TensorScope();
  // Nothing is trained meanwhile: the tensors go from the engine to the file one after the other.
  const tensors = {
    ...prefixed('model.', scope.own(await model.network.state())),
    ...prefixed('averaged.', scope.own((await averaged?.network.state()) ?? {})),
    ...prefixed('optimizer.', scope.own(await optimizer.state())),
  };
  await writeSafetensors(
    path,
    {
      ...tensors,
      ...prefixed('method.', (await method.stateDict?.()) ?? {}),
      generator: { shape: [drawn.length], data: drawn },
    },
    { training: JSON.stringify({ ...progress, scheduler: scheduler.state() }) },
  );
}

/**
 * Restores what `saveTraining` saved. Throws `WEIGHTS_INVALID` for a damaged or foreign file; the state may be half
 * restored then.
 */
export async function loadTraining(
  path: string,
  { model, averaged, optimizer, scheduler, generator }: TrainingState,
  method: MethodState,
): Promise<TrainingProgress> {
  const { tensors, metadata } = await readSafetensors(path);
  const progress = progressSchema.safeParse(parsed(metadata.training));
  const { parameters, buffers } = model.description;
  const missing = [...(averaged ? ['model.', 'averaged.'] : ['model.'])]
    .flatMap((prefix) => [...parameters, ...buffers].map(({ name }) => prefix + name))
    .find((name) => !Object.hasOwn(tensors, name));
  try {
    if (!progress.success) throw new Error('it does not say how far training had come');
    if (!tensors.generator) throw new Error('generator is missing');
    if (missing !== undefined) throw new Error(`${missing} is missing`);
    await model.loadStateDict(withPrefix('model.', tensors));
    await averaged?.loadStateDict(withPrefix('averaged.', tensors));
    await optimizer.loadStateDict(withPrefix('optimizer.', tensors));
    await method.loadStateDict?.(withPrefix('method.', tensors));
    generator.setState(tensors.generator.data as Uint8Array);
    scheduler.load(progress.data.scheduler);
    return progress.data;
  } catch (error) {
    throw new SpurmemError(
      'WEIGHTS_INVALID',
      `${path} is no training checkpoint of this run: ${messageOf(error)}. Restore the file, or start anew in another folder.`,
      { cause: error },
    );
  }
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? 'null');
  } catch {
    return null;
  }
}

/** The tensors with a prefix to their names. */
export function prefixed<Value>(
  prefix: string,
  tensors: Readonly<Record<string, Value>>,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** Those whose names have the prefix, without it. */
export function withPrefix(
  prefix: string,
  tensors: Readonly<Record<string, TensorData>>,
): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}
