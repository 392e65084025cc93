import { SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { givenOf, resolveSettings, typesOf } from '../settings/setting.js';
import { type Addon, addonInUse, native } from './addon.js';
import { ComputeContext } from './context.js';
import { resolveDevice, setThreads, whyNoCuda } from './device.js';
import { ENGINE_SETTINGS, type EngineOptions, NUMERICS } from './engineOptions.js';
import { joinedGroup } from './processGroup.js';

export type { EngineOptions } from './engineOptions.js';

export const ENGINE_TYPES = typesOf(ENGINE_SETTINGS);

/** The engine's options that were given. */
export function engineOptions(options: EngineOptions): EngineOptions {
  return givenOf(ENGINE_SETTINGS, options);
}

/** The given options that change numbers. */
export function numericOptions(options: EngineOptions): EngineOptions {
  return givenOf(NUMERICS, options);
}

/**
 * Makes the engine compute as these options say, for the whole process, until the context is disposed: other jobs may compute beside it
 * that want the same threads and numerics.
 *
 * @throws `USAGE` where other jobs of the process want others, and what `resolveDevice` and `setThreads` throw
 */
export async function openEngine(
  options: EngineOptions & Pick<JobOptions, 'onInfo'>,
): Promise<ComputeContext> {
  const asked = resolveSettings(ENGINE_SETTINGS, 'article', options);
  const { device: name, threads: most, memoryFormat, ...numerics } = asked;
  const device = resolveDevice(name, joinedGroup().isDistributed);
  const release = claim({ threads: most, ...numerics });
  try {
    const threads = await compute(most, numerics);
    const context = new ComputeContext({ device, memoryFormat }, threads, release);
    if (name === 'auto') sayWhyCpu(context, options.onInfo);
    return context;
  } catch (error) {
    release();
    throw error;
  }
}

/** Sets the process's numerics and threads, and returns their number. */
async function compute(threads: number, numerics: Parameters<Addon['setNumerics']>[0]): Promise<number> {
  // PyTorch refuses deterministic products without it. cuBLAS reads it once: a program that has computed on a GPU before sets it itself.
  if (numerics.deterministic) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
  await native().setNumerics(numerics);
  return setThreads(threads);
}

/** Claims how the process computes. Returns what ends the claim. Throws `USAGE`. */
function claim(wanted: Readonly<Record<string, unknown>>): () => void {
  const others = native().claim(JSON.stringify(wanted));
  if (others !== null) {
    const theirs = JSON.parse(others) as typeof wanted;
    const [name = '', value] = Object.entries(wanted).find(([key, one]) => theirs[key] !== one) ?? [];
    throw new SpurmemError(
      'USAGE',
      `\`${name}\` is ${String(value)}, and another job of this process computes with ${String(theirs[name])}: it holds for the whole process.`,
      {
        parameter: name,
        value,
        advice: ['Wait for that job, give both the same, or start another process.'],
      },
    );
  }
  let isHeld = true;
  return () => {
    if (isHeld) native().release();
    isHeld = false;
  };
}

let isSaid = false;

/** Says once why a libtorch with CUDA computes on the CPU, where nobody asked for that. */
function sayWhyCpu({ isCpu }: ComputeContext, onInfo: JobOptions['onInfo']): void {
  if (isSaid || !isCpu || addonInUse().libtorch.cuda === null) return;
  isSaid = true;
  onInfo?.(`Computing on the CPU: ${whyNoCuda()[0]}.`);
}
