import { messageOf, SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import { readSafetensors, type TensorData, type WrittenTensor } from '../models/safetensors.js';
import { TensorScope } from '../native/tensorScope.js';
import type { JobOptions } from '../progress.js';
import type { TrainingProgress } from './results.js';
import type { RunWriter } from './runWriter.js';
import type { ReduceLROnPlateau } from './scheduler.js';

type Named<Value> = Readonly<Record<string, Value>>;

/** Tensors that training changes besides the model's, such as a buffer or a projection head. */
export interface SavedState {
  save(): Named<WrittenTensor> | Promise<Named<WrittenTensor>>;
  /** Restores what `save` gave, out of all tensors of a checkpoint. Throws an Error naming what is missing. */
  load(tensors: Named<TensorData>): void | Promise<void>;
}

/** A run, by what its epochs change. */
interface SavedRun {
  readonly folder: RunWriter;
  readonly model: Model;
  /** The exponential moving average of the weights. */
  readonly ema: Model | undefined;
  /** The model that is evaluated and saved. */
  readonly evaluated: Model;
  readonly scheduler: ReduceLROnPlateau;
  readonly states: readonly SavedState[];
  readonly loader: { readonly digest: string };
  readonly job: JobOptions;
}

/** Writes the run as its newest epoch, with all that a resumed run needs. */
export async function saveEpoch(run: SavedRun, progress: TrainingProgress): Promise<void> {
  const { model, ema, folder } = run;
  using scope = new TensorScope();
  const weights = scope.own(await run.evaluated.network.state());
  // With an average, the epoch's weights are the average.
  const state: Record<string, WrittenTensor> =
    ema === undefined ? {} : prefixed('model.', scope.own(await model.network.state()));
  for (const saved of run.states) {
    for (const [name, tensor] of Object.entries(await saved.save())) {
      state[name] = 'dtype' in tensor ? scope.own(tensor) : tensor;
    }
  }
  await folder.commit(progress, weights, state);
}

/**
 * Restores the run's newest epoch, and checks that the selected one is there. Throws `WEIGHTS_INVALID` for a damaged or foreign file, when
 * half may be restored; `RUN_INVALID` where the selected epoch's weights are missing or damaged, which no later epoch may replace.
 */
export async function restoreEpoch(run: SavedRun, progress: TrainingProgress): Promise<void> {
  const { epoch, bestEpoch, images, scheduler } = progress;
  const { model, ema, folder, job } = run;
  await restoreFrom(folder.weights(epoch), async (tensors) => {
    await (ema ?? model).loadStateDict(whole(run, '', tensors));
  });
  await restoreFrom(folder.state(epoch), async (tensors) => {
    if (ema !== undefined) await model.loadStateDict(whole(run, 'model.', tensors));
    for (const saved of run.states) await saved.load(tensors);
  });
  if (scheduler !== undefined) run.scheduler.load(scheduler);
  if (bestEpoch > 0 && bestEpoch !== epoch) await requireSelected(folder.weights(bestEpoch), bestEpoch);
  if (images !== undefined && images !== run.loader.digest) {
    job.onWarning?.(
      'The images are not those that the run was trained on until now: some were replaced. It goes on with these, and its numbers are of both.',
    );
  }
}

/** The model's tensors in a checkpoint. Throws an Error naming one that is missing. */
function whole({ model }: SavedRun, prefix: string, tensors: Named<TensorData>): Record<string, TensorData> {
  const { parameters, buffers } = model.description;
  const found = withPrefix(prefix, tensors);
  const missing = [...parameters, ...buffers].find(({ name }) => !Object.hasOwn(found, name));
  if (missing) throw new Error(`${prefix}${missing.name} is missing`);
  return found;
}

/** Reads a file and restores its tensors. Throws `WEIGHTS_INVALID`. */
async function restoreFrom(
  path: string,
  restore: (tensors: Named<TensorData>) => Promise<void>,
): Promise<void> {
  try {
    await restore((await readSafetensors(path)).tensors);
  } catch (error) {
    const isUnreadable = error instanceof SpurmemError && error.code === 'WEIGHTS_INVALID';
    const problem = isUnreadable
      ? error.problem
      : `${path} is no training checkpoint of this run: ${messageOf(error)}.`;
    const advice = ['Restore the file, or start anew in another folder.'];
    throw new SpurmemError('WEIGHTS_INVALID', problem, { advice, cause: error });
  }
}

async function requireSelected(path: string, epoch: number): Promise<void> {
  try {
    await readSafetensors(path);
  } catch (error) {
    const reason = error instanceof SpurmemError ? error.problem : messageOf(error);
    throw lacking(`${path} should have the weights of epoch ${epoch}, the best so far: ${reason}`, error);
  }
}

/** The error of a run that cannot go on. */
export function lacking(problem: string, cause?: unknown): SpurmemError {
  const rest = 'Nothing was changed. Restore that file, or start anew in another folder.';
  return new SpurmemError('RUN_INVALID', `${problem} ${rest}`, cause === undefined ? {} : { cause });
}

/** Tensors with a prefix added to their names. */
export function prefixed<Value>(prefix: string, tensors: Named<Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** The tensors whose names have the prefix, without it. */
export function withPrefix<Value>(prefix: string, tensors: Named<Value>): Record<string, Value> {
  const found = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
