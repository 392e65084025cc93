import { messageOf, SpurmemError } from '../errors.js';
import { readSafetensors, type TensorData, type WrittenTensor } from '../models/safetensors.js';
import { TensorScope } from '../native/context.js';
import type { TrainingProgress } from './results.js';
import type { Run } from './run.js';
import type { RunConfig } from './runConfig.js';
import { isFile } from './runFiles.js';
import { type Named, prefixed, withPrefix } from './savedState.js';

/** Writes the run as its newest epoch, with everything needed to resume it. */
export async function saveEpoch<Config extends RunConfig>(
  run: Run<Config>,
  progress: TrainingProgress,
): Promise<void> {
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
  run.progress = progress;
}

/**
 * Restores the run's newest epoch, and checks the selected one. Throws `WEIGHTS_INVALID` for a damaged or foreign file, when the run may be
 * half restored; `RUN_INVALID` if the selected epoch's weights are missing or damaged, which no later epoch can replace.
 */
export async function restoreEpoch<Config extends RunConfig>(
  run: Run<Config>,
  progress: TrainingProgress,
): Promise<void> {
  const { epoch, bestEpoch, images } = progress;
  const { model, ema, folder, job } = run;
  await restoreFrom(folder.weights(epoch), async (tensors) => {
    await (ema ?? model).loadStateDict(whole(run, '', tensors));
  });
  // Finished runs have none, and train no further.
  if (await isFile(folder.state(epoch))) {
    await restoreFrom(folder.state(epoch), async (tensors) => {
      if (ema !== undefined) await model.loadStateDict(whole(run, 'model.', tensors));
      for (const saved of run.states) await saved.load(tensors);
    });
  }
  run.progress = progress;
  if (bestEpoch > 0 && bestEpoch !== epoch) await requireSelected(folder.weights(bestEpoch), bestEpoch);
  if (images !== undefined && images !== run.loader.digest) {
    job.onWarning?.(
      'Some images were replaced since the run was last trained. It continues with the new ones, and its numbers come from both.',
    );
  }
}

/** Returns the model's tensors in a checkpoint. Throws an Error naming a missing one. */
function whole(
  { model }: Pick<Run<RunConfig>, 'model'>,
  prefix: string,
  tensors: Named<TensorData>,
): Record<string, TensorData> {
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

/** Returns the error of a run that cannot resume. */
export function lacking(problem: string, cause?: unknown): SpurmemError {
  const rest = 'Nothing was changed. Restore that file, or start anew in another folder.';
  return new SpurmemError('RUN_INVALID', `${problem} ${rest}`, cause === undefined ? {} : { cause });
}
