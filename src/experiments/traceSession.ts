import { BatchLoader } from '../data/batches.js';
import { loadDataset, requireGroups, type Dataset, type DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { evaluate } from '../metrics/evaluate.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { Model } from '../models/model.js';
import { loadWeights } from '../models/weights.js';
import { native, type Unit } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import type { Criterion, Neuron, NeuronLayer } from '../neurons/neuron.js';
import { gradientScores, magnitudeScores, worstSamples, type ScoredExample } from '../neurons/score.js';
import type { JobOptions } from '../progress.js';
import { openRun, type RunConfig, type RunFolder } from '../train/runFolder.js';
import type { TraceHeader } from './results.js';

/** Article, Methods: the gradient's source. */
export const GRADIENT_SOURCE = { worst: 256, drawn: 128 } as const;

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
  readonly batchSize?: number | undefined;
  readonly unit?: Unit | undefined;
}

/** A trained run opened for tracing: its selected model, its data, and the scores of its neurons. */
export class TraceSession implements Disposable {
  readonly #scores = new Map<string, Promise<Float32Array>>();
  #sources: Promise<readonly Int32Array[]> | undefined;

  private constructor(
    readonly options: SessionOptions,
    readonly folder: RunFolder,
    readonly config: RunConfig,
    readonly dataset: Dataset,
    readonly loader: BatchLoader,
    readonly model: Model,
    /** sha256 of the traced weights file. */
    readonly checkpoint: string,
  ) {}

  /**
   * Opens a run.
   *
   * @throws `RUN_NOT_FOUND`, `RUN_BUSY`, `DATASET_INVALID` when the data is not what the run was trained on, and what
   *   loading the dataset and the weights throws
   */
  static async open(options: SessionOptions): Promise<TraceSession> {
    const { folder, config, environment } = await openRun(options.run);
    await folder.requireUnlocked();
    const device = resolveDevice(options.device);
    await setThreads(options.threads);
    const dataset = await loadDataset(
      options.data ?? environment.data,
      options.datasetOptions ?? environment.dataOptions,
    );
    requireSameDataset(config.dataset.fingerprint, dataset, folder);
    requireGroups(dataset, ['train']);
    const loader = await BatchLoader.open(dataset, { ...options, device });
    const model = await Model.create({
      arch: config.arch,
      numClasses: dataset.numClasses,
      generator: new (native().Generator)(config.seed),
      imageSize: loader.inputSize,
      device,
    });
    await loadWeights(model, folder.best);
    const checkpoint = await weightsFingerprint(folder.best);
    return new TraceSession(options, folder, config, dataset, loader, model, checkpoint);
  }

  get unit(): Unit {
    return this.options.unit ?? 'neuron';
  }

  /** What every trace of this session records. */
  get header(): Pick<TraceHeader, 'checkpoint' | 'unit' | 'numNeurons' | 'gradientSource'> {
    return {
      checkpoint: this.checkpoint,
      unit: this.unit,
      numNeurons: this.numNeurons,
      gradientSource: { ...GRADIENT_SOURCE, seed: this.options.seed },
    };
  }

  /** The model's layers, each with as many units as it has neurons, or single weights where they are the unit. */
  get unitLayers(): NeuronLayer[] {
    return this.model.description.layers.map(({ name, size, weights }) => ({
      name,
      size: this.unit === 'neuron' ? size : size * weights,
    }));
  }

  /** Units in the whole model, M. */
  get numNeurons(): number {
    return this.unitLayers.reduce((sum, { size }) => sum + size, 0);
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
    return gradientScores(this.model, this.loader, source, { ...this.job, unit: this.unit });
  }

  /** The samples that each group's gradient is taken on, drawn group after group from the seed. */
  async #drawSources(): Promise<readonly Int32Array[]> {
    const indices = this.dataset.splits.train;
    const { losses } = await evaluate(this.model, this.loader, indices, { ...this.job, task: 'losses' });
    // A generator of its own: the samples drawn do not depend on the architecture.
    const generator = new (native().Generator)(this.options.seed);
    const examples = Array.from(indices, (index, i): ScoredExample => ({ index, loss: losses[i] as number }));
    return this.dataset.groupNames.map((_, group) =>
      worstSamples(
        examples.filter(({ index }) => this.dataset.groups[index] === group),
        { ...GRADIENT_SOURCE, generator },
      ),
    );
  }
}

function requireSameDataset(
  fingerprint: string,
  dataset: { readonly folder: string; readonly fingerprint: string },
  folder: RunFolder,
): void {
  if (dataset.fingerprint === fingerprint) return;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${dataset.folder} is not the dataset that ${folder.path} was trained on (its table or dataset.json differs). ` +
      'Name the right folder with --data, or train on this one.',
  );
}
