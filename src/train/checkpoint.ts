import { z } from 'zod';
import { messageOf, SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import {
  readSafetensors,
  type TensorData,
  writeSafetensors,
  type WrittenTensor,
} from '../models/safetensors.js';
import type { Generator } from '../native/addon.js';
import { TensorScope } from '../native/tensorScope.js';
import type { Adam } from './adam.js';
import { jsonOf } from './runFiles.js';
import type { ReduceLROnPlateau } from './scheduler.js';

/** All that training changes: a run that restores it continues to the same bits. */
export interface TrainingState {
  readonly model: Model;
  /** The exponential moving average of the weights. */
  readonly ema: Model | undefined;
  readonly optimizer: Adam;
  readonly scheduler: ReduceLROnPlateau;
  readonly generator: Generator;
  /** What tells the images from others, by their pixels, once all are decoded. */
  readonly images: string | undefined;
}

/** A training method's own state between epochs. */
export interface MethodState {
  stateDict?(): Record<string, WrittenTensor> | Promise<Record<string, WrittenTensor>>;
  loadStateDict?(state: Readonly<Record<string, TensorData>>): void | Promise<void>;
}

const progressSchema = z.object({
  /** Epochs finished. */
  epoch: z.number().int().min(0),
  /** The selected epoch, counted from 1; 0: none yet. */
  bestEpoch: z.number().int().min(0),
  /** Its `selectionScore`. */
  bestScore: z.number(),
  /** Whether training ends with that epoch, before the last one. */
  ended: z.boolean().optional(),
  /** `TrainingState.images` until then. */
  images: z.string().optional(),
});
export type TrainingProgress = Readonly<z.infer<typeof progressSchema>>;

const trainingSchema = progressSchema.extend({
  scheduler: z.object({ lr: z.number(), best: z.number().nullable(), badEpochs: z.number().int() }),
});

/**
 * Saves the whole training state in one file, atomically: tensors as `model.<name>`, `ema.<name>`, `optimizer.<name>`,
 * `method.<name>` and `generator`, the rest as metadata. `drawn` is the generator's state before the next epoch, or the one
 * under way.
 */
export async function saveTraining(
  path: string,
  { model, ema, optimizer, scheduler, images }: Omit<TrainingState, 'generator'>,
  method: MethodState,
  progress: TrainingProgress,
  drawn: Uint8Array,
): Promise<void> {
  using scope = new TensorScope();
  // Nothing is trained meanwhile: the tensors go from the engine to the file one after the other.
  const tensors = {
    ...prefixed('model.', scope.own(await model.network.state())),
    ...prefixed('ema.', scope.own((await ema?.network.state()) ?? {})),
    ...prefixed('optimizer.', scope.own(await optimizer.state())),
    ...prefixed('method.', (await method.stateDict?.()) ?? {}),
    generator: { shape: [drawn.length], data: drawn },
  };
  const training = JSON.stringify({ ...progress, images, scheduler: scheduler.state() });
  await writeSafetensors(path, tensors, { training });
}

/** Restores what `saveTraining` saved. Throws `WEIGHTS_INVALID` for a damaged or foreign file, when half may be restored. */
export async function loadTraining(
  path: string,
  { model, ema, optimizer, scheduler, generator }: TrainingState,
  method: MethodState,
): Promise<TrainingProgress> {
  const { tensors, metadata } = await readSafetensors(path).catch((error: unknown) => {
    throw unusable(error instanceof SpurmemError ? error.problem : `${path}: ${messageOf(error)}.`, error);
  });
  const progress = trainingSchema.safeParse(jsonOf(metadata.training ?? ''));
  const { parameters, buffers } = model.description;
  const missing = (ema ? ['model.', 'ema.'] : ['model.'])
    .flatMap((prefix) => [...parameters, ...buffers].map(({ name }) => prefix + name))
    .find((name) => !Object.hasOwn(tensors, name));
  try {
    if (!progress.success) throw new Error('it does not say how far training had come');
    if (!tensors.generator) throw new Error('generator is missing');
    if (missing !== undefined) throw new Error(`${missing} is missing`);
    await model.loadStateDict(withPrefix('model.', tensors));
    await ema?.loadStateDict(withPrefix('ema.', tensors));
    await optimizer.loadStateDict(withPrefix('optimizer.', tensors));
    await method.loadStateDict?.(withPrefix('method.', tensors));
    generator.setState(tensors.generator.data as Uint8Array);
    scheduler.load(progress.data.scheduler);
    return progress.data;
  } catch (error) {
    throw unusable(`${path} is no training checkpoint of this run: ${messageOf(error)}.`, error);
  }
}

function unusable(problem: string, cause: unknown): SpurmemError {
  const advice = ['Restore the file, or start anew in another folder.'];
  return new SpurmemError('WEIGHTS_INVALID', problem, { advice, cause });
}

/** The tensors with a prefix to their names. */
export function prefixed<Value>(prefix: string, tensors: Named<Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** Those whose names have the prefix, without it. */
export function withPrefix(prefix: string, tensors: Named<TensorData>): Record<string, TensorData> {
  const found = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

type Named<Value> = Readonly<Record<string, Value>>;
