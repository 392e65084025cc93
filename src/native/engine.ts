import type { JobOptions } from '../progress.js';
import { givenOf, resolveSettings, typesOf } from '../settings/setting.js';
import { addonInUse, native } from './addon.js';
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

/** Makes the engine compute as these options say, for the whole process. Throws what `resolveDevice` and `setThreads` throw. */
export async function openEngine(
  options: EngineOptions & Pick<JobOptions, 'onInfo'>,
): Promise<ComputeContext> {
  const asked = resolveSettings(ENGINE_SETTINGS, 'article', options);
  const { device: name, threads: most, memoryFormat, cacheOnDevice, ...numerics } = asked;
  const device = resolveDevice(name, joinedGroup().isDistributed);
  // PyTorch refuses deterministic products without it. cuBLAS reads it once: a program that has computed on a GPU before sets it itself.
  if (numerics.deterministic) process.env.CUBLAS_WORKSPACE_CONFIG ??= ':4096:8';
  await native().setNumerics(numerics);
  const threads = await setThreads(most);
  const context = new ComputeContext({ device, memoryFormat, cacheOnDevice }, threads);
  if (name === 'auto') sayWhyCpu(context, options.onInfo);
  return context;
}

let isSaid = false;

/** Says once why a libtorch with CUDA computes on the CPU, where nobody asked for that. */
function sayWhyCpu({ isCpu }: ComputeContext, onInfo: JobOptions['onInfo']): void {
  if (isSaid || !isCpu || addonInUse().libtorch.cuda === null) return;
  isSaid = true;
  onInfo?.(`Computing on the CPU: ${whyNoCuda()[0]}.`);
}
