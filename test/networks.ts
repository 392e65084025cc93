import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Architecture } from '../src/models/architectures.js';
import { Model } from '../src/models/model.js';
import { native } from '../src/native/addon.js';
import type { NativeArray, Tensor } from '../src/native/interface.js';

/** A model on the CPU, by default with two outputs and the initial weights of seed 0. */
export async function newModel(
  arch: Architecture,
  options: { readonly seed?: number } & Partial<Parameters<typeof Model.create>[0]> = {},
): Promise<Model> {
  const { seed = 0, ...others } = options;
  const generator = new (native().Generator)(seed);
  return Model.create({ arch, numClasses: 2, generator, device: 'cpu', ...others });
}

/** Images [N, 3, H, W], channels last, as networks take them. */
export async function imagesOf(data: NativeArray, shape: readonly number[]): Promise<Tensor> {
  using contiguous = await native().tensor(data, shape, 'cpu');
  return await contiguous.channelsLast();
}

/** Labels 0, 1, 0, 1, ... of so many images. */
export async function labelsOf(count: number): Promise<Tensor> {
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  return native().tensor(labels, [count], 'cpu');
}

/** The number of live tensors once garbage, such as of other files in this process, is collected. */
export async function settledTensors(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const before = native().liveTensors();
  runInNewContext('gc()');
  await new Promise(setImmediate);
  return native().liveTensors() < before ? settledTensors() : before;
}
