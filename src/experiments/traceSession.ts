import type { BatchLoader } from '../data/batches.js';
import { requireGroups, type Dataset, type DatasetOptions } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { evaluate } from '../metrics/evaluate.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Model } from '../models/model.js';
import { native, type Unit } from '../native/addon.js';
import { ENGINE_TYPES, openEngine, type EngineOptions } from '../native/engine.js';
import { criterionNamed, type CriterionName } from '../neurons/criteria.js';
import {
  candidateLayers,
  selectByCriterion,
  type GradientSamples,
  type ScoringContext,
} from '../neurons/criterion.js';
import type { ModelLayer, Neuron } from '../neurons/neuron.js';
import { meanOutputs } from '../neurons/neuronValues.js';
import { worstSamples, type ScoredExample } from '../neurons/score.js';
import { countNeurons, requireTopK, startOf, unitLayers } from '../neurons/select.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import { openDataset } from '../train/runData.js';
import { openRun, type RunConfig, type RunFolder } from '../train/runFolder.js';
import { loadModel, openImages } from '../train/runModel.js';
import { DATA_TYPES, PROTOCOL_TYPE, RUN_TYPE, SEED_TYPE } from '../train/runOptions.js';
import { checkOptions, checkValues, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import type { SettingsTable } from '../settings/setting.js';
import { callback, type ValueType } from '../settings/values.js';
import { precisionChange, type PrecisionChange } from './precisionChange.js';
import type { SessionHeader } from './results.js';
import { TRACE_SETTINGS, traceSettings, type SessionChoices, type TraceSettings } from './traceSettings.js';

/** What every trace takes. */
export interface SessionOptions extends JobOptions, EngineOptions, SessionChoices {
  /** A run that was trained. */
  readonly run: string;
  /** The dataset's folder, or the dataset where it is loaded already; by default the one that the run was trained on. */
  readonly data?: string | Dataset | undefined;
  /** How to read a folder; by default as in training. */
  readonly datasetOptions?: DatasetOptions | undefined;
  /** Of all draws; default: 0. */
  readonly seed?: number | undefined;
  /** Whose settings the others default to; default: the article's. */
  readonly protocol?: Protocol | undefined;
  /** Takes what a trace will evaluate, once its neurons are chosen. */
  readonly onPlan?: ((plan: TracePlan) => void) | undefined;
}

/** What a trace will evaluate, in passes of an image through a perturbed model. */
export interface TracePlan {
  /** The trace's settings and its session's. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Examples that are measured. */
  readonly examples: number;
  /** Of the chosen neurons, and once of the model as it is; at most, since equal variants are evaluated once. */
  readonly evaluations: number;
  /** Of random neurons, at most. */
  readonly randomEvaluations: number;
}

/** What every trace takes besides its settings. */
export const SESSION_TYPES: OptionTypes<Omit<SessionOptions, keyof SessionChoices>> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  run: RUN_TYPE,
  seed: SEED_TYPE,
  protocol: PROTOCOL_TYPE,
  onPlan: callback(),
};

/**
 * Checks a trace's options before the long work. Throws `USAGE` for one that there is none of, for one that is missing, and for
 * values out of range.
 */
export function checkTraceOptions(
  settings: SettingsTable,
  options: object,
  others: Readonly<Record<string, ValueType<unknown>>> = {},
): void {
  checkOptions(options, {
    types: { ...SESSION_TYPES, ...others },
    settings: { ...TRACE_SETTINGS.session, ...settings },
    required: ['run'],
  });
}

/** A trained run opened for tracing: its selected model, its data, and the scores of its neurons. */
export class TraceSession implements Disposable {
  /** The model's layers, each with as many units as it has neurons, or single weights where they are the unit. */
  readonly unitLayers: readonly ModelLayer[];
  /** Units in the whole model, M. */
  readonly numNeurons: number;
  /** Of all draws. */
  readonly seed: number;
  readonly #scores = new Map<string, Promise<Float32Array>>();
  #samples: Promise<readonly Int32Array[]> | undefined;
  #meanOutputs: Promise<Float64Array> | undefined;

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
    readonly precisionChange: PrecisionChange | undefined,
  ) {
    this.seed = options.seed ?? 0;
    this.unitLayers = unitLayers(model.description.layers, settings.unit);
    this.numNeurons = countNeurons(this.unitLayers);
  }

  /**
   * Opens a run.
   *
   * @param splits that must have examples of every group; none for those that score no neurons
   * @throws `USAGE` for settings out of range, `RUN_NOT_FOUND`, `RUN_BUSY`, `DATASET_INVALID` when the data is not what the
   *   run was trained on, and what loading the dataset and the weights throws
   */
  static async open(options: SessionOptions, splits: readonly Split[] = ['train']): Promise<TraceSession> {
    checkValues(options, { types: SESSION_TYPES, settings: TRACE_SETTINGS.session, required: ['run'] });
    const run = await openRun(options.run);
    const { folder, config, weights } = run;
    const settings = traceSettings(options, options.protocol ?? 'article', config);
    await folder.requireUnlocked();
    const { device } = await openEngine(options);
    const dataset = await openDataset(run, options);
    requireGroups(dataset, splits);
    const loader = await openImages(config, dataset, { ...options, device });
    const { precision } = settings;
    let model: Model | undefined;
    try {
      model = await loadModel({ ...config, precision }, loader, weights, folder);
      let change: PrecisionChange | undefined;
      if (precision !== config.precision) {
        using ofRun = await loadModel(config, loader, weights, folder);
        const { onProgress, signal, batchSize = config.batchSize } = options;
        const job = { onProgress, signal, batchSize };
        const asRun = { model: ofRun, precision: config.precision };
        change = await precisionChange({ model, precision }, asRun, loader, job);
      }
      const checkpoint = await weightsFingerprint(weights);
      return new TraceSession(options, settings, folder, config, dataset, loader, model, checkpoint, change);
    } catch (error) {
      model?.[Symbol.dispose]();
      loader[Symbol.dispose]();
      throw error;
    }
  }

  get unit(): Unit {
    return this.settings.unit;
  }

  /** What every trace of this session records. */
  get header(): SessionHeader {
    const { checkpoint, numNeurons, seed, precisionChange: precision } = this;
    const { protocol, unit, loss, magnitudeLayers, gradientWorst, gradientDrawn, gradientOrder } =
      this.settings;
    return {
      ...{ checkpoint, numNeurons, protocol, unit, loss, magnitudeLayers },
      gradientSource: { worst: gradientWorst, drawn: gradientDrawn, order: gradientOrder, seed },
      ...(precision ? { precision } : {}),
    };
  }

  /** The layers that a criterion chooses from. */
  candidates(criterion: CriterionName): readonly ModelLayer[] {
    return candidateLayers(criterionNamed(criterion), this.unitLayers, this.settings);
  }

  /**
   * Checks how many neurons are to be selected before the long work.
   *
   * @param from where each k neurons come from: the whole model, or each of its layers, of which a smaller one gives all
   * @throws `NEURONS_INVALID` when there are not so many neurons
   */
  requireTopK(
    criteria: readonly CriterionName[],
    topK: readonly number[],
    from: 'model' | 'layer' = 'model',
  ): void {
    for (const criterion of criteria) {
      const layers = this.candidates(criterion);
      const part = layers.length < this.unitLayers.length ? ` that ${criterion} chooses from` : '';
      const [count, whose] =
        from === 'model'
          ? [countNeurons(layers), part === '' ? 'the model' : `the part of the model${part}`]
          : [Math.max(...layers.map(({ size }) => size)), `the largest layer of the model${part}`];
      for (const k of topK) requireTopK(k, count, whose, 'topK');
    }
  }

  /** The k neurons that a criterion chooses for a group, highest score first. Throws `NEURONS_INVALID`. */
  async select(criterion: CriterionName, group: number, k: number): Promise<Neuron[]> {
    const scores = await this.scores(criterion, group);
    return selectByCriterion(criterionNamed(criterion), scores, this.unitLayers, this.settings, k);
  }

  /** The norm of each neuron's weights, [M] in layer order. */
  magnitudes(): Promise<Float32Array> {
    return this.scores('magnitude', 0);
  }

  /** A unit's place in the scores. */
  position(neuron: Pick<Neuron, 'layer' | 'index'>): number {
    return startOf(this.unitLayers, neuron.layer).start + neuron.index;
  }

  /** A layer's part of the scores. */
  ofLayer(scores: Float32Array, layer: string): Float32Array {
    const { start, size } = startOf(this.unitLayers, layer);
    return scores.subarray(start, start + size);
  }

  /** Scores of all single weights by a criterion for a group, in layer order; not kept: they are many. */
  weightScores(criterion: CriterionName, group: number): Promise<Float32Array> {
    return criterionNamed(criterion).scores({ ...this.#context(group), unit: 'weight' });
  }

  /** A neuron's part of the scores of single weights. */
  weightsOf(scores: Float32Array, { layer, index }: Pick<Neuron, 'layer' | 'index'>): Float32Array {
    const { start, size } = startOf(unitLayers(this.model.description.layers, 'weight'), layer);
    const ofNeuron = size / startOf(this.unitLayers, layer).size;
    return scores.subarray(start + index * ofNeuron, start + (index + 1) * ofNeuron);
  }

  /** Progress, signal and batch size, as the evaluating functions take them. */
  get job(): JobOptions & { readonly batchSize: number } {
    const { onProgress, signal, batchSize } = this.options;
    return { onProgress, signal, batchSize: batchSize ?? this.config.batchSize };
  }

  /** Scores of all neurons by a criterion for a group, [M] in layer order; computed once. */
  scores(criterion: CriterionName, group: number): Promise<Float32Array> {
    const { dependsOnGroup, scores: scoresOf } = criterionNamed(criterion);
    const key = dependsOnGroup ? `${criterion} ${group}` : criterion;
    const scores = this.#scores.get(key) ?? scoresOf(this.#context(group));
    this.#scores.set(key, scores);
    return scores;
  }

  /** The mean of each neuron's output over the training split, [M] in layer order; computed once. */
  meanOutputs(): Promise<Float64Array> {
    this.#meanOutputs ??= meanOutputs(this.model, this.loader, this.dataset.splits.train, this.job);
    return this.#meanOutputs;
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
    this.model[Symbol.dispose]();
  }

  #context(group: number): ScoringContext {
    const { model, loader } = this;
    const { unit, loss } = this.settings;
    return { ...this.job, model, loader, unit, loss, samples: () => this.#samplesOf(group) };
  }

  async #samplesOf(group: number): Promise<GradientSamples> {
    this.#samples ??= this.#drawSamples();
    const indices = (await this.#samples)[group];
    if (!indices) throw new RangeError(`There is no group ${group}`);
    return { indices };
  }

  /** The samples that each group's gradient is taken on, drawn group after group from the seed. */
  async #drawSamples(): Promise<readonly Int32Array[]> {
    const indices = this.dataset.splits.train;
    const { gradientWorst, gradientDrawn, gradientOrder, loss } = this.settings;
    const { losses } = await evaluate(this.model, this.loader, indices, {
      ...this.job,
      ...{ task: 'losses', loss },
    });
    // A generator of its own: the samples drawn do not depend on the architecture.
    const generator = new (native().Generator)(this.seed);
    const examples = Array.from(indices, (index, i): ScoredExample => ({ index, loss: losses[i] as number }));
    return this.dataset.groupNames.map((_, group) =>
      worstSamples(
        examples.filter(({ index }) => this.dataset.groups[index] === group),
        { worst: gradientWorst, drawn: gradientDrawn, order: gradientOrder, generator },
      ),
    );
  }
}
