import type { BatchLoader } from '../data/batches.js';
import { loadDataset, requireGroups, type Dataset, type DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Loss } from '../metrics/loss.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { native, type MemoryFormat, type Unit } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import type { Criterion, ModelLayer, Neuron, NeuronLayer } from '../neurons/neuron.js';
import {
  gradientScores,
  magnitudeScores,
  worstSamples,
  type GradientSource,
  type ScoredExample,
} from '../neurons/score.js';
import {
  countNeurons,
  magnitudeLayers,
  requireTopK,
  scoresOf,
  selectTopK,
  unitLayers,
  type MagnitudeLayers,
} from '../neurons/select.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import { openRun, requireSameDataset, type RunConfig, type RunFolder } from '../train/runFolder.js';
import { createModel, openImages } from '../train/runModel.js';
import { TRACE_DEFAULTS, gradientSourceOf, type GradientSourceOptions } from './protocol.js';
import type { SessionHeader } from './results.js';

/** What every trace takes. */
export interface SessionOptions extends JobOptions {
  /** A run that `trainErm` finished. */
  readonly run: string;
  /** The dataset's folder; by default the one that the run was trained on. */
  readonly data?: string | undefined;
  /** How to read it; by default as in training. */
  readonly datasetOptions?: DatasetOptions | undefined;
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  /** Default: channels_last. */
  readonly memoryFormat?: MemoryFormat | undefined;
  readonly batchSize?: number | undefined;
  readonly unit?: Unit | undefined;
  /** Whose settings the ones below default to; default: the article's. */
  readonly protocol?: Protocol | undefined;
  /** The samples of a group that its gradient is taken on. */
  readonly gradientSource?: GradientSourceOptions | undefined;
  /** Where magnitude chooses neurons. */
  readonly magnitudeLayers?: MagnitudeLayers | undefined;
  /** What ranks samples and whose gradient is taken; under either protocol by default what the run was trained with. */
  readonly loss?: Loss | undefined;
}

/** How a session finds neurons: what was asked for, or the protocol's. */
export interface TraceSettings {
  readonly protocol: Protocol;
  readonly unit: Unit;
  readonly loss: Loss;
  readonly magnitudeLayers: MagnitudeLayers;
  readonly gradientSource: GradientSource;
}

/** A trained run opened for tracing: its selected model, its data, and the scores of its neurons. */
export class TraceSession implements Disposable {
  /** The model's layers, each with as many units as it has neurons, or single weights where they are the unit. */
  readonly unitLayers: readonly ModelLayer[];
  /** Units in the whole model, M. */
  readonly numNeurons: number;
  readonly #scores = new Map<string, Promise<Float32Array>>();
  #sources: Promise<readonly Int32Array[]> | undefined;

  private constructor(
    readonly options: SessionOptions,
    readonly settings: TraceSettings,
    readonly folder: RunFolder,
    readonly config: RunConfig,
    readonly dataset: Dataset,
    readonly loader: BatchLoader,
    readonly model: Model,
    /** sha256 of the traced weights file. */
    readonly checkpoint: string,
  ) {
    this.unitLayers = unitLayers(model.description.layers, settings.unit);
    this.numNeurons = countNeurons(this.unitLayers);
  }

  /**
   * Opens a run.
   *
   * @throws `RUN_NOT_FOUND`, `RUN_BUSY`, `DATASET_INVALID` when the data is not what the run was trained on, and what
   *   loading the dataset and the weights throws
   */
  static async open(options: SessionOptions): Promise<TraceSession> {
    const { folder, config, environment, weights } = await openRun(options.run);
    const settings = settingsOf(options, config);
    await folder.requireUnlocked();
    const device = resolveDevice(options.device);
    await setThreads(options.threads);
    const dataset = await loadDataset(
      options.data ?? environment.data,
      options.datasetOptions ?? environment.dataOptions,
    );
    requireSameDataset(config.dataset.fingerprint, dataset, folder);
    requireGroups(dataset, ['train']);
    const loader = await openImages(config, dataset, { ...options, device });
    const model = await createModel(config, loader, new (native().Generator)(config.seed));
    try {
      await loadCheckpoint(model, weights, folder);
      const checkpoint = await weightsFingerprint(weights);
      return new TraceSession(options, settings, folder, config, dataset, loader, model, checkpoint);
    } catch (error) {
      model[Symbol.dispose]();
      loader[Symbol.dispose]();
      throw error;
    }
  }

  get unit(): Unit {
    return this.settings.unit;
  }

  /** What every trace of this session records. */
  get header(): SessionHeader {
    const { checkpoint, numNeurons } = this;
    const { gradientSource, ...settings } = this.settings;
    return {
      checkpoint,
      numNeurons,
      ...settings,
      gradientSource: { ...gradientSource, seed: this.options.seed },
    };
  }

  /** The layers that a criterion chooses from. */
  candidates(criterion: Criterion): readonly NeuronLayer[] {
    return criterion === 'gradient'
      ? this.unitLayers
      : magnitudeLayers(this.unitLayers, this.settings.magnitudeLayers);
  }

  /**
   * Checks what is to be selected before the long work.
   *
   * @param from where each k neurons come from: the whole model, or each of its layers, of which a smaller one gives all
   * @throws `NEURONS_INVALID` when there are not so many neurons, `USAGE` when nothing is asked for
   */
  requireTopK(
    criteria: readonly Criterion[],
    topK: readonly number[],
    from: 'model' | 'layer' = 'model',
  ): void {
    if (criteria.length === 0) throw new SpurmemError('USAGE', '--criterion needs at least one criterion.');
    if (topK.length === 0) throw new SpurmemError('USAGE', '--top-k needs at least one number of neurons.');
    for (const criterion of criteria) {
      const layers = this.candidates(criterion);
      const part = layers.length < this.unitLayers.length ? ' without its downsample convolutions' : '';
      const [count, whose] =
        from === 'model'
          ? [countNeurons(layers), `the model${part}`]
          : [Math.max(...layers.map(({ size }) => size)), `the largest layer of the model${part}`];
      for (const k of topK) requireTopK(k, count, whose);
    }
  }

  /** The k neurons that a criterion chooses for a group, highest score first. Throws `NEURONS_INVALID`. */
  async select(criterion: Criterion, group: number, k: number): Promise<Neuron[]> {
    const layers = this.candidates(criterion);
    return selectTopK(scoresOf(await this.scores(criterion, group), this.unitLayers, layers), layers, k);
  }

  /** A unit's place in the scores. */
  position(neuron: Pick<Neuron, 'layer' | 'index'>): number {
    let start = 0;
    for (const { name, size } of this.unitLayers) {
      if (name === neuron.layer) return start + neuron.index;
      start += size;
    }
    throw new RangeError(`The model has no layer ${neuron.layer}`);
  }

  /** Progress, signal and batch size, as the evaluating functions take them. */
  get job(): JobOptions & { readonly batchSize: number } {
    const { onProgress, signal, batchSize } = this.options;
    return { onProgress, signal, batchSize: batchSize ?? this.config.batchSize };
  }

  /** Scores of all neurons by a criterion for a group, [M] in layer order; computed once. */
  scores(criterion: Criterion, group: number): Promise<Float32Array> {
    const key = criterion === 'magnitude' ? criterion : `${criterion} ${group}`;
    const scores = this.#scores.get(key) ?? this.#score(criterion, group);
    this.#scores.set(key, scores);
    return scores;
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
    this.model[Symbol.dispose]();
  }

  async #score(criterion: Criterion, group: number): Promise<Float32Array> {
    if (criterion === 'magnitude') return magnitudeScores(this.model, this.unit);
    this.#sources ??= this.#drawSources();
    const source = (await this.#sources)[group];
    if (!source) throw new RangeError(`There is no group ${group}`);
    const { unit, loss } = this.settings;
    return gradientScores(this.model, this.loader, source, { ...this.job, unit, loss });
  }

  /** The samples that each group's gradient is taken on, drawn group after group from the seed. */
  async #drawSources(): Promise<readonly Int32Array[]> {
    const indices = this.dataset.splits.train;
    const { gradientSource, loss } = this.settings;
    const { losses } = await evaluate(this.model, this.loader, indices, {
      ...this.job,
      ...{ task: 'losses', loss },
    });
    // A generator of its own: the samples drawn do not depend on the architecture.
    const generator = new (native().Generator)(this.options.seed);
    const examples = Array.from(indices, (index, i): ScoredExample => ({ index, loss: losses[i] as number }));
    return this.dataset.groupNames.map((_, group) =>
      worstSamples(
        examples.filter(({ index }) => this.dataset.groups[index] === group),
        { ...gradientSource, generator },
      ),
    );
  }
}

/** Loads a run's own weights, whose head is the run's. Throws `WEIGHTS_INVALID`. */
async function loadCheckpoint(model: Model, path: string, folder: RunFolder): Promise<void> {
  const advice = `${folder.path} was trained with ${model.arch}, ${model.numClasses} classes: restore the checkpoint that it wrote.`;
  const { newHead } = await loadWeights(model, path, advice);
  if (newHead.length === 0) return;
  throw new SpurmemError('WEIGHTS_INVALID', `${path} has a head of other classes. ${advice}`);
}

function settingsOf(options: SessionOptions, config: RunConfig): TraceSettings {
  const protocol = options.protocol ?? 'article';
  return {
    protocol,
    unit: options.unit ?? 'neuron',
    loss: options.loss ?? config.loss,
    magnitudeLayers: options.magnitudeLayers ?? TRACE_DEFAULTS[protocol].magnitudeLayers,
    gradientSource: gradientSourceOf(protocol, options.gradientSource),
  };
}
