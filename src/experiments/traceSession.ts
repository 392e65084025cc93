import type { BatchLoader } from '../data/batches.js';
import { type Dataset, type DatasetOptions, emptyGroups, requireImages } from '../data/dataset.js';
import type { Split } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import type { Model } from '../models/model.js';
import { weightsFingerprint } from '../models/weightsFile.js';
import { native } from '../native/addon.js';
import { ENGINE_TYPES, type EngineOptions, openEngine } from '../native/engine.js';
import type { Unit } from '../native/interface.js';
import { CRITERIA } from '../neurons/criteria.js';
import {
  candidateLayers,
  checkedScores,
  type Criterion,
  ownScores,
  selectByCriterion,
} from '../neurons/criterion.js';
import type { ModelLayer, Neuron, NeuronPlace } from '../neurons/neuron.js';
import { meanOutputs } from '../neurons/perturb.js';
import { type GradientSamples, gradientSamples } from '../neurons/samples.js';
import { countNeurons, requireTopK, startOf, unitLayers } from '../neurons/select.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import { checkOptions, JOB_TYPES, type OptionTypes } from '../settings/options.js';
import { protocolOf, type SettingsTable } from '../settings/setting.js';
import type { ValueType } from '../settings/values.js';
import { openDataset } from '../train/runData.js';
import { openRun, type RunConfig, weightsAt } from '../train/runFolder.js';
import { loadModel, openImages } from '../train/runModel.js';
import { DATA_TYPES, PROTOCOL_TYPE, RUN_TYPE, SEED_TYPE } from '../train/runOptions.js';
import { RunWriter } from '../train/runWriter.js';
import { precisionChange } from './precisionChange.js';
import { atEpoch, type PrecisionChange, type SessionHeader } from './results.js';
import { requireTwoOfEach, type TrainingExamples, trainingExamples } from './samples.js';
import {
  type CriterionChoice,
  type SessionChoices,
  takenName,
  TRACE_SETTINGS,
  type TraceSettings,
  traceSettings,
} from './traceSettings.js';

export interface OfRunOptions extends JobOptions, EngineOptions {
  readonly run: string;
  /** The dataset's folder, or a loaded dataset; default: the dataset that the run was trained on. */
  readonly data?: string | Dataset | undefined;
  /** How to read a folder; default: as in training. */
  readonly datasetOptions?: DatasetOptions | undefined;
}

export const OF_RUN_TYPES: OptionTypes<OfRunOptions> = {
  ...JOB_TYPES,
  ...ENGINE_TYPES,
  ...DATA_TYPES,
  run: RUN_TYPE,
};

/** Options of every trace. */
export interface SessionOptions extends OfRunOptions, SessionChoices {
  /** The seed of all draws; default: 0. */
  readonly seed?: number | undefined;
  /** Default: the article's. */
  readonly protocol?: Protocol | undefined;
}

/** Types of every trace's options besides its settings. */
export const SESSION_TYPES: OptionTypes<Omit<SessionOptions, keyof SessionChoices>> = {
  ...OF_RUN_TYPES,
  seed: SEED_TYPE,
  protocol: PROTOCOL_TYPE,
};

/** Throws `USAGE` for an unknown or missing option of a trace, and for values out of range. */
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

/** Opens a session for one trace. */
export async function traceAlone<Options extends SessionOptions, Result>(
  settings: SettingsTable,
  options: Options,
  trace: (session: TraceSession, options: Options) => Promise<Result>,
): Promise<Result> {
  checkTraceOptions(settings, options);
  using session = await TraceSession.openChecked(options);
  return await trace(session, options);
}

/** A trained run opened for tracing: its selected model, its data, and the scores of its neurons. */
export class TraceSession implements Disposable {
  /** The model's layers, each with its number of units: neurons or single weights. */
  readonly unitLayers: readonly ModelLayer[];
  /** Units in the whole model, M. */
  readonly numNeurons: number;
  readonly seed: number;
  readonly #training: TrainingExamples;
  readonly #reported = new Set<Split>();
  /** The package's, and those of one's own that traces were given. */
  readonly #criteria = new Map<string, Criterion>(CRITERIA.map((criterion) => [criterion.name, criterion]));
  readonly #scores = new Map<string, Promise<Float32Array>>();
  #samples: Promise<readonly GradientSamples[]> | undefined;
  #meanOutputs: Promise<Float64Array> | undefined;

  private constructor(
    readonly options: SessionOptions,
    readonly settings: TraceSettings,
    readonly folder: RunWriter,
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
    this.#training = trainingExamples(dataset, { ...settings, seed: this.seed });
  }

  /**
   * Opens a run.
   *
   * @param splits that must have images
   * @throws `USAGE` for options out of range, `RUN_NOT_FOUND`, also for an epoch that the run has not kept, `RUN_BUSY`,
   *   `DATASET_INVALID` for other data than the run's, and what loading the dataset and the weights throws
   */
  static async open(options: SessionOptions, splits?: readonly Split[]): Promise<TraceSession> {
    checkTraceOptions({}, options);
    return TraceSession.openChecked(options, splits);
  }

  /** Like `open`, for options that are already checked. */
  static async openChecked(
    options: SessionOptions,
    splits: readonly Split[] = ['train'],
  ): Promise<TraceSession> {
    const run = await openRun(options.run);
    const { config } = run;
    const settings = traceSettings(options, protocolOf(TRACE_SETTINGS.session, options), config);
    const weights = await weightsAt(run, settings.epoch);
    await run.folder.requireUnlocked(options);
    const context = await openEngine(options);
    const folder = new RunWriter(run.folder.path, context, options);
    const { precision } = settings;
    let loader: BatchLoader | undefined;
    let model: Model | undefined;
    try {
      const dataset = await openDataset(run, options);
      requireImages(dataset, splits);
      if (settings.heldOutHalf) requireTwoOfEach(dataset);
      loader = await openImages(config, dataset, { ...options, context });
      model = await loadModel({ ...config, precision }, loader, weights, folder);
      let change: PrecisionChange | undefined;
      if (precision !== config.precision) {
        using ofRun = await loadModel(config, loader, weights, folder);
        const { onProgress, signal, batchSize = config.batchSize } = options;
        const asRun = { model: ofRun, precision: config.precision };
        const job = { onProgress, signal, batchSize };
        change = await precisionChange({ model, precision }, asRun, loader, job);
      }
      const checkpoint = await weightsFingerprint(weights);
      return new TraceSession(options, settings, folder, config, dataset, loader, model, checkpoint, change);
    } catch (error) {
      model?.[Symbol.dispose]();
      loader?.[Symbol.dispose]();
      context[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes a result into the run, under the name of its kind. */
  async record(result: { readonly kind: string }): Promise<void> {
    await this.folder.record(atEpoch(result.kind, this.settings), result);
  }

  /** The training examples on which neurons are chosen. */
  get chosenOn(): Int32Array {
    return this.#training.chosenOn;
  }

  get unit(): Unit {
    return this.settings.unit;
  }

  get header(): SessionHeader {
    const { precisionChange, settings } = this;
    const { protocol, unit, loss, magnitudeLayers, epoch, heldOutHalf } = settings;
    const { gradientWorst: worst, gradientDrawn: drawn, gradientOrder: order } = settings;
    return {
      checkpoint: this.checkpoint,
      numNeurons: this.numNeurons,
      protocol,
      unit,
      loss,
      magnitudeLayers,
      gradientSource: { worst, drawn, order, seed: this.seed },
      ...(epoch === undefined ? {} : { epoch }),
      ...(heldOutHalf ? { heldOutHalf } : {}),
      ...(precisionChange ? { precision: precisionChange } : {}),
    };
  }

  /** Returns the groups of a split with examples, and reports the others once. Throws `DATASET_EMPTY_GROUP` if it has no images. */
  groupsIn(split: Split): number[] {
    const { dataset } = this;
    requireImages(dataset, [split]);
    const problem = emptyGroups(dataset, [split]);
    if (problem !== undefined && !this.#reported.has(split)) {
      this.options.onWarning?.(`${problem} The trace leaves them out there.`);
    }
    this.#reported.add(split);
    return [...dataset.groupNames.keys()].filter((group) => dataset.counts[split][group] !== 0);
  }

  /** Returns the groups of a group's class, with itself. */
  groupsOfClass(group: number): number[] {
    const { groupNames, numSpurious } = this.dataset;
    const classOf = (one: number): number => Math.floor(one / numSpurious);
    return [...groupNames.keys()].filter((other) => classOf(other) === classOf(group));
  }

  /** Returns the examples of a split to test neurons on; with `heldOutHalf`, the training examples that did not choose them. */
  judgedOn(split: Split): Int32Array {
    return split === 'train' ? this.#training.judgedOn : this.dataset.splits[split];
  }

  /**
   * Returns the names of criteria, and keeps those of one's own for the methods that take a name. Throws `USAGE` if another criterion has the
   * name.
   */
  namesOf(criteria: readonly CriterionChoice[]): string[] {
    return criteria.map((one) => {
      if (typeof one === 'string') return one;
      const known = this.#criteria.get(one.name) ?? one;
      if (known !== one) throw takenName('criteria', 'criterion', one.name);
      this.#criteria.set(one.name, one);
      return one.name;
    });
  }

  /** Returns the criterion of a name. */
  criterion(name: string): Criterion {
    return this.#criteria.get(name) as Criterion;
  }

  /** Returns the layers that a criterion chooses from. */
  candidates(criterion: string): readonly ModelLayer[] {
    return candidateLayers(this.criterion(criterion), this.unitLayers, this.settings);
  }

  /**
   * Throws `NEURONS_INVALID` if there are fewer than k neurons to select from.
   *
   * @param from the source of each k neurons: the whole model, or each of its layers; a smaller layer gives all of its neurons
   */
  requireTopK(
    criteria: readonly string[],
    topK: readonly number[],
    {
      from = 'model',
      parameter = 'topK',
    }: { readonly from?: 'model' | 'layer'; readonly parameter?: string } = {},
  ): void {
    for (const criterion of criteria) {
      const layers = this.candidates(criterion);
      const part = layers.length < this.unitLayers.length ? ` that ${criterion} chooses from` : '';
      const [count, whose] =
        from === 'model'
          ? [countNeurons(layers), part === '' ? 'the model' : `the part of the model${part}`]
          : [Math.max(...layers.map(({ size }) => size)), `the largest layer of the model${part}`];
      for (const k of topK) requireTopK(k, count, whose, parameter);
    }
  }

  /** Returns the k neurons that a criterion chooses for a group, highest score first. */
  async select(criterion: string, group: number, k: number): Promise<Neuron[]> {
    const scores = await this.scores(criterion, group);
    return selectByCriterion(this.criterion(criterion), scores, this.unitLayers, this.settings, k);
  }

  /** Returns the norms of the neurons' weights, [M] in layer order. */
  magnitudes(): Promise<Float32Array> {
    return this.scores('magnitude', 0);
  }

  /** Returns a unit's index in the scores. */
  position(neuron: NeuronPlace): number {
    return startOf(this.unitLayers, neuron.layer).start + neuron.index;
  }

  /** Returns a layer's part of the scores. */
  ofLayer(scores: Float32Array, layer: string): Float32Array {
    const { start, size } = startOf(this.unitLayers, layer);
    return scores.subarray(start, start + size);
  }

  /** Returns scores of all single weights by a criterion for a group, in layer order; too many to cache. */
  weightScores(criterion: string, group: number): Promise<Float32Array> {
    return this.#scoresOf(criterion, group, 'weight');
  }

  /** Returns a neuron's part of the scores of single weights. */
  weightsOf(scores: Float32Array, { layer, index }: NeuronPlace): Float32Array {
    const { start, size } = startOf(unitLayers(this.model.description.layers, 'weight'), layer);
    const ofNeuron = size / startOf(this.unitLayers, layer).size;
    return scores.subarray(start + index * ofNeuron, start + (index + 1) * ofNeuron);
  }

  get job(): JobOptions & { readonly batchSize: number } {
    const { onProgress, signal, batchSize } = this.options;
    return { onProgress, signal, batchSize: batchSize ?? this.config.batchSize };
  }

  /** Returns scores of all neurons by a criterion for a group, [M] in layer order; computed once. */
  scores(criterion: string, group: number): Promise<Float32Array> {
    const key = this.criterion(criterion).dependsOnGroup ? `${criterion} ${group}` : criterion;
    const scores = this.#scores.get(key) ?? this.#scoresOf(criterion, group, this.settings.unit);
    this.#scores.set(key, scores);
    return scores;
  }

  /** Returns the mean of each neuron's output over the training split, [M] in layer order; computed once. */
  meanOutputs(): Promise<Float64Array> {
    this.#meanOutputs ??= meanOutputs(this.model, this.loader, this.dataset.splits.train, this.job);
    return this.#meanOutputs;
  }

  [Symbol.dispose](): void {
    this.loader[Symbol.dispose]();
    this.model[Symbol.dispose]();
    this.loader.context[Symbol.dispose]();
  }

  async #scoresOf(criterion: string, group: number, unit: Unit): Promise<Float32Array> {
    const { job, model, loader, settings } = this;
    const samples = () => this.#samplesOf([group]);
    const others = () => this.#samplesOf(this.#othersOf(group, criterion));
    const how = { ...job, model, loader, unit, loss: settings.loss, samples, others };
    const named = this.criterion(criterion);
    if (CRITERIA.some(({ name }) => name === criterion)) return named.scores(how);
    return checkedScores(criterion, await ownScores(named, how), unitLayers(model.description.layers, unit));
  }

  async #samplesOf(groups: readonly number[]): Promise<GradientSamples> {
    this.#samples ??= this.#drawSamples();
    const all = await this.#samples;
    const indices = groups.flatMap((group) => [...(all[group] as GradientSamples).indices]);
    return { indices: Int32Array.from(indices) };
  }

  /** Returns the other groups of a group's class with training images. Throws `DATASET_EMPTY_GROUP` if there are none. */
  #othersOf(group: number, criterion: string): number[] {
    const { groupNames, table } = this.dataset;
    const ofClass = this.groupsOfClass(group);
    const others = this.groupsIn('train').filter((other) => other !== group && ofClass.includes(other));
    if (others.length > 0) return others;
    const problem = `${table}: \`${criterion}\` needs images of another group of the class of group ${group} (${groupNames[group]}).`;
    const advice = ['Choose another criterion.'];
    throw new SpurmemError('DATASET_EMPTY_GROUP', problem, {
      parameter: 'criteria',
      value: criterion,
      advice,
    });
  }

  /** Returns the samples for each group's gradient, drawn group after group from the seed. */
  #drawSamples(): Promise<readonly GradientSamples[]> {
    const { dataset } = this;
    const { chosenOn } = this.#training;
    return gradientSamples(this.model, this.loader, chosenOn, {
      ...this.job,
      settings: this.settings,
      // Its own generator: the samples do not depend on the architecture.
      generator: new (native().Generator)(this.seed),
      task: 'losses',
      pools: dataset.groupNames.map((_, group) =>
        chosenOn.filter((index) => dataset.groups[index] === group),
      ),
    });
  }
}
