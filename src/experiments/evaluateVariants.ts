import type { Batch, BatchLoader } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { type GroupAccuracies, GroupCounter } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import { PendingReads } from '../native/context.js';
import type { Tensor } from '../native/interface.js';
import { unknownLayer } from '../neurons/neuron.js';
import type { Variant } from '../neurons/perturb.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { checkValues } from '../settings/options.js';
import { integer } from '../settings/values.js';
import { countersOfProcesses, meansOfProcesses, MomentSums, OutcomeCounter } from './outcomeCounter.js';
import { type GroupOutcomes, judge, type Judged } from './outcomes.js';
import type { LostExample, TraceCost } from './results.js';

/** A variant, and the groups that it is evaluated on; default: all. */
export interface PlannedVariant extends Variant {
  readonly groups?: readonly number[] | undefined;
}

/** A model and its variants, evaluated on the same examples. */
export interface VariantOutcomes {
  /** The unperturbed model, on every group. */
  readonly baseline: GroupAccuracies;
  /** Its mean margin in logits, [numGroups]. */
  readonly baselineMargin: readonly number[];
  /** In the order given. */
  readonly variants: readonly GroupOutcomes[];
  /** The first examples that each variant lost, by group, up to the requested number. */
  readonly lost: readonly (readonly (readonly LostExample[])[])[];
  readonly cost: TraceCost;
}

/**
 * Evaluates a model and perturbed variants of it. The data is read once, in batches of one group each; a batch runs through the whole
 * model once, and then through each variant that needs its group, only from the first stage that the variant changes. Equal variants
 * are evaluated once. The model's weights do not change.
 *
 * @param indices positions in the dataset's examples, [N]
 * @throws `NEURONS_INVALID` when a variant names a layer that the model does not have
 */
export async function evaluateVariants(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  variants: readonly PlannedVariant[],
  options: JobOptions & {
    readonly batchSize: number;
    readonly task: string;
    /** Max lost examples to name, per variant and group; default: none. */
    readonly namedExamples?: number;
    /** Receives the answers of the model and of a variant, by its key, to some examples. */
    readonly onJudged?: (key: string, examples: Int32Array, before: Judged, after: Judged) => void;
  },
): Promise<VariantOutcomes> {
  const types = { batchSize: integer(1), namedExamples: integer(0) };
  checkValues(options, { types, required: ['batchSize'] });
  const { dataset } = loader;
  const { context } = model;
  const { batchSize, namedExamples = 0 } = options;
  const groups = Array.from({ length: dataset.numGroups }, (_, group) => group);
  const ofGroup = groups.map((group) => indices.filter((index) => dataset.groups[index] === group));
  const sizeOf = (group: number): number => ofGroup[group]?.length ?? 0;
  const distinct = mergeEqual(variants, groups).map((variant): CountedVariant => {
    const outcomes = groups.map(() => new OutcomeCounter(namedExamples));
    return { ...variant, stage: firstStage(model, variant), outcomes };
  });
  const total = distinct
    .flatMap((variant) => [...variant.groups])
    .reduce((sum, group) => sum + sizeOf(group), indices.length);
  await using pending = new PendingReads(context);
  const passes = new Passes(model, dataset, pending, { ...options, total });
  for await (const { group, batch } of batchesOfGroups(loader, ofGroup, batchSize)) {
    using current = batch;
    await passes.run(current, group, distinct);
  }
  await pending.drain();
  const outcomes = distinct.flatMap((variant) => variant.outcomes);
  const counters = await countersOfProcesses(context, outcomes);
  const byKey = new Map(
    distinct.map(({ key }, i) => [key, counters.slice(i * groups.length, (i + 1) * groups.length)]),
  );
  const [runForwards = 0] = await context.sum(Float64Array.of(passes.runForwards));
  return {
    baseline: (await passes.baseline.ofProcesses(context)).accuracies(dataset.counts.train),
    baselineMargin: await meansOfProcesses(context, passes.margins),
    variants: variants.map(({ key, groups: asked = groups }) =>
      groups.map((group) => {
        const isMeasured = asked.includes(group) || sizeOf(group) === 0;
        return isMeasured ? (byKey.get(key)?.[group]?.outcome ?? null) : null;
      }),
    ),
    lost: variants.map(({ key }) => byKey.get(key)?.map(({ first }) => first) ?? []),
    cost: costOf(variants.length * indices.length, runForwards),
  };
}

/** Returns this process's batches, each of one group. */
async function* batchesOfGroups(loader: BatchLoader, ofGroup: readonly Int32Array[], batchSize: number) {
  let turn = 0;
  for (const [group, indices] of ofGroup.entries()) {
    const { positions } = loader.context.shareOfBatches(indices.length, batchSize, turn);
    turn += Math.ceil(indices.length / batchSize);
    const own = positions.map((position) => indices[position] as number);
    for await (const batch of loader.evaluation(own, batchSize)) yield { group, batch };
  }
}

/** A variant with the groups that need it, the first stage that it changes, and its counts by group. */
interface CountedVariant extends Variant {
  readonly groups: ReadonlySet<number>;
  readonly stage: number;
  readonly outcomes: readonly OutcomeCounter[];
}

/** Runs a model and its variants over batches, and counts their answers. */
class Passes {
  readonly baseline: GroupCounter;
  readonly margins: readonly MomentSums[];
  /** Forward passes; one from a later stage counts as its share of the whole model. */
  runForwards = 0;
  #shares: readonly number[] | undefined;
  #done = 0;

  constructor(
    private readonly model: Model,
    private readonly dataset: Dataset,
    private readonly pending: PendingReads,
    private readonly options: Parameters<typeof evaluateVariants>[4] & { readonly total: number },
  ) {
    this.baseline = new GroupCounter(dataset.numGroups);
    this.margins = Array.from({ length: dataset.numGroups }, () => new MomentSums());
  }

  /** Runs the whole model over a batch of a group, then each variant that needs the group, from its stage on. */
  async run(batch: Batch, group: number, variants: readonly CountedVariant[]): Promise<void> {
    this.#shares ??= await remainingShares(this.model, batch);
    const { network, context } = this.model;
    const { signal, task, total, onJudged, onProgress } = this.options;
    const examples = batch.indices;
    const wanted = variants.filter(({ groups }) => groups.has(group));
    const stages = [...new Set(wanted.map(({ stage }) => stage))];
    const { logits, inputs } = await network.run(batch.images, { inputs: stages });
    try {
      const labels = examples.map((index) => this.dataset.labels[index] as number);
      const reading = judged(logits, labels);
      await this.pending.add({
        read: reading,
        finish: (before) => {
          for (const isRight of before.right) this.baseline.add(group, isRight);
          for (const margin of before.margins) this.margins[group]?.add(margin);
          this.runForwards += examples.length;
          this.#done += examples.length;
        },
      });
      for (const { key, stage, edits, outcomes } of wanted) {
        throwIfAborted(signal, task);
        const input = inputs[stages.indexOf(stage)];
        if (!input) throw new RangeError(`Stage ${stage} has no input`);
        const perturbed = (await network.run(input, { stage, edits })).logits;
        const share = this.#shares[stage] ?? 1;
        await this.pending.add({
          read: Promise.all([reading, judged(perturbed, labels)]),
          finish: ([before, after]) => {
            outcomes[group]?.add(examples, before, after);
            onJudged?.(key, examples, before, after);
            this.runForwards += examples.length * share;
            this.#done += examples.length;
            const done = Math.min(total, this.#done * context.worldSize);
            onProgress?.({ task, done, total, unit: 'evaluations' });
          },
          dispose() {
            perturbed.dispose();
          },
        });
      }
    } finally {
      // Pending reads hold the logits themselves.
      for (const tensor of [logits, ...inputs]) tensor.dispose();
    }
  }
}

/** Returns the forward passes of evaluating each variant alone on the whole split, and the computed ones. */
export function costOf(naiveForwards: number, runForwards: number): TraceCost {
  return { naiveForwards, runForwards, ratio: naiveForwards === 0 ? 0 : runForwards / naiveForwards };
}

/** Judges a batch from one copy of its logits. */
async function judged(logits: Tensor, labels: ArrayLike<number>): Promise<Judged> {
  return judge((await logits.data()) as Float32Array, labels);
}

/** Merges equal variants: one per key, on all groups that any of them needs. */
function mergeEqual(variants: readonly PlannedVariant[], allGroups: readonly number[]) {
  const merged = new Map<string, Variant & { groups: Set<number> }>();
  for (const { key, edits, groups } of variants) {
    const entry = merged.get(key) ?? { key, edits, groups: new Set<number>() };
    for (const group of groups ?? allGroups) entry.groups.add(group);
    merged.set(key, entry);
  }
  return [...merged.values()];
}

/** Returns, for each stage, the share of the model's multiply-adds in it and all later ones. */
async function remainingShares(model: Model, batch: Batch): Promise<number[]> {
  const { logits, costs } = await model.network.run(batch.images, { costs: true });
  logits.dispose();
  const whole = costs.reduce((sum, cost) => sum + cost, 0);
  return Array.from(costs, (_, stage) => costs.subarray(stage).reduce((sum, cost) => sum + cost, 0) / whole);
}

/** Returns the first stage that a variant changes; a variant that changes nothing starts at the last one. */
function firstStage(model: Model, variant: Variant): number {
  const { layers, stages } = model.description;
  let first = stages.length - 1;
  for (const { layer } of variant.edits) {
    const found = layers.find(({ name }) => name === layer);
    if (!found) throw unknownLayer(layer, layers);
    first = Math.min(first, found.stage);
  }
  return first;
}
