import { readProgram } from '../../models/exported/program.js';
import type { TensorData } from '../../models/safetensors.js';
import { readWeights } from '../../models/weights.js';
import { weightsFingerprint } from '../../models/weightsFile.js';
import { native } from '../../native/addon.js';
import type { NeuronPlace } from '../../neurons/neuron.js';
import { isFile, type OpenedRun } from '../../train/runFolder.js';
import { createModel } from '../../train/runModel.js';
import type { TraceSession } from '../traceSession.js';
import type { AtlasNeuron, AtlasResult } from './atlasResult.js';

type Weights = Readonly<Record<string, TensorData>>;

/** The weights that a run's training started from, and where they are from. */
interface InitialWeights {
  readonly source: NonNullable<AtlasResult['initial']>;
  readonly weights: Weights;
}

/**
 * The weights of a run before training: those of epoch 0, if it kept them, else the file that it started from, where that is still the
 * same, else those that its seed draws. Undefined where none of them is there.
 */
export async function initialWeights(
  { config, loader }: TraceSession,
  { folder, environment }: Pick<OpenedRun, 'folder' | 'environment'>,
): Promise<InitialWeights | undefined> {
  const first = folder.weights(0);
  if (await isFile(first)) return { source: 'epoch 0', weights: (await readWeights(first)).named };
  if (config.weights === null) {
    using model = await createModel(config, loader, new (native().Generator)(config.seed));
    return { source: 'seed', weights: await model.stateDict() };
  }
  const { weightsPath, archPath } = environment;
  // A file of torch.export holds its own.
  const path = weightsPath ?? archPath;
  if (path === undefined || !(await isFile(path))) return undefined;
  if ((await weightsFingerprint(path)) !== config.weights) return undefined;
  if (weightsPath !== null) return { source: 'weights file', weights: (await readWeights(path)).tensors };
  const { file } = await readProgram(path);
  return file.weights && { source: 'program', weights: file.weights };
}

/**
 * How far training moved some neurons, each beside all of its layer; null where its initial weights are not known.
 *
 * @param parameterOf the parameter with a layer's weights
 */
export function movedNeurons(
  neurons: readonly NeuronPlace[],
  parameterOf: (layer: string) => string,
  trained: Weights,
  initial: Weights | undefined,
): AtlasNeuron['moved'][] {
  const ofLayers = new Map<string, Float64Array | undefined>();
  for (const { layer } of neurons) {
    if (ofLayers.has(layer)) continue;
    const name = parameterOf(layer);
    ofLayers.set(layer, distances(trained[name], initial?.[name]));
  }
  return neurons.map(({ layer, index }) => {
    const all = ofLayers.get(layer);
    const distance = all?.[index];
    if (all === undefined || distance === undefined) return null;
    return { distance, rank: all.filter((other) => other < distance).length / all.length };
  });
}

/** ||w - w0||_2 / ||w0||_2 of each neuron of a layer. */
function distances(trained: TensorData | undefined, initial: TensorData | undefined) {
  const size = trained?.shape[0] ?? 0;
  if (!trained || initial?.data.length !== trained.data.length || size === 0) return undefined;
  const each = trained.data.length / size;
  return Float64Array.from({ length: size }, (_, neuron) => {
    let [moved, before] = [0, 0];
    for (let at = neuron * each; at < (neuron + 1) * each; at += 1) {
      const [now, then] = [Number(trained.data[at]), Number(initial.data[at])];
      moved += (now - then) ** 2;
      before += then ** 2;
    }
    // A neuron of zeros that stayed one.
    return moved === 0 ? 0 : Math.sqrt(moved / before);
  });
}
